//! The Java client of InfluxDB 1.x, `influxdb-java`: everything that it offers over HTTP, in JSON and in MessagePack, told by `java/`.

use super::{exists, prepared, skipped, told_alike};
use std::process::Command;

#[test]
fn java() {
    if skipped() {
        return;
    }
    if !exists("javac") || !exists("mvn") {
        eprintln!("left out: a JDK or Maven is not installed");
        return;
    }
    let program = prepared("java-client");
    told_alike("java/clients", &|address| {
        let mut command = Command::new(&program);
        command.arg(address);
        command
    });
}
