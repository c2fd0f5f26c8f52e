//! What the engine must hold: a map of the acknowledged values, and the list of batches that were taken but not acknowledged.
//!
//! After a crash the engine must hold the acknowledged batches and, of the others, those up to some point in order, each as a
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

/// A batch that was taken.
#[derive(Debug)]
struct Pending {
    written: Vec<Written>,
    /// Whether it may have several slots.
    in_pieces: bool,
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
    refused: Option<Vec<Written>>,
}

impl Model {
    /// A batch was taken; what becomes of it goes where this says.
    pub(crate) fn take(&mut self, written: Vec<Written>, in_pieces: bool, fate: Fate) {
        self.pending.push(Pending { written, in_pieces, fate });
    }

    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes acknowledged batches over into the state; forgets those that were refused for want of space. True if one in
    /// pieces was among these.
    pub(crate) fn settle(&mut self) -> bool {
        let mut rest = Vec::new();
        for pending in self.pending.drain(..) {
            let known = pending.fate.lock().clone();
            match known {
                Some(Ok(())) => {
                    assert!(rest.is_empty() && self.refused.is_none(), "acknowledged out of order");
                    enter(&mut self.state, pending.written);
                }
                Some(Err(StorageError::Disk(_))) if pending.in_pieces && self.refused.is_none() => {
                    self.refused = Some(pending.written);
                }
                Some(Err(StorageError::Disk(_))) => {}
                // After a failed sync nobody knows.
                Some(Err(_)) | None => rest.push(pending),
            }
        }
        self.pending = rest;
        self.refused.is_some()
    }

    /// Finds out how much of a refused request is there.
    pub(crate) fn recover_refused(&mut self, found: &State) {
        let written = self.refused.take().unwrap_or_default();
        let expected = self.state.clone();
        assert!(
            self.advance(found, expected, &[(written, true)]),
            "a refused request is there in part, and not in order"
        );
    }

    /// What a start has found must be the state, with some of the batches that were not acknowledged.
    pub(crate) fn recover(&mut self, found: &State) {
        self.settle();
        let refused = self.refused.take().map(|written| (written, true));
        let taken = self.pending.drain(..).map(|pending| (pending.written, pending.in_pieces));
        let batches: Vec<_> = refused.into_iter().chain(taken).collect();
        let expected = self.state.clone();
        if !self.advance(found, expected, &batches) {
            panic!("the rows found fit no prefix of {} batches: {}", batches.len(), differences(&self.state, found));
        }
    }

    /// Goes on from `expected`, batch by batch, until it is what was found.
    fn advance(&mut self, found: &State, mut expected: State, batches: &[(Vec<Written>, bool)]) -> bool {
        let mut wrong = expected.iter().filter(|(place, value)| found.get(*place) != Some(*value)).count()
            + found.keys().filter(|place| !expected.contains_key(*place)).count();
        for (written, in_pieces) in batches {
            if wrong == 0 {
                break;
            }
            for one in written {
                if wrong == 0 && *in_pieces {
                    break;
                }
                let is_right = |value: Option<&String>| usize::from(value != found.get(&one.place));
                wrong -= is_right(expected.get(&one.place));
                expected.insert(one.place.clone(), one.value.clone());
                wrong += is_right(expected.get(&one.place));
            }
        }
        self.state = if wrong == 0 { expected } else { std::mem::take(&mut self.state) };
        wrong == 0
    }

    /// The shard of this range was dropped.
    pub(crate) fn drop_range(&mut self, range: &TimeRange) {
        self.state.retain(|place, _| !range.contains(place.2));
        let batches = self.pending.iter_mut().map(|pending| &mut pending.written).chain(&mut self.refused);
        batches.for_each(|written| written.retain(|one| !range.contains(one.place.2)));
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

fn enter(state: &mut State, written: Vec<Written>) {
    state.extend(written.into_iter().map(|written| (written.place, written.value)));
}
