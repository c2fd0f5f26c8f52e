//! Conditions on tags, evaluated on an index: first on the dictionary of a tag's values, then by the forward column; sets of
//! series are bits, joined word by word.

use crate::segment::index::{TagColumn, TagIndex};
use model::Text;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// A test of one tag value, for conditions that storage does not know itself (a regular expression, say).
pub trait TagTest: Debug + Send + Sync {
    /// Whether the value passes; a missing tag is the empty value.
    fn passes(&self, value: &[u8]) -> bool;

    /// A text that the same test can be made of again ([`crate::Options::read_test`]), for a delete that outlives the
    /// process; `None` if there is none. Tests with the same text pass the same values.
    fn source(&self) -> Option<String> {
        None
    }

    /// All values that pass, if they are few.
    fn words(&self) -> Option<&[Text]> {
        None
    }

    /// What every value that passes begins with.
    fn prefix(&self) -> &[u8] {
        &[]
    }
}

/// A condition on the tags of a series. A missing tag has the empty value.
#[derive(Clone, Debug)]
pub enum TagCondition {
    /// Every series.
    True,
    /// No series.
    False,
    /// The tag has this value.
    Equal(Text, Text),
    /// The tag has another value.
    NotEqual(Text, Text),
    /// The tag's value passes the test.
    Test(Text, Arc<dyn TagTest>),
    /// All hold.
    And(Vec<TagCondition>),
    /// At least one holds.
    Or(Vec<TagCondition>),
    /// It does not hold.
    Not(Box<TagCondition>),
}

/// The series of an index that fulfil a condition, ascending.
pub(crate) fn matching(index: &TagIndex, condition: &TagCondition) -> Vec<u32> {
    let set = evaluate(index, condition);
    let mut found = Vec::with_capacity(set.iter().map(|word| word.count_ones() as usize).sum());
    for (at, mut word) in (0u32..).zip(set) {
        while word != 0 {
            found.push(at * 64 + word.trailing_zeros());
            word &= word - 1;
        }
    }
    found
}

/// Appends what tells a condition from others; false if nothing does.
pub(super) fn fingerprint(condition: &TagCondition, out: &mut Vec<u8>) -> bool {
    let text = |kind: u8, texts: &[&[u8]], out: &mut Vec<u8>| {
        out.push(kind);
        texts.iter().for_each(|text| codec::put_bytes(out, text));
    };
    match condition {
        TagCondition::True => out.push(0),
        TagCondition::False => out.push(1),
        TagCondition::Equal(key, value) => text(2, &[key, value], out),
        TagCondition::NotEqual(key, value) => text(3, &[key, value], out),
        TagCondition::Test(key, test) => match test.source() {
            Some(source) => text(4, &[key, source.as_bytes()], out),
            None => return false,
        },
        TagCondition::And(members) | TagCondition::Or(members) => {
            out.push(if matches!(condition, TagCondition::And(_)) { 5 } else { 6 });
            codec::put_u64(out, members.len() as u64);
            return members.iter().all(|member| fingerprint(member, out));
        }
        TagCondition::Not(inner) => {
            out.push(7);
            return fingerprint(inner, out);
        }
    }
    true
}

/// A set of series, one bit each; those beyond the last are 0.
type Set = Vec<u64>;

fn evaluate(index: &TagIndex, condition: &TagCondition) -> Set {
    match condition {
        TagCondition::True => all(index.series),
        TagCondition::False => none(index.series),
        TagCondition::Equal(key, wanted) => has_any(index, key, &[wanted]),
        TagCondition::NotEqual(key, other) => inverse(has_any(index, key, &[other]), index.series),
        TagCondition::Test(key, test) => passing(index, key, &**test),
        TagCondition::Not(inner) => inverse(evaluate(index, inner), index.series),
        TagCondition::Or(members) => any(index, members),
        TagCondition::And(members) => every(index, members),
    }
}

/// At least one holds: values of the same tag are looked up together.
fn any(index: &TagIndex, members: &[TagCondition]) -> Set {
    let mut values: BTreeMap<&[u8], Vec<&Text>> = BTreeMap::new();
    let mut set = none(index.series);
    let join = |set: &mut Set, other: Set| set.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
    for member in members {
        match member {
            TagCondition::Equal(key, value) => values.entry(key).or_default().push(value),
            other => join(&mut set, evaluate(index, other)),
        }
    }
    values.into_iter().for_each(|(key, values)| join(&mut set, has_any(index, key, &values)));
    set
}

/// All hold: values that a tag must not have are looked up together.
fn every(index: &TagIndex, members: &[TagCondition]) -> Set {
    let mut values: BTreeMap<&[u8], Vec<&Text>> = BTreeMap::new();
    let mut set = all(index.series);
    for member in members {
        match member {
            TagCondition::NotEqual(key, value) => values.entry(key).or_default().push(value),
            other => {
                let other = evaluate(index, other);
                set.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
            }
        }
    }
    for (key, values) in values {
        let other = has_any(index, key, &values);
        set.iter_mut().zip(other).for_each(|(word, other)| *word &= !other);
    }
    set
}

fn none(series: usize) -> Set {
    vec![0; series.div_ceil(64)]
}

fn all(series: usize) -> Set {
    inverse(none(series), series)
}

fn inverse(mut set: Set, series: usize) -> Set {
    set.iter_mut().for_each(|word| *word = !*word);
    if let (Some(last), 1..) = (set.last_mut(), series % 64) {
        *last &= (1 << (series % 64)) - 1;
    }
    set
}

/// The series whose tag has one of some values.
fn has_any(index: &TagIndex, key: &[u8], values: &[&Text]) -> Set {
    let Some(column) = index.column(key) else {
        return if values.iter().any(|value| value.is_empty()) { all(index.series) } else { none(index.series) };
    };
    let ids: Vec<u32> = values.iter().filter_map(|value| column.id(value)).collect();
    match ids[..] {
        [] => none(index.series),
        [id] => select(index.series, column, |found| found == id),
        _ => {
            let mut wanted = vec![false; column.values.len() + 1];
            ids.into_iter().for_each(|id| wanted[id as usize] = true);
            select(index.series, column, |id| wanted[id as usize])
        }
    }
}

/// The series whose tag passes a test.
fn passing(index: &TagIndex, key: &[u8], test: &dyn TagTest) -> Set {
    if let Some(words) = test.words() {
        return has_any(index, key, &words.iter().collect::<Vec<_>>());
    }
    let absent = test.passes(&[]);
    let Some(column) = index.column(key) else {
        return if absent { all(index.series) } else { none(index.series) };
    };
    let mut wanted = vec![false; column.values.len() + 1];
    wanted[0] = absent;
    let prefix = test.prefix();
    let from = column.place(prefix);
    let values = (from..column.values.len()).map(|at| (at, column.values.get(at)));
    for (at, value) in values.take_while(|(_, value)| value.starts_with(prefix)) {
        wanted[at + 1] = test.passes(value);
    }
    select(index.series, column, |id| wanted[id as usize])
}

/// The series whose id is wanted.
fn select(series: usize, column: &TagColumn, wanted: impl Fn(u32) -> bool) -> Set {
    let mut set = none(series);
    column.ids.each(|run, id| {
        if wanted(id) {
            fill(&mut set, run.start as usize, run.end as usize);
        }
    });
    set
}

/// Sets the bits of a range, which is not empty.
fn fill(set: &mut [u64], start: usize, end: usize) {
    let (first, last) = (start / 64, (end - 1) / 64);
    let (low, high) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
    if first == last {
        set[first] |= low & high;
        return;
    }
    set[first] |= low;
    set[first + 1..last].fill(u64::MAX);
    set[last] |= high;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::index::tests::{keys_of, tag_sets};
    use model::{TagSet, series_key};
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Test {
        words: Option<Vec<Text>>,
        prefix: &'static [u8],
    }

    impl TagTest for Test {
        fn passes(&self, value: &[u8]) -> bool {
            let word = self.words.as_ref().is_none_or(|words| words.iter().any(|word| **word == *value));
            word && value.starts_with(self.prefix) && value.len().is_multiple_of(2)
        }

        fn words(&self) -> Option<&[Text]> {
            self.words.as_deref()
        }

        fn prefix(&self) -> &[u8] {
            self.prefix
        }
    }

    fn condition() -> impl Strategy<Value = TagCondition> {
        let key = prop_oneof![Just("a"), Just("b c"), Just("host"), Just("none"), Just("pod")];
        let key = key.prop_map(|key| Text::from(key.as_bytes()));
        let value = prop_oneof![Just(""), Just("1"), Just("a"), Just("2"), Just("pod-9e3779b9"), Just("zz")];
        let value = value.prop_map(|value| Text::from(value.as_bytes()));
        let prefix = prop_oneof![Just(b"".as_slice()), Just(b"pod-".as_slice()), Just(b"a".as_slice())];
        let even =
            |words: Option<Vec<Text>>| words.map(|words| words.into_iter().filter(|w| w.len() % 2 == 0).collect());
        let test = (proptest::option::of(proptest::collection::vec(value.clone(), 0..3)), prefix).prop_map(
            move |(words, prefix)| Test { prefix: if words.is_some() { b"" } else { prefix }, words: even(words) },
        );
        let leaf = prop_oneof![
            Just(TagCondition::True),
            Just(TagCondition::False),
            (key.clone(), value.clone()).prop_map(|(key, value)| TagCondition::Equal(key, value)),
            (key.clone(), value).prop_map(|(key, value)| TagCondition::NotEqual(key, value)),
            (key, test).prop_map(|(key, test)| TagCondition::Test(key, Arc::new(test))),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(TagCondition::And),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(TagCondition::Or),
                inner.prop_map(|inner| TagCondition::Not(Box::new(inner))),
            ]
        })
    }

    fn fulfils(tags: &TagSet, condition: &TagCondition) -> bool {
        let value = |key: &Text| tags.get(key).unwrap_or_default();
        match condition {
            TagCondition::True => true,
            TagCondition::False => false,
            TagCondition::Equal(key, wanted) => value(key) == &**wanted,
            TagCondition::NotEqual(key, other) => value(key) != &**other,
            TagCondition::Test(key, test) => test.passes(value(key)),
            TagCondition::And(members) => members.iter().all(|member| fulfils(tags, member)),
            TagCondition::Or(members) => members.iter().any(|member| fulfils(tags, member)),
            TagCondition::Not(inner) => !fulfils(tags, inner),
        }
    }

    proptest! {
        #[test]
        fn an_index_finds_what_a_look_at_every_key_finds(sets in tag_sets(), condition in condition()) {
            let keys = keys_of(b"m", &sets);
            let index = TagIndex::build(keys.iter().map(Vec::as_slice));
            let expected: Vec<u32> =
                (0u32..).zip(&keys).filter(|(_, key)| fulfils(&series_key::parse(key).1, &condition)).map(|(at, _)| at).collect();
            prop_assert_eq!(matching(&index, &condition), expected);
        }
    }
}
