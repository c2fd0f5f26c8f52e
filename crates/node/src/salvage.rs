//! What is lost in a data folder that no node runs on, in words and with its owner's name, and how it is made fit for writes again.

use crate::catalog::{Catalog, State};
use crate::inspect::{Owner, owners};
use crate::node::{Node, NodeError, Options};
use model::TimeRange;
use platform::World;
use storage::engine::Salvaged;
use storage::{Engine, Loss, MissingSegment, ShardId, Stray};

/// Measurements of a segment that are named; the others are counted.
const NAMED: usize = 10;

/// What is lost in a data folder, a line each: the file, what is wrong with it, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// What keeps the node from taking writes: a salvage makes an end of it.
    pub lost: Vec<String>,
    /// Segments whose files are gone: writes go on, queries that may need them fail, and only whoever has a copy can mend it.
    pub missing: Vec<String>,
}

impl Node {
    /// What is lost in a data folder. Segments are looked for, but not read. Changes nothing.
    ///
    /// # Errors
    /// The catalog is damaged or missing, or the disk refuses.
    pub fn examine(world: World, options: &Options) -> Result<Examination, NodeError> {
        let catalog = Catalog::open(&world)?;
        let state = catalog.state();
        let found = Engine::examine(world, options.of_engine(&catalog), &state.all_spans())?;
        let owners = Owners::new(&state);
        let lost = found.lost.iter().map(|loss| owners.of_loss(loss));
        let strays = found.strays.iter().map(|stray| owners.of_stray(stray));
        Ok(Examination {
            lost: lost.chain(strays).collect(),
            missing: found.missing.iter().map(|segment| owners.of_missing(segment)).collect(),
        })
    }

    /// Makes a data folder of which something is lost fit for writes again.
    ///
    /// # Errors
    /// The catalog is damaged or missing, or the disk refuses.
    pub fn salvage(world: World, options: &Options) -> Result<Salvaged, NodeError> {
        let catalog = Catalog::open(&world)?;
        Ok(Engine::salvage(world, options.of_engine(&catalog), &catalog.state().all_spans())?)
    }
}

/// Whose shards are, for texts about them.
pub(crate) struct Owners(Vec<Owner>);

impl Owners {
    pub(crate) fn new(state: &State) -> Self {
        Self(owners(state))
    }

    fn shard(&self, shard: ShardId) -> String {
        match self.0.iter().find(|owner| owner.shard == shard) {
            Some(owner) => format!("shard {shard} of {:?}.{:?}", owner.database, owner.policy),
            None => format!("shard {shard}"),
        }
    }

    /// The loss, its shard, and the times that the shard takes.
    fn of_loss(&self, loss: &Loss) -> String {
        let Some(shard) = loss.shard else { return loss.to_string() };
        let times = self.0.iter().find(|owner| owner.shard == shard).map(|owner| format!(", {}", times(&owner.range)));
        format!("{loss}; it is of {}{}", self.shard(shard), times.unwrap_or_default())
    }

    /// The segments' shard, and their rows and times.
    fn of_stray(&self, stray: &Stray) -> String {
        let Stray { shard, segments, rows, range } = stray;
        let times = if range.is_empty() { String::new() } else { format!(", {}", times(range)) };
        format!("segments that no manifest names: {segments} of {}{times}; rows: {rows} at most", self.shard(*shard))
    }

    /// The file, its shard, and the rows, times and measurements that are gone with it.
    pub(crate) fn of_missing(&self, segment: &MissingSegment) -> String {
        let names = segment.measurements.iter().take(NAMED);
        let names: Vec<String> = names.map(|name| format!("{:?}", String::from_utf8_lossy(name))).collect();
        let intro = if names.is_empty() { "" } else { "; measurements: " };
        let more = match segment.measurements.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{}: of {}, {}; rows: {}{intro}{}{more}",
            segment.file,
            self.shard(segment.shard),
            times(&segment.range),
            segment.rows,
            names.join(", ")
        )
    }
}

fn times(range: &TimeRange) -> String {
    let mut text = Vec::new();
    model::time::push_rfc3339(range.start, &mut text);
    text.extend_from_slice(b" to ");
    model::time::push_rfc3339(range.end, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_owner() {
        let range = TimeRange::new(0, 1_000_000_000);
        let owner = Owner { database: "d".to_owned(), policy: "autogen".to_owned(), shard: 3, range };
        let owners = Owners(vec![owner]);
        let names = (0..12).map(|at| format!("m{at}").as_bytes().into()).collect();
        let segment = MissingSegment { file: "segments/x".to_owned(), shard: 3, rows: 7, range, measurements: names };
        let told = owners.of_missing(&segment);
        let begin = "segments/x: of shard 3 of \"d\".\"autogen\", 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z; rows: 7; measurements: \"m0\", ";
        assert!(told.starts_with(begin) && told.ends_with("\"m9\" and 2 more"), "{told}");
        let loss = |shard| Loss { file: "f".to_owned(), shard, what: "gone".to_owned() };
        let text = "f: gone; it is of shard 3 of \"d\".\"autogen\", 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z";
        assert_eq!(owners.of_loss(&loss(Some(3))), text);
        assert_eq!(owners.of_loss(&loss(Some(4))), "f: gone; it is of shard 4");
        assert_eq!(owners.of_loss(&loss(None)), "f: gone");
        let stray = Stray { shard: 4, segments: 2, rows: 7, range };
        let text = "segments that no manifest names: 2 of shard 4, 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z; rows: 7 at most";
        assert_eq!(owners.of_stray(&stray), text);
    }
}
