//! The JavaScript client of InfluxDB 1.x, `influx`: everything that it offers, told by `javascript/`.

use super::{exists, prepared, skipped, told_alike};
use std::process::Command;

#[test]
fn javascript() {
    if skipped() {
        return;
    }
    if !exists("node") || !exists("npm") {
        eprintln!("left out: Node.js or npm is not installed");
        return;
    }
    let program = prepared("javascript-client");
    told_alike("javascript/client", &|address| {
        let mut command = Command::new("node");
        command.arg(&program).arg(address);
        command
    });
}
