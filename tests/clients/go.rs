//! The Go client of InfluxDB 1.x, both of its packages, and that of InfluxDB 2: everything that they offer over HTTP and InfluxDB 1.x has, told
//! by `go/`.

use super::{exists, prepared, skipped, told_alike};
use std::process::Command;

fn package(name: &str) {
    if skipped() {
        return;
    }
    if !exists("go") {
        eprintln!("left out: Go is not installed");
        return;
    }
    let binary = prepared("go-client");
    told_alike(&format!("go/{name}"), &|address| {
        let mut command = Command::new(&binary);
        command.args([name, address]);
        command
    });
}

#[test]
fn first_package() {
    package("v1");
}

#[test]
fn second_package() {
    package("v2");
}

#[test]
fn client_of_version_two() {
    package("second");
}
