//! Links and paths in pages lead somewhere.

use crate::{files, none, read, root};
use std::path::Path;

const FOLDERS: &[&str] = &["crates/", "docs/", "tests/", "scripts/", "fuzz/", ".ci/"];

/// Targets of `[text](target)` that are no web address, and paths between backticks that begin with a folder of the project.
fn targets(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect();
    let quoted =
        text.split('`').skip(1).step_by(2).filter(|quoted| FOLDERS.iter().any(|folder| quoted.starts_with(folder)));
    found.extend(quoted.filter(|path| !path.contains(['*', ' ', '{', '<'])).map(str::to_owned));
    found
}

#[test]
fn links_and_paths_lead_somewhere() {
    let root = root();
    let mut complaints = Vec::new();
    for page in files(&root, &[".md"]) {
        let folder = page.parent().unwrap_or(Path::new("."));
        for target in targets(&read(&page)) {
            if !root.join(&target).exists() && !folder.join(&target).exists() {
                complaints.push(format!("{}: {target}", page.strip_prefix(&root).unwrap_or(&page).display()));
            }
        }
    }
    none("a page names what is not there", &complaints);
}

#[test]
fn finds_links_and_paths() {
    let found = targets("see [a](b.md#c) and [d](https://x/y), `crates/model`, `crates/*/src`, `cargo test`");
    assert_eq!(found, ["b.md", "crates/model"]);
}
