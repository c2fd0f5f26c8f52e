//! What the engine must hold: a map of the acknowledged values, and the list of batches and deletes that were taken but not
//! acknowledged.
//!
//! After a crash the engine must hold the acknowledged changes and, of the others, those up to some point in order, each as a
//! whole; but a request above an eighth of the log takes several slots, and may be there up to any of its rows.

use model::{TimeRange, Value};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use storage::StorageError;

/// Measurement, series key, time, field: what a value is stored under.
pub(crate) type Place = (Vec<u8>, Vec<u8>, i64, &'static str);

/// A value, printed, so that floats compare by bits.
pub(crate) type State = BTreeMap<Place, String>;

/// One value of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) place: Place,
    pub(crate) value: String,
}

/// What became of a batch.
pub(crate) type Fate = Arc<Mutex<Option<Result<(), StorageError>>>>;

/// A delete.
#[derive(Clone, Debug)]
pub(crate) struct Wipe {
    pub(crate) measurement: Option<&'static str>,
    pub(crate) host: Option<String>,
    pub(crate) range: TimeRange,
}

impl Wipe {
    fn takes(&self, place: &Place) -> bool {
        let (measurement, key, time, _) = place;
        let is_of = |host: &String| key.ends_with(format!("host={host}").as_bytes());
        self.range.contains(*time)
            && self.measurement.is_none_or(|name| name.as_bytes() == measurement)
            && self.host.as_ref().is_none_or(is_of)
    }
}

/// What has a slot, or several.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Rows {
        written: Vec<Written>,
        /// Whether it may have several slots.
        in_pieces: bool,
    },
    Delete(Wipe),
}

/// A change that was taken.
#[derive(Debug)]
struct Pending {
    change: Change,
    fate: Fate,
}

/// The model.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The acknowledged values.
    pub(crate) state: State,
    /// Batches that were taken, in order, and not acknowledged yet.
    pending: Vec<Pending>,
    /// A batch in pieces that was refused: how much of it is there nobody was told.
    refused: Option<Change>,
}

impl Model {
    /// A change was taken; what becomes of it goes to `fate`.
    pub(crate) fn take(&mut self, change: Change, fate: Fate) {
        self.pending.push(Pending { change, fate });
    }

    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes acknowledged changes over into the state; forgets those that were refused for want of space. True if a batch in
    /// pieces was among these.
    pub(crate) fn settle(&mut self) -> bool {
        let mut rest = Vec::new();
        for pending in self.pending.drain(..) {
            let known = pending.fate.lock().clone();
            match known {
                Some(Ok(())) => {
                    assert!(rest.is_empty() && self.refused.is_none(), "acknowledged out of order");
                    enter(&mut self.state, pending.change);
                }
                Some(Err(StorageError::Disk(_))) => {
                    let in_pieces = matches!(pending.change, Change::Rows { in_pieces: true, .. });
                    if in_pieces && self.refused.is_none() {
                        self.refused = Some(pending.change);
                    }
                }
                // After a failed sync nobody knows.
                Some(Err(_)) | None => rest.push(pending),
            }
        }
        self.pending = rest;
        self.refused.is_some()
    }

    /// Finds out how much of a refused request is there.
    pub(crate) fn recover_refused(&mut self, found: &State) {
        let refused: Vec<Change> = self.refused.take().into_iter().collect();
        assert!(self.advance(found, refused), "a refused request is there in part, and not in order");
    }

    /// What a start has found must be the state, with some of the changes that were not acknowledged.
    pub(crate) fn recover(&mut self, found: &State) {
        self.settle();
        let taken = self.pending.drain(..).map(|pending| pending.change);
        let changes: Vec<Change> = self.refused.take().into_iter().chain(taken).collect();
        let count = changes.len();
        if !self.advance(found, changes) {
            panic!("the rows found fit no prefix of {count} changes: {}", differences(&self.state, found));
        }
    }

    /// Goes on from the state, change by change, until it is what was found. If it never is, the state stays.
    fn advance(&mut self, found: &State, changes: Vec<Change>) -> bool {
        let mut way = Way::new(&self.state, found);
        for change in changes {
            if way.wrong == 0 {
                break;
            }
            match change {
                Change::Delete(wipe) => way.delete(&wipe),
                Change::Rows { written, in_pieces } => {
                    for one in written {
                        if way.wrong == 0 && in_pieces {
                            break;
                        }
                        way.put(one.place, Some(one.value));
                    }
                }
            }
        }
        let is_there = way.wrong == 0;
        if is_there {
            self.state = way.state;
        }
        is_there
    }

    /// The shard of this range was dropped.
    pub(crate) fn drop_range(&mut self, range: &TimeRange) {
        self.state.retain(|place, _| !range.contains(place.2));
        for change in self.pending.iter_mut().map(|pending| &mut pending.change).chain(&mut self.refused) {
            if let Change::Rows { written, .. } = change {
                written.retain(|one| !range.contains(one.place.2));
            }
        }
    }
}

/// Where two states differ, in words.
pub(crate) fn differences(expected: &State, found: &State) -> String {
    let places: BTreeSet<&Place> = expected.keys().chain(found.keys()).collect();
    let differ = places.into_iter().filter(|place| expected.get(*place) != found.get(*place));
    let show = |place: &Place| {
        let key = String::from_utf8_lossy(&place.1);
        format!(
            "\n  {key} {} at {}: {:?} was expected, {:?} is there",
            place.3,
            place.2,
            expected.get(place),
            found.get(place)
        )
    };
    let all: Vec<String> = differ.map(show).collect();
    format!("{} values differ{}", all.len(), all.iter().take(12).cloned().collect::<String>())
}

/// A value in few words.
pub(crate) fn print(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => {
            let text = String::from_utf8_lossy(text);
            format!("\"{}\" {}", text.trim_end_matches('x'), text.len())
        }
        other => format!("{other:?}"),
    }
}

/// From one state to another.
struct Way<'a> {
    state: State,
    found: &'a State,
    /// Places where they differ.
    wrong: usize,
}

impl<'a> Way<'a> {
    fn new(state: &State, found: &'a State) -> Self {
        let wrong = state.iter().filter(|(place, value)| found.get(*place) != Some(*value)).count()
            + found.keys().filter(|place| !state.contains_key(*place)).count();
        Self { state: state.clone(), found, wrong }
    }

    fn put(&mut self, place: Place, value: Option<String>) {
        let right = self.found.get(&place);
        self.wrong += usize::from(value.as_ref() != right);
        self.wrong -= usize::from(self.state.get(&place) != right);
        match value {
            Some(value) => drop(self.state.insert(place, value)),
            None => drop(self.state.remove(&place)),
        }
    }

    fn delete(&mut self, wipe: &Wipe) {
        let gone: Vec<Place> = self.state.keys().filter(|place| wipe.takes(place)).cloned().collect();
        gone.into_iter().for_each(|place| self.put(place, None));
    }
}

fn enter(state: &mut State, change: Change) {
    match change {
        Change::Rows { written, .. } => state.extend(written.into_iter().map(|one| (one.place, one.value))),
        Change::Delete(wipe) => state.retain(|place, _| !wipe.takes(place)),
    }
}
