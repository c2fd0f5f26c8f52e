//! A crate may depend, for tests too, only on crates that stand above it in the workspace's list of members; heavy families stay
//! at the edge; the default binary is built from a bounded number of packages.

use crate::{none, read, root};
use std::collections::BTreeSet;

/// Only `node` and what stands below it may use these (`testkit` is for tests only).
const EDGE_ONLY: &[&str] = &["tokio", "hyper", "hyper-util", "serde_json"];
const MOST_PACKAGES: usize = 220;

fn members() -> Vec<String> {
    let text = read(&root().join("Cargo.toml"));
    let list = text
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("the manifest lists members")
        .0;
    list.split('"').filter_map(|part| part.strip_prefix("crates/")).map(str::to_owned).collect()
}

/// The names in the dependency sections of a crate's manifest.
fn dependencies(member: &str) -> BTreeSet<String> {
    let text = read(&root().join("crates").join(member).join("Cargo.toml"));
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && let Some((name, _)) = line.split_once(['.', '=', ' ']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

#[test]
fn crates_depend_upwards_only() {
    let members = members();
    assert!(members.len() > 5, "the list of members was not read: {members:?}");
    let mut complaints = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let below: BTreeSet<&String> = members[index..].iter().collect();
        complaints.extend(
            dependencies(member).iter().filter(|name| below.contains(name)).map(|name| format!("{member} uses {name}")),
        );
    }
    none("a crate uses one that does not stand above it", &complaints);
}

#[test]
fn heavy_families_stay_at_the_edge() {
    let members = members();
    let node = members.iter().position(|member| member == "node").expect("there is a node");
    let mut complaints = Vec::new();
    for member in members[..node].iter().filter(|member| *member != "testkit") {
        let used = dependencies(member);
        complaints
            .extend(EDGE_ONLY.iter().filter(|name| used.contains(**name)).map(|name| format!("{member} uses {name}")));
    }
    none("a crate above node uses what belongs to the edge", &complaints);
}

#[test]
fn the_binary_is_built_from_few_packages() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "alluvium", "--edges", "normal", "--prefix", "none"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let packages: BTreeSet<&str> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    assert!(packages.len() <= MOST_PACKAGES, "{} packages, {MOST_PACKAGES} are allowed", packages.len());
}
