//! Headers and lengths. Lines of code are those that are neither blank nor comment; tests are not counted. The source is
//! formatted by rustfmt, so a function ends at the first closing brace that is indented as its first line is.

use crate::{files, none, read, root};
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 800;
const LONGEST_FUNCTION: usize = 100;
const RATCHET_FUNCTION: usize = 60;
/// Half of the files, nine of ten files; half of the functions, nine of ten, 99 of a hundred: code lines at the most.
const BUDGETS: [(&str, usize, usize); 5] = [
    ("median file", 50, 150),
    ("p90 file", 90, 400),
    ("median function", 50, 10),
    ("p90 function", 90, 30),
    ("p99 function", 99, 80),
];
/// Registries: one entry after the other, as long as they have to be.
const REGISTRIES: &[&str] = &["crates/alluvium/src/config/keys.rs"];

/// A piece of code and its lines.
struct Piece {
    place: String,
    lines: usize,
}

fn sources() -> Vec<PathBuf> {
    let mut found = files(&root().join("crates"), &[".rs"]);
    found.extend(files(&root().join("tests"), &[".rs"]));
    found.extend(files(&root().join("fuzz"), &[".rs"]));
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let inside = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    name.ends_with("tests.rs") || ["tests", "examples", "benches", "testkit", "fuzz"].into_iter().any(inside)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

/// The text without its tests: a module under `#[cfg(test)]` ends the code of a file.
fn without_tests(text: &str) -> &str {
    let at = text.find("\n#[cfg(test)]\nmod ").or_else(|| text.find("\n#[cfg(test)]\n#[path"));
    at.map_or(text, |at| &text[..at])
}

/// The functions of a file: place and lines of code between the braces.
fn functions(path: &Path, text: &str) -> Vec<Piece> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let named = body.split(['(', '<', '{', '=', '"']).next().unwrap_or_default();
        if !named.split_whitespace().any(|word| word == "fn") || body.starts_with("//") {
            continue;
        }
        if body.ends_with('}') || body.ends_with(';') {
            found.push(Piece { place: format!("{}:{}", shown(path), index + 1), lines: 1 });
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let Some(end) = lines[index..].iter().position(|line| *line == close) else { continue };
        let count = lines[index..index + end].iter().filter(|line| is_code(line)).count().saturating_sub(1);
        found.push(Piece { place: format!("{}:{}", shown(path), index + 1), lines: count });
    }
    found
}

fn measured() -> (Vec<Piece>, Vec<Piece>) {
    let mut of_files = Vec::new();
    let mut of_functions = Vec::new();
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let text = read(&path);
        let code = without_tests(&text);
        let lines = code.lines().filter(|line| is_code(line)).count();
        if !REGISTRIES.contains(&shown(&path).as_str()) {
            of_files.push(Piece { place: shown(&path), lines });
        }
        of_functions.extend(functions(&path, code));
    }
    (of_files, of_functions)
}

fn percentile(pieces: &[Piece], percent: usize) -> usize {
    let mut lines: Vec<usize> = pieces.iter().map(|piece| piece.lines).collect();
    lines.sort_unstable();
    lines[(lines.len() - 1) * percent / 100]
}

fn longer_than(pieces: &[Piece], most: usize) -> Vec<String> {
    pieces.iter().filter(|piece| piece.lines > most).map(|piece| format!("{}: {}", piece.place, piece.lines)).collect()
}

#[test]
fn every_module_has_a_header() {
    let without = sources().into_iter().filter(|path| !read(path).trim_start().starts_with("//!"));
    let complaints: Vec<String> = without.map(|path| shown(&path)).collect();
    none("a module does not open with //!", &complaints);
}

#[test]
fn files_and_functions_stay_short() {
    let (of_files, of_functions) = measured();
    none("a file is too long", &longer_than(&of_files, LONGEST_FILE));
    none("a function is too long", &longer_than(&of_functions, LONGEST_FUNCTION));
    for (what, percent, most) in BUDGETS {
        let pieces = if what.ends_with("file") { &of_files } else { &of_functions };
        let lines = percentile(pieces, percent);
        assert!(lines <= most, "the {what} has {lines} lines of code, {most} are allowed");
    }
    let ratchet = read(&root().join("crates/testkit/tests/tidy/ratchet.txt"));
    let allowed: usize = ratchet.trim().parse().expect("the ratchet is a number");
    let long = longer_than(&of_functions, RATCHET_FUNCTION);
    let text = format!("{} functions have more than {RATCHET_FUNCTION} lines, {allowed} are allowed", long.len());
    assert!(long.len() <= allowed, "{text}:\n  {}", long.join("\n  "));
    assert!(long.len() == allowed, "{text}: lower the number in ratchet.txt");
}

#[test]
fn the_counters_count() {
    let text = "//! x\nfn a() {\n    // why\n    b();\n\n    c();\n}\nfn d() {}\n#[cfg(test)]\nmod tests {}\n";
    let code = without_tests(text);
    assert!(!code.contains("mod tests"));
    let lengths: Vec<usize> = functions(Path::new("x"), code).iter().map(|piece| piece.lines).collect();
    assert_eq!(lengths, [2, 1]);
}
