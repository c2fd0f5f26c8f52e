//! Conditions on tags, evaluated on an index: once per distinct value, then by a scan of the forward column.

use crate::segment::index::TagIndex;
use model::Text;
use std::fmt::Debug;
use std::sync::Arc;

/// A test of one tag value, for conditions that storage does not know itself (a regular expression, say).
pub trait TagTest: Debug + Send + Sync {
    /// Whether the value passes; a missing tag is the empty value.
    fn passes(&self, value: &[u8]) -> bool;

    /// A text that the same test can be made of again ([`crate::Options::read_test`]), for a delete that outlives the
    /// process; `None` if there is none.
    fn source(&self) -> Option<String> {
        None
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
    let verdicts = evaluate(index, condition);
    (0u32..).zip(&verdicts).filter(|(_, holds)| **holds).map(|(series, _)| series).collect()
}

fn evaluate(index: &TagIndex, condition: &TagCondition) -> Vec<bool> {
    match condition {
        TagCondition::True => vec![true; index.series],
        TagCondition::False => vec![false; index.series],
        TagCondition::Equal(key, wanted) => by_value(index, key, |value| *value == **wanted),
        TagCondition::NotEqual(key, other) => by_value(index, key, |value| *value != **other),
        TagCondition::Test(key, test) => by_value(index, key, |value| test.passes(value)),
        TagCondition::And(all) => fold(index, all, true, |a, b| a & b),
        TagCondition::Or(any) => fold(index, any, false, |a, b| a | b),
        TagCondition::Not(inner) => {
            let mut verdicts = evaluate(index, inner);
            verdicts.iter_mut().for_each(|verdict| *verdict = !*verdict);
            verdicts
        }
    }
}

fn fold(index: &TagIndex, parts: &[TagCondition], start: bool, join: impl Fn(bool, bool) -> bool) -> Vec<bool> {
    let mut verdicts = vec![start; index.series];
    for part in parts {
        let other = evaluate(index, part);
        verdicts.iter_mut().zip(other).for_each(|(verdict, other)| *verdict = join(*verdict, other));
    }
    verdicts
}

fn by_value(index: &TagIndex, key: &[u8], passes: impl Fn(&[u8]) -> bool) -> Vec<bool> {
    let absent = passes(&[]);
    let Some(column) = index.column(key) else { return vec![absent; index.series] };
    let verdicts: Vec<bool> = std::iter::once(absent).chain(column.values.iter().map(passes)).collect();
    let mut holds = Vec::with_capacity(index.series);
    column.ids.each(|run, id| holds.resize(run.end as usize, verdicts[id as usize]));
    holds
}
