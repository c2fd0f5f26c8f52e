//! The N best of many points: a heap whose root is the worst of those kept, so that most values are passed over by one
//! comparison and nothing is sorted but what is shown.

use crate::datum::Datum;
use crate::partial::{Partial, Point};
use model::{Text, Values};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

/// Numbers as integers in the same order; for `bottom` in the opposite one.
pub(crate) type Key = i128;

/// The best points found so far.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    most: usize,
    /// The `most` best; the root is the worst of them.
    kept: BinaryHeap<Candidate>,
    /// Where only the best point for each of some tags counts: all of these, and the heap is empty until the end.
    best: BTreeMap<Box<[Text]>, Candidate>,
    /// How many points came before: of two that are alike the first one counts.
    arrived: u64,
    /// Memory of texts and other columns, and of `best` (bytes).
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Candidate {
    key: Key,
    order: u64,
    point: Point,
}

impl Candidate {
    /// Less is better: the greater key, then the earlier time, then what came first.
    fn rank(&self) -> (Reverse<Key>, i64, u64) {
        (Reverse(self.key), self.point.time, self.order)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.most == other.most && self.clone().into_points(true) == other.clone().into_points(true)
    }
}

/// The key of a number; `None` for what is none.
pub(crate) fn key_of(value: &Datum, least: bool) -> Option<Key> {
    let key = match value {
        Datum::Float(value) => Key::from(ordered(*value)),
        Datum::Integer(value) => Key::from(*value),
        Datum::Unsigned(value) => Key::from(*value),
        Datum::String(_) | Datum::Boolean(_) => return None,
    };
    Some(if least { -key } else { key })
}

/// The key of a value in a column.
pub(crate) fn key_at(values: &Values, at: usize, least: bool) -> Option<Key> {
    let key = match values {
        Values::Float(values) => Key::from(ordered(values[at])),
        Values::Integer(values) => Key::from(values[at]),
        Values::Unsigned(values) => Key::from(values[at]),
        Values::String(_) | Values::Boolean(_) => return None,
    };
    Some(if least { -key } else { key })
}

/// A float as an integer of the same order; both zeros are the same.
fn ordered(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

impl Ranked {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new(), best: BTreeMap::new(), arrived: 0, bytes: 0 }
    }

    /// Whether a point of this key and time would be among the best; `tags` as in [`Ranked::push`].
    pub(crate) fn admits(&self, key: Key, time: i64, tags: Option<&[Text]>) -> bool {
        let known = match tags {
            Some(tags) => self.best.get(tags),
            None if self.kept.len() < self.most => None,
            None => self.kept.peek(),
        };
        known.is_none_or(|known| (Reverse(key), time) < (Reverse(known.key), known.point.time))
    }

    /// Takes a point; with `tags`, it counts only if it is the best one that has them.
    pub(crate) fn push(&mut self, key: Key, point: Point, tags: Option<&[Text]>) {
        /// What a point for a tag takes beside its texts (bytes): nodes of the tree may be half empty.
        const POINT: usize = 2 * (size_of::<Candidate>() + size_of::<Box<[Text]>>());
        self.arrived += 1;
        let candidate = Candidate { key, order: self.arrived, point };
        let Some(tags) = tags else {
            self.bytes += candidate.point.text_bytes();
            self.kept.push(candidate);
            if self.kept.len() > self.most
                && let Some(worst) = self.kept.pop()
            {
                self.bytes -= worst.point.text_bytes();
            }
            return;
        };
        match self.best.get_mut(tags) {
            Some(known) if *known < candidate => {}
            Some(known) => {
                self.bytes = self.bytes + candidate.point.text_bytes() - known.point.text_bytes();
                *known = candidate;
            }
            None => {
                let texts: usize = tags.iter().map(|tag| 16 + tag.len()).sum();
                self.bytes += POINT + texts + candidate.point.text_bytes();
                self.best.insert(tags.into(), candidate);
            }
        }
    }

    /// Takes all that another one has.
    pub(crate) fn merge(&mut self, other: Ranked) {
        for candidate in other.kept.into_sorted_vec() {
            self.push(candidate.key, candidate.point, None);
        }
        for (tags, candidate) in other.best {
            self.push(candidate.key, candidate.point, Some(&tags));
        }
    }

    /// Memory it takes (bytes).
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Candidate>() + self.bytes
    }

    /// How many of `best` are shown.
    fn shown(&self) -> usize {
        self.best.len().min(self.most)
    }

    /// Memory that [`Ranked::into_points`] takes beside (bytes).
    pub(crate) fn bytes_to_finish(&self) -> usize {
        self.shown() * size_of::<Candidate>() + (self.kept.len() + self.shown()) * size_of::<Point>()
    }

    /// The points in order of time, those of one time the best first.
    pub(crate) fn into_points(mut self, ascending: bool) -> Vec<Point> {
        if !self.best.is_empty() {
            self.kept.reserve_exact(self.shown() + 1);
        }
        for candidate in std::mem::take(&mut self.best).into_values() {
            self.kept.push(candidate);
            if self.kept.len() > self.most {
                self.kept.pop();
            }
        }
        let mut kept = self.kept.into_vec();
        kept.sort_unstable_by(|left, right| {
            let by_time = left.point.time.cmp(&right.point.time);
            if ascending { by_time } else { by_time.reverse() }.then_with(|| left.cmp(right))
        });
        kept.into_iter().map(|kept| kept.point).collect()
    }

    pub(crate) fn finish(self, ascending: bool) -> Partial {
        Partial::Points(self.into_points(ascending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(ranked: &mut Ranked, time: i64, value: i64, tags: Option<&[Text]>) {
        let point = Point { time, value: Datum::Integer(value), extra: Vec::new() };
        if ranked.admits(Key::from(value), time, tags) {
            ranked.push(Key::from(value), point, tags);
        }
    }

    fn pairs(points: Vec<Point>) -> Vec<(i64, Datum)> {
        points.into_iter().map(|point| (point.time, point.value)).collect()
    }

    #[test]
    fn floats_keep_their_order() {
        let floats = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 2.5, f64::INFINITY];
        assert!(floats.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(-0.0), ordered(0.0));
    }

    #[test]
    fn one_point_for_each_tag() {
        let mut ranked = Ranked::new(2);
        let tag = |name: &str| [Text::from(name.as_bytes())];
        for (time, value, name) in [(0, 9, "a"), (1, 8, "a"), (2, 5, "b"), (3, 7, "b"), (4, 1, "c")] {
            push(&mut ranked, time, value, Some(&tag(name)));
        }
        assert_eq!(pairs(ranked.into_points(true)), [(0, Datum::Integer(9)), (3, Datum::Integer(7))]);
    }

    #[test]
    fn memory_is_that_of_what_is_kept() {
        let text = |length: usize| Datum::String(vec![b'x'; length].into());
        let point = |time, length| Point { time, value: Datum::Integer(time), extra: vec![Some(text(length)), None] };
        let extra = 2 * size_of::<Option<Datum>>();
        let mut ranked = Ranked::new(2);
        for (time, length) in [(1, 1_000), (2, 500), (3, 70), (4, 8)] {
            ranked.push(Key::from(time), point(time, length), None);
        }
        assert_eq!(ranked.bytes(), ranked.kept.capacity() * size_of::<Candidate>() + 2 * extra + 78);
        assert_eq!(ranked.bytes_to_finish(), 2 * size_of::<Point>());
        let tags = [Text::from(&b"tag"[..])];
        let mut ranked = Ranked::new(2);
        for (time, length) in [(1, 1_000), (2, 5)] {
            ranked.push(Key::from(time), point(time, length), Some(&tags));
        }
        let node = 2 * (size_of::<Candidate>() + size_of::<Box<[Text]>>()) + size_of::<Text>();
        assert_eq!(ranked.bytes(), node + 3 + extra + 5);
        assert_eq!(ranked.bytes_to_finish(), size_of::<Candidate>() + size_of::<Point>());
    }

    proptest! {
        /// Whatever way points are cut and merged, those that remain are the best of all, sorted.
        #[test]
        fn the_best_remain(values in proptest::collection::vec(-5_i64..6, 0..60), most in 1_usize..9, cut in 0_usize..60) {
            let (mut left, mut right) = (Ranked::new(most), Ranked::new(most));
            for (at, &value) in values.iter().enumerate() {
                let time = i64::try_from(at % 17).unwrap();
                push(if at < cut { &mut left } else { &mut right }, time, value, None);
            }
            left.merge(right);
            let mut wanted: Vec<(Reverse<i64>, i64)> =
                values.iter().enumerate().map(|(at, &value)| (Reverse(value), i64::try_from(at % 17).unwrap())).collect();
            wanted.sort();
            wanted.truncate(most);
            wanted.sort_by_key(|&(value, time)| (time, value));
            let wanted: Vec<_> = wanted.into_iter().map(|(value, time)| (time, Datum::Integer(value.0))).collect();
            prop_assert_eq!(pairs(left.into_points(true)), wanted);
        }
    }
}
