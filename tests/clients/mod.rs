//! Real clients: the shell `influx`, Telegraf, what Grafana sends, and the client libraries of Python, Go (for version 2 too), JavaScript and Java. Where the shell or Python is
//! missing the test fails and says what to install, unless `ALLUVIUM_SKIP_CLIENTS` is set; where the tools of another language are, it is left out.
//!
//! The libraries but Python's are driven by a program each, which prints what the library understood of each answer. What was printed of a
//! real InfluxDB is recorded beside the program, and must be printed of Alluvium too.

mod go;
mod grafana;
mod influx;
mod java;
mod javascript;
mod python;
mod telegraf;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Whether these tests are left out.
fn skipped() -> bool {
    let skipped = std::env::var_os("ALLUVIUM_SKIP_CLIENTS").is_some_and(|value| !value.is_empty());
    if skipped {
        eprintln!("left out: ALLUVIUM_SKIP_CLIENTS is set");
    }
    skipped
}

/// Whether a program can be started.
fn exists(program: &str) -> bool {
    let found = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&found).any(|folder| folder.join(program).is_file())
}

/// Runs a script of the repository that prints a path on its last line.
fn prepared(script: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(script);
    let (status, out, err) = testkit::run_to_end(&mut Command::new(&path), Duration::from_secs(900)).unwrap();
    assert!(status.success(), "{}: {err}", path.display());
    PathBuf::from(out.trim().lines().last().unwrap_or_default())
}

/// The shell with these arguments, connected to the server; what it prints.
fn influx(server: &testkit::Alluvium, arguments: &[&str]) -> String {
    assert!(exists("influx"), "`influx` is missing: apt-get install influxdb-client, or set ALLUVIUM_SKIP_CLIENTS=1");
    let (host, port) = server.client().address().split_once(':').unwrap();
    let home = testkit::Folder::new("influx-home");
    let mut command = Command::new("influx");
    command.args(["-host", host, "-port", port]).args(arguments).env("HOME", home.path());
    command.stdin(std::process::Stdio::null());
    let (status, out, err) = testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap();
    assert!(status.success(), "influx {arguments:?}: {out}{err}");
    out
}

/// Runs a program against a server with authentication on which nobody is a user yet, and compares what it prints with what it printed
/// of InfluxDB, which `tests/clients/NAME.txt` has. With a live InfluxDB that is compared too, or written anew.
fn told_alike(name: &str, program: &dyn Fn(&str) -> Command) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(format!("{name}.txt"));
    let run = |address: &str| {
        let (status, out, err) = testkit::run_to_end(&mut program(address), Duration::from_secs(120)).unwrap();
        assert!(status.success(), "{name}: {out}{err}");
        out
    };
    if testkit::Peer::wanted() {
        let peer = testkit::Peer::start_with("influxdb", &[("INFLUXDB_HTTP_AUTH_ENABLED", "true")]);
        let told = run(peer.client().address());
        if std::env::var_os("ALLUVIUM_RECORD").is_some() {
            std::fs::write(&path, &told).unwrap();
        }
        compare(name, &std::fs::read_to_string(&path).unwrap(), &told, "a live InfluxDB");
    }
    let server = crate::start(&[("ALLUVIUM_HTTP_AUTH_ENABLED", "true")]);
    compare(name, &std::fs::read_to_string(&path).unwrap(), &run(server.client().address()), "Alluvium");
}

/// Fails with the first line in which two texts differ.
fn compare(name: &str, recorded: &str, told: &str, who: &str) {
    let (mut wanted, mut found) = (recorded.lines(), told.lines());
    for line in 1.. {
        let (wanted, found) = (wanted.next(), found.next());
        assert_eq!(found, wanted, "{name}, line {line} of {who}: left is what it printed, right what is recorded");
        if wanted.is_none() {
            break;
        }
    }
}
