//! What a process costs: processor time and memory, from `/proc`.

#![allow(clippy::disallowed_methods, reason = "/proc lies outside every data folder")]

use rustix::process::{Resource, Rlimit};
use std::io;
use std::sync::OnceLock;

/// Ticks of the times in `/proc/PID/stat` in a second: part of Linux's ABI on every architecture we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Seconds of processor time, user and system, all threads.
    pub cpu_seconds: f64,
    /// Bytes of memory in residence.
    pub resident_bytes: u64,
    /// The most memory that was ever in residence, in bytes.
    pub peak_resident_bytes: u64,
}

/// The usage of a process; an error if there is none of that id.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("no {what} in /proc/{pid}"));
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Usage {
        cpu_seconds: cpu_seconds(&stat).ok_or_else(|| bad("processor time"))?,
        // A zombie has no memory and no such lines.
        resident_bytes: kibibytes(&status, "VmRSS:").unwrap_or(0),
        peak_resident_bytes: kibibytes(&status, "VmHWM:").unwrap_or(0),
    })
}

/// The usage of this process.
pub fn own_usage() -> io::Result<Usage> {
    usage(std::process::id())
}

/// Lets this process open as many files as its hard limit allows: a segment that was read stays open, and the usual soft
/// limit of 1,024 is for programs that use `select`. Returns the limit; `None` for none.
pub fn raise_file_limit() -> Option<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    match rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Processors that this process might use when it first asked, at least 1.
pub fn cpus() -> usize {
    static CPUS: OnceLock<usize> = OnceLock::new();
    *CPUS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Fields 14 and 15 of `stat`. The second field, the name, may hold blanks and parentheses: count from behind it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_SECOND)
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5 1 1";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a"), None);
    }

    #[test]
    fn the_limit_of_files_is_raised() {
        let limit = raise_file_limit();
        assert_eq!(rustix::process::getrlimit(Resource::Nofile).current, limit);
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = own_usage().unwrap();
        assert!(usage.resident_bytes > 100_000 && usage.peak_resident_bytes >= usage.resident_bytes, "{usage:?}");
        assert!(cpus() >= 1);
        super::usage(u32::MAX).unwrap_err();
    }
}
