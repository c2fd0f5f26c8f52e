//! Real clients: the shell `influx`, Telegraf and the Python client. Where one is missing the test fails and says what to
//! install, unless `ALLUVIUM_SKIP_CLIENTS` is set.

mod influx;
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
