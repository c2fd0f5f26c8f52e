//! The rules of the house, held by a test: the order of layers, a header on every module, the length of files and functions, the
//! number of packages, and that links and paths in pages lead somewhere.
//!
//! Lengths are held by a ratchet: `tests/tidy/ratchet.txt` says how many functions are over 60 lines today; the number may only
//! fall, and no function may have more than 100 lines, no file more than 800.
#![allow(clippy::disallowed_methods, reason = "the test reads the source tree itself, not data of the program")]

mod layers;
mod pages;
mod source;

use std::path::{Path, PathBuf};

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the root")
        .to_owned()
}

/// All files below `folder` with one of the endings, sorted; build products and hidden folders are passed over.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "alluvium-data", "corpus"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The file's text.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with all complaints, if there are any.
fn none(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n  {}", complaints.join("\n  "));
}
