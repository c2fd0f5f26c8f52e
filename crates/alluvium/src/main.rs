//! Alluvium's command line.
fn main() {}
