//! How the node is, for operators: at the start in the log, afterwards by [`Node::health`].
//!
//! One rule for levels of the log: what keeps writes or queries from being answered until somebody acts is an error, what an
//! operator should only know of is a warning.

use crate::catalog::State;
use crate::node::{Node, NodeError};
use crate::salvage::Owners;
use std::collections::BTreeSet;
use storage::{Engine, MissingSegment, StorageError};

/// Files that are told one by one; the others are counted.
const TOLD: usize = 10;

/// How the node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Pass,
    /// It takes writes, but some queries fail: why.
    Warn(String),
    /// It takes no writes: why.
    Fail(String),
}

impl Node {
    /// How the node is now.
    #[must_use]
    pub fn health(&self) -> Health {
        let engine = &self.inner.engine;
        judge(
            self.closed_because().or_else(|| engine.full_because()),
            engine.missing_segments(),
            &engine.damaged_segments(),
        )
    }
}

fn judge(
    closed: Option<String>,
    missing: Result<Vec<MissingSegment>, StorageError>,
    damaged: &BTreeSet<String>,
) -> Health {
    let missing = missing.map(|missing| missing.into_iter().map(|segment| segment.file).collect::<BTreeSet<_>>());
    let gone = match &missing {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(files("missing", missing)),
        Err(error) => Some(format!("the folder of segments cannot be read: {error}")),
    };
    let others: BTreeSet<String> = damaged.difference(missing.as_ref().unwrap_or(&BTreeSet::new())).cloned().collect();
    let bad = (!others.is_empty()).then(|| files("damaged", &others));
    let hurt = [gone, bad].into_iter().flatten().reduce(|gone, bad| format!("{gone}; {bad}"));
    match (closed, hurt) {
        (None, None) => Health::Pass,
        (None, Some(hurt)) => Health::Warn(hurt),
        (Some(closed), None) => Health::Fail(closed),
        (Some(closed), Some(hurt)) => Health::Fail(format!("{closed}; {hurt}")),
    }
}

/// Which files are gone or bad, in words.
fn files(how: &str, files: &BTreeSet<String>) -> String {
    let told: Vec<&str> = files.iter().map(String::as_str).take(TOLD).collect();
    let more = if files.len() > TOLD { format!(" and {} more", files.len() - TOLD) } else { String::new() };
    format!("files of segments are {how}, queries that may need them fail: {}{more}", told.join(", "))
}

/// Writes what the start has found to the log.
///
/// # Errors
/// The folder of segments cannot be read.
pub(crate) fn tell(engine: &Engine, state: &State) -> Result<(), NodeError> {
    let rows = engine.rows_in_memory();
    if rows > 0 {
        tracing::info!(rows, "read back from the log, as the server was not stopped before");
    }
    if let Some(text) = engine.torn_tail() {
        tracing::warn!(
            "torn log: {text}; a crash leaves it so where a write was under way, which was not acknowledged then; \
             if nothing has crashed, the file was changed by something else and rows may be lost"
        );
    }
    if let Some(why) = engine.closed_because() {
        tracing::error!("{why}; `alluvium salvage --dry-run` says more and changes nothing");
    }
    let missing = engine.missing_segments()?;
    let owners = if missing.is_empty() { None } else { Some(Owners::new(state)) };
    for (segment, owners) in missing.iter().zip(owners.iter().cycle()).take(TOLD) {
        let what = owners.of_missing(segment);
        tracing::error!("a file of segments is missing, queries that may need it fail until it is put back: {what}");
    }
    if missing.len() > TOLD {
        tracing::error!("{} segments are missing in all: `alluvium salvage --dry-run` lists them", missing.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TimeRange;

    fn missing(count: usize) -> Vec<MissingSegment> {
        let segment = |at: usize| MissingSegment {
            file: format!("segments/{at:02}"),
            shard: at as u64,
            rows: 1,
            range: TimeRange::new(0, 1),
            measurements: Vec::new(),
        };
        (0..count).map(segment).collect()
    }

    #[test]
    fn health_says_what_is_missing() {
        let none = BTreeSet::new();
        assert_eq!(judge(None, Ok(Vec::new()), &none), Health::Pass);
        let Health::Warn(text) = judge(None, Ok(missing(12)), &none) else { panic!("writes are taken") };
        assert!(
            text.contains("fail: segments/00, segments/01, ") && text.ends_with("segments/09 and 2 more"),
            "{text}"
        );
        let closed = || Some("closed".to_owned());
        assert_eq!(judge(closed(), Ok(Vec::new()), &none), Health::Fail("closed".to_owned()));
        let Health::Fail(text) = judge(closed(), Ok(missing(1)), &none) else { panic!("no writes are taken") };
        assert!(text.starts_with("closed; ") && text.ends_with(": segments/00"), "{text}");
        let damaged = ["segments/00", "segments/77"].map(str::to_owned).into_iter().collect();
        let Health::Warn(text) = judge(None, Ok(missing(1)), &damaged) else { panic!("writes are taken") };
        assert!(
            text.contains("fail: segments/00; ")
                && text.ends_with("damaged, queries that may need them fail: segments/77"),
            "{text}"
        );
    }
}
