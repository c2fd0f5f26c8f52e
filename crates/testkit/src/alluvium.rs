//! A running Alluvium: started on a free port with a folder of its own, stopped, killed, started again on the same folder, and
//! gone when dropped. The address is the one that the server itself prints, so tests may run side by side.

use crate::{Client, Folder};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// An environment variable of the server: `("ALLUVIUM_LOG_SIZE", "1m")`.
pub type Setting<'a> = (&'a str, &'a str);

/// A server that a test started.
#[derive(Debug)]
pub struct Alluvium {
    binary: PathBuf,
    settings: Vec<(String, String)>,
    folder: Folder,
    child: Option<Child>,
    readers: Vec<JoinHandle<()>>,
    client: Client,
    log: Arc<Mutex<String>>,
}

impl Alluvium {
    /// Starts the binary with a new folder and waits until it listens.
    ///
    /// # Panics
    /// It does not start: the text holds what it wrote.
    #[must_use]
    pub fn start(binary: &str, settings: &[Setting<'_>]) -> Self {
        let mut server = Self {
            binary: PathBuf::from(binary),
            settings: settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            folder: Folder::new("data"),
            child: None,
            readers: Vec::new(),
            client: Client::new("127.0.0.1:0"),
            log: Arc::default(),
        };
        server.launch();
        server
    }

    /// Starts it again on the same folder after `stop`, `kill` or `wait`.
    ///
    /// # Panics
    /// It does not start: the text holds what it wrote.
    pub fn launch(&mut self) {
        if let Err(text) = self.try_launch() {
            panic!("Alluvium does not start: {text}\n{}", self.log());
        }
    }

    /// The same, with a start that fails told in words.
    ///
    /// # Errors
    /// The process ended or said nothing for 60 s.
    pub fn try_launch(&mut self) -> Result<(), String> {
        self.end();
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--http-bind-address", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("ALLUVIUM_") || name.starts_with("INFLUXDB_") {
                command.env_remove(name); // what steers the tests must not steer the server
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        // One pipe for both, so that what was said before the greeting is in the log when the greeting is.
        let (said, out) = std::io::pipe().map_err(|error| format!("no pipe: {error}"))?;
        let errors = out.try_clone().map_err(|error| format!("no pipe: {error}"))?;
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        let child = command.spawn().map_err(|error| format!("{}: {error}", self.binary.display()))?;
        drop(command); // its ends of the pipe would keep the reader waiting
        self.child = Some(child);
        let (sender, receiver) = std::sync::mpsc::channel();
        let log = Arc::clone(&self.log);
        self.readers.push(std::thread::spawn(move || {
            drain(said, &log, &|line| {
                let found = line.split_once("listens on http://").map(|(_, rest)| rest);
                if let Some(address) = found.and_then(|rest| rest.split(',').next()) {
                    let _ = sender.send(address.to_owned()); // nobody waits for a second greeting
                }
            });
        }));
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(address) => {
                self.client = Client::new(&address);
                Ok(())
            }
            Err(_) => {
                let status = self.kill();
                Err(format!("no greeting within 60 s or before its end ({status:?})"))
            }
        }
    }

    /// Ends it by SIGTERM and waits.
    ///
    /// # Panics
    /// It does not end within 60 s.
    pub fn stop(&mut self) -> ExitStatus {
        let id = self.id().expect("a stopped server cannot be stopped");
        let sent = Command::new("kill").args(["-TERM", &id.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIGTERM to {id}");
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < until, "no end within 60 s of SIGTERM: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it by SIGKILL; the status, if it ran.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        let _ = child.kill(); // it may have ended by itself
        let status = child.wait().ok();
        self.hear_out();
        status
    }

    /// Waits until all that the ended server wrote is in the log.
    fn hear_out(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join(); // a reader that panicked has nothing to add
        }
    }

    /// Its status if it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        self.hear_out();
        Some(status)
    }

    fn end(&mut self) {
        self.kill();
    }

    /// Its process number while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// A client of it; every start has a new one.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The folder of its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Adds or replaces a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(found, _)| found != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// What it has written to stdout and stderr in all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All files of its data folder.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.data(), &mut found);
        found.sort();
        found
    }
}

impl Drop for Alluvium {
    fn drop(&mut self) {
        self.end();
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn drain(from: impl Read, log: &Mutex<String>, seen: &dyn Fn(&str)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        seen(text.trim_end());
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < 1 << 20 {
            log.push_str(&text);
        }
        line.clear();
    }
}

/// Runs a program to its end within the time given; status, stdout and stderr.
///
/// # Errors
/// It cannot be started or does not end; it is killed then.
pub fn run_to_end(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String, String), String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let reader = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut from) = from {
                let _ = from.read_to_end(&mut bytes); // what came before an error is what there is
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = reader(child.stdout.take().map(|from| Box::new(from) as _));
    let err = reader(child.stderr.take().map(|from| Box::new(from) as _));
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => break Err(format!("{command:?} has not ended after {limit:?}")),
            Err(error) => break Err(format!("{command:?}: {error}")),
        }
    };
    let _ = child.kill(); // it has ended, or must
    let _ = child.wait();
    let texts = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    status.map(|status| (status, texts.0, texts.1))
}
