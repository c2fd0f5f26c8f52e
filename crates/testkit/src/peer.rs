//! A real InfluxDB, started by the repository's `scripts/peers`. Used only when `ALLUVIUM_PEER=live`, as building it takes
//! minutes; otherwise tests compare with its recorded answers.

use crate::{Client, Folder, Setting};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A real InfluxDB that a test started.
#[derive(Debug)]
pub struct Peer {
    folder: Folder,
    client: Client,
}

impl Peer {
    /// Whether tests are asked to run against one.
    #[must_use]
    pub fn wanted() -> bool {
        std::env::var("ALLUVIUM_PEER").is_ok_and(|value| value == "live")
    }

    /// Whether the system is built; `start` builds what is not.
    ///
    /// # Panics
    /// `scripts/peers` cannot be run.
    #[must_use]
    pub fn is_built(system: &str) -> bool {
        let folder = peers(&["path".as_ref(), Path::new(system)], &[]);
        Path::new(folder.trim()).join(system.replace("influxdb", "influxd")).is_file()
    }

    /// Starts the system (`influxdb` or `influxdb-uint`), installing it if need be.
    ///
    /// # Panics
    /// It cannot be installed or started.
    #[must_use]
    pub fn start(system: &str) -> Self {
        Self::start_with(system, &[])
    }

    /// The same, with settings: `("INFLUXDB_COORDINATOR_QUERY_TIMEOUT", "10s")`.
    ///
    /// # Panics
    /// It cannot be installed or started.
    #[must_use]
    pub fn start_with(system: &str, settings: &[Setting<'_>]) -> Self {
        let folder = Folder::new("peer");
        peers(&["install".as_ref(), Path::new(system)], &[]);
        let said = peers(&["start".as_ref(), Path::new(system), folder.path()], settings);
        let url =
            said.lines().find_map(|line| line.strip_prefix("INFLUXDB_URL=")).expect("a started peer prints its URL");
        let client = Client::new(url);
        Self { folder, client }
    }

    /// A client of it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("stop").arg(self.folder.path()).status(); // nothing more can be done
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/peers")
}

/// Runs `scripts/peers`. Its output goes to a file: a server that it starts keeps what it inherits open, and a pipe would
/// never end.
fn peers(arguments: &[&Path], settings: &[Setting<'_>]) -> String {
    let scratch = Folder::new("peers-output");
    let path = scratch.path().join("stdout");
    let file = std::fs::File::create(&path).expect("a new folder can be written");
    let settings = settings.iter().copied();
    let status =
        Command::new(script()).args(arguments).envs(settings).stdout(file).stdin(std::process::Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "scripts/peers {arguments:?}: {status:?}");
    std::fs::read_to_string(&path).unwrap_or_default()
}
