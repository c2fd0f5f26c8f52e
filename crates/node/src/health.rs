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
        judge(self.closed_because(), self.inner.engine.missing_segments())
    }
}

fn judge(closed: Option<String>, missing: Result<Vec<MissingSegment>, StorageError>) -> Health {
    let hurt = match missing {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(files(&missing)),
        Err(error) => Some(format!("the folder of segments cannot be read: {error}")),
    };
    match (closed, hurt) {
        (None, None) => Health::Pass,
        (None, Some(hurt)) => Health::Warn(hurt),
        (Some(closed), None) => Health::Fail(closed),
        (Some(closed), Some(hurt)) => Health::Fail(format!("{closed}; {hurt}")),
    }
}

/// Which files are gone, in words.
fn files(missing: &[MissingSegment]) -> String {
    let files: BTreeSet<&str> = missing.iter().map(|segment| &*segment.file).collect();
    let told: Vec<&str> = files.iter().copied().take(TOLD).collect();
    let more = if files.len() > TOLD { format!(" and {} more", files.len() - TOLD) } else { String::new() };
    format!("files of segments are missing, queries that may need them fail: {}{more}", told.join(", "))
}

/// Writes what the start has found to the log.
///
/// # Errors
/// The folder of segments cannot be read.
pub(crate) fn tell(engine: &Engine, state: &State) -> Result<(), NodeError> {
    if let Some(text) = engine.torn_tail() {
        tracing::warn!("torn log: {text}; nothing that was acknowledged is lost by it");
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
        assert_eq!(judge(None, Ok(Vec::new())), Health::Pass);
        let Health::Warn(text) = judge(None, Ok(missing(12))) else { panic!("writes are taken") };
        assert!(
            text.contains("fail: segments/00, segments/01, ") && text.ends_with("segments/09 and 2 more"),
            "{text}"
        );
        let closed = || Some("closed".to_owned());
        assert_eq!(judge(closed(), Ok(Vec::new())), Health::Fail("closed".to_owned()));
        let Health::Fail(text) = judge(closed(), Ok(missing(1))) else { panic!("no writes are taken") };
        assert!(text.starts_with("closed; ") && text.ends_with(": segments/00"), "{text}");
    }
}
