//! SHOW .. CARDINALITY: how many series, measurements, tag keys, tag values and field keys there are.
//!
//! InfluxDB rewrites these statements to `SELECT count(distinct(..))` over system columns, unless it may estimate; names of
//! columns, what a condition, GROUP BY, LIMIT and OFFSET mean, and the texts of errors follow from that. Where InfluxDB
//! estimates, the answer here is exact too, save for series of a measurement that stands in several policies: these are
//! told apart by hashes.

use super::{KeyTest, Policies, Tables, bytes, check_cancel, database, tag_condition_of, unnamed_condition_of};
use crate::exec::{Flow, Meter, give, give_rows};
use crate::pattern::Pattern;
use crate::predicate::tags_fulfil;
use crate::when::{self, Part};
use crate::{Context, Names, QueryError, Sink};
use influxql::ast::{Expr, KeyFilter, ShowCardinality};
use model::{Column, Frame, FrameColumn, Header, Item, TagSet, Text, TimeRange, Values};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use storage::{SeriesSet, TagCondition, View};

/// Roughly what one thing that was counted takes (bytes).
const ITEM: usize = 32;
/// Roughly what a group takes beside its values (bytes).
const GROUP: usize = 160;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// SHOW SERIES CARDINALITY.
    Series,
    /// SHOW MEASUREMENT CARDINALITY.
    Measurements,
    /// SHOW TAG KEY CARDINALITY.
    TagKeys,
    /// SHOW TAG VALUES CARDINALITY, of these keys.
    TagValues(&'a KeyFilter),
    /// SHOW FIELD KEY CARDINALITY.
    FieldKeys,
}

/// Distinct things by the values of the dimensions.
type Groups = BTreeMap<Vec<Text>, HashSet<u128>>;

/// SHOW .. CARDINALITY.
///
/// # Errors
/// As [`crate::select`].
pub fn show_cardinality(
    what: Counted<'_>,
    statement: &ShowCardinality,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let tail = &statement.tail;
    let counts_rows = !statement.exact && statement.dimensions.is_empty() && tail.limit == 0 && tail.offset == 0;
    let plain = counts_rows && tail.sources.is_empty() && tail.condition.is_none();
    if plain && matches!(what, Counted::Series | Counted::Measurements) {
        let count = of_database(what, &database(tail.database.as_ref(), context)?, names, context)?;
        give_count(b"", None, ESTIMATED, count, sink);
        return Ok(());
    }
    let when = when::split(tail.condition.as_ref(), when::Clock::utc(context.now))?;
    if when.range != TimeRange::ALL {
        return match what {
            Counted::TagValues(_) => Ok(()),
            _ => {
                let text = format!("SHOW {} CARDINALITY doesn't support time in WHERE clause", exact_name(what));
                Err(QueryError::Invalid(text))
            }
        };
    }
    let test = match what {
        Counted::TagValues(filter) => Some(KeyTest::new(filter)?),
        _ => None,
    };
    let mut tables = Tables::open(tail, names, context, Policies::Default, TimeRange::ALL)?.take()?;
    // Each group has one row, which OFFSET passes over.
    if tail.offset > 0 {
        return Ok(());
    }
    let dimensions = Dimensions::new(&statement.dimensions, what, &tables)?;
    let label = if counts_rows && matches!(what, Counted::Series) { ESTIMATED } else { "count" };
    let count = Count { what, test, dimensions, condition: when.rest, context, hasher: Hashers::default() };
    if let Counted::Measurements = what {
        return count.measurements(&tables, sink);
    }
    while let Some((name, views)) = tables.pop_first() {
        check_cancel(context)?;
        for (values, number) in count.of_measurement(&name, &views)? {
            let tags = count.dimensions.tags(values);
            if number > 0 && matches!(give_count(&name, tags, label, number, sink), Flow::Stop) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The condition with terms that hold only for series that have the tag: to InfluxDB, tags are columns where it counts values.
fn of_present(condition: TagCondition) -> TagCondition {
    let key = match &condition {
        TagCondition::Equal(key, _) | TagCondition::NotEqual(key, _) | TagCondition::Test(key, _) => key.clone(),
        TagCondition::Not(inner) => match &**inner {
            TagCondition::Test(key, _) => key.clone(),
            _ => return condition,
        },
        _ => {
            return match condition {
                TagCondition::And(members) => TagCondition::And(members.into_iter().map(of_present).collect()),
                TagCondition::Or(members) => TagCondition::Or(members.into_iter().map(of_present).collect()),
                other => other,
            };
        }
    };
    TagCondition::And(vec![TagCondition::NotEqual(key, Text::default()), condition])
}

const ESTIMATED: &str = "cardinality estimation";

/// As it stands in the text of an error.
fn exact_name(what: Counted<'_>) -> &'static str {
    match what {
        Counted::Series => "SERIES EXACT",
        Counted::Measurements => "MEASUREMENT EXACT",
        Counted::TagKeys => "TAG KEY EXACT",
        Counted::TagValues(_) => "TAG VALUES EXACT",
        Counted::FieldKeys => "FIELD KEY",
    }
}

/// The series or measurements of all policies of a database; none if it is not there.
fn of_database(what: Counted<'_>, database: &str, names: &dyn Names, context: &Context) -> Result<usize, QueryError> {
    let policies = match names.policies(database) {
        Ok(policies) => policies,
        Err(QueryError::DatabaseNotFound(_)) => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut tables: BTreeMap<Text, Vec<View>> = BTreeMap::new();
    for policy in policies {
        let view = names.view(database, Some(&policy), TimeRange::ALL)?;
        for name in view.measurements()? {
            tables.entry(name).or_default().push(view.clone());
        }
    }
    if let Counted::Measurements = what {
        return Ok(tables.len());
    }
    let (dimensions, condition) = (Dimensions::default(), Part::True);
    let count = Count { what, test: None, dimensions, condition, context, hasher: Hashers::default() };
    let mut total = 0;
    for (name, views) in tables {
        check_cancel(context)?;
        total += count.of_measurement(&name, &views)?.into_iter().map(|(_, number)| number).sum::<usize>();
    }
    Ok(total)
}

/// The tags of GROUP BY.
#[derive(Default)]
struct Dimensions {
    keys: Vec<Text>,
}

impl Dimensions {
    fn new(expressions: &[Expr], what: Counted<'_>, tables: &BTreeMap<Text, Vec<View>>) -> Result<Self, QueryError> {
        let mut keys = BTreeSet::new();
        let mut matching = |passes: &dyn Fn(&[u8]) -> bool| -> Result<(), QueryError> {
            // Field keys come from a source without tags.
            if matches!(what, Counted::FieldKeys) {
                return Ok(());
            }
            for (name, views) in tables {
                for view in views {
                    keys.extend(view.tag_keys(name)?.into_iter().filter(|key| passes(key)));
                }
            }
            Ok(())
        };
        for expression in expressions {
            match expression.without_parens() {
                Expr::Wildcard(_) => matching(&|_| true)?,
                Expr::Regex(regex) => {
                    let pattern = Pattern::new(regex)?;
                    matching(&|key| pattern.matches(key))?;
                }
                _ => {}
            }
        }
        for expression in expressions {
            match expression.without_parens() {
                Expr::Wildcard(_) | Expr::Regex(_) => {}
                Expr::VarRef { name, .. } => drop(keys.insert(bytes(name))),
                _ => return Err(QueryError::Invalid("only tag dimensions allowed in SHOW CARDINALITY".into())),
            }
        }
        Ok(Self { keys: keys.into_iter().collect() })
    }

    fn tags(&self, values: Vec<Text>) -> Option<Vec<(Text, Text)>> {
        (!self.keys.is_empty()).then(|| self.keys.iter().cloned().zip(values).collect())
    }
}

/// Two keyed hashes, together 128 bits.
#[derive(Default)]
struct Hashers(RandomState, RandomState);

impl Hashers {
    fn hash(&self, item: &[u8]) -> u128 {
        u128::from(self.0.hash_one(item)) << 64 | u128::from(self.1.hash_one(item))
    }
}

struct Count<'a> {
    what: Counted<'a>,
    test: Option<KeyTest>,
    dimensions: Dimensions,
    condition: Part,
    context: &'a Context,
    hasher: Hashers,
}

impl Count<'_> {
    fn set(&self, view: &View, name: &[u8]) -> Result<SeriesSet, QueryError> {
        let condition = tag_condition_of(view, name, &self.condition)?.unwrap_or(TagCondition::False);
        let condition = if let Counted::TagValues(_) = self.what { of_present(condition) } else { condition };
        Ok(view.series(name, &condition)?)
    }

    /// Groups and how much each counts.
    fn of_measurement(&self, name: &[u8], views: &[View]) -> Result<Vec<(Vec<Text>, usize)>, QueryError> {
        if let (Counted::Series, [view], true) = (self.what, views, self.dimensions.keys.is_empty()) {
            return Ok(vec![(Vec::new(), self.set(view, name)?.len())]);
        }
        let mut groups = Groups::new();
        let mut memory = Meter::new(self.context)?;
        for view in views {
            match self.what {
                Counted::FieldKeys => {
                    // Field keys come from a source without tags.
                    let condition = unnamed_condition_of(view, name, &self.condition)?;
                    if !condition.is_some_and(|condition| tags_fulfil(&TagSet::default(), &condition)) {
                        continue;
                    }
                    let found = groups.entry(vec![Text::default(); self.dimensions.keys.len()]).or_default();
                    for (field, _) in view.fields(name)? {
                        memory.add(ITEM)?;
                        found.insert(self.hasher.hash(&field));
                    }
                }
                _ => self.of_view(name, view, &mut groups, &mut memory)?,
            }
        }
        Ok(groups.into_iter().map(|(values, found)| (values, found.len())).collect())
    }

    fn of_view(&self, name: &[u8], view: &View, groups: &mut Groups, memory: &mut Meter) -> Result<(), QueryError> {
        let set = self.set(view, name)?;
        let dimensions: Vec<_> = self.dimensions.keys.iter().map(|key| set.tag_column(key)).collect();
        let passes = |key: &Text| self.test.as_ref().is_none_or(|test| test.passes(key));
        let keys: Vec<Text> = match self.what {
            Counted::TagKeys | Counted::TagValues(_) => view.tag_keys(name)?.into_iter().filter(passes).collect(),
            _ => Vec::new(),
        };
        let mut place = Vec::new();
        let mut insert = |series: usize, item: u128| {
            let value = |(values, ids): &(Vec<Text>, Vec<u32>)| values[ids[series] as usize].clone();
            place.clear();
            place.extend(dimensions.iter().map(value));
            if !groups.contains_key(&place) {
                memory.add(GROUP + place.iter().map(|value| 24 + value.len()).sum::<usize>())?;
                groups.insert(place.clone(), HashSet::new());
            }
            if groups.get_mut(&place).is_some_and(|found| found.insert(item)) {
                memory.add(ITEM)?;
            }
            if series.is_multiple_of(4_096) { check_cancel(self.context) } else { Ok(()) }
        };
        if let Counted::Series | Counted::Measurements = self.what {
            let item = |series| match self.what {
                Counted::Series => self.hasher.hash(&set.key(series)),
                _ => 0,
            };
            return (0..set.len()).try_for_each(|series| insert(series, item(series)));
        }
        for key in keys {
            let (values, ids) = set.tag_column(&key);
            let item = |value: &Text| match self.what {
                Counted::TagKeys => self.hasher.hash(&key),
                _ => self.hasher.hash(value),
            };
            let items: Vec<Option<u128>> =
                values.iter().map(|value| (!value.is_empty()).then(|| item(value))).collect();
            if dimensions.is_empty() {
                items.iter().flatten().try_for_each(|&item| insert(0, item))?;
                continue;
            }
            for (series, &id) in ids.iter().enumerate() {
                if let Some(item) = items[id as usize] {
                    insert(series, item)?;
                }
            }
        }
        Ok(())
    }

    /// Measurements are counted over all of them at once.
    fn measurements(&self, tables: &BTreeMap<Text, Vec<View>>, sink: &mut dyn Sink) -> Result<(), QueryError> {
        let mut counts: BTreeMap<Vec<Text>, usize> = BTreeMap::new();
        for (name, views) in tables {
            check_cancel(self.context)?;
            let found = match (&self.condition, self.dimensions.keys.is_empty()) {
                (Part::True, true) => vec![(Vec::new(), 1)],
                (_, true) => {
                    let mut any = false;
                    for view in views {
                        any = any || !self.set(view, name)?.is_empty();
                    }
                    vec![(Vec::new(), usize::from(any))]
                }
                _ => self.of_measurement(name, views)?,
            };
            for (values, number) in found.into_iter().filter(|(_, number)| *number > 0) {
                *counts.entry(values).or_default() += number;
            }
        }
        for (values, number) in counts {
            if let Flow::Stop = give_count(b"", self.dimensions.tags(values), "count", number, sink) {
                break;
            }
        }
        Ok(())
    }
}

/// Hands one series over with one row that is a number.
fn give_count(name: &[u8], tags: Option<Vec<(Text, Text)>>, label: &str, number: usize, sink: &mut dyn Sink) -> Flow {
    let header = Header { name: name.into(), tags, columns: [bytes(label)].into() };
    if let Flow::Stop = give(sink, Item::Series(header)) {
        return Flow::Stop;
    }
    let column = Column::dense(Values::Integer(vec![i64::try_from(number).unwrap_or(i64::MAX)]));
    give_rows(sink, Frame { rows: 1, columns: vec![FrameColumn::Values(column)] })
}
