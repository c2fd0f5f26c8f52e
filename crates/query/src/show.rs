//! SHOW statements over what is stored: measurements, tag keys and values, field keys, series.
//!
//! Each opens the views that its sources name (or, without FROM, those of the default policy or of all policies, as InfluxDB
//! does), looks names up, and gives one series a measurement, or one in all. WHERE may hold conditions on tags; a time range
//! in it only chooses shards.

mod cardinality;
mod value;

pub use cardinality::{Counted, show_cardinality};

use crate::exec::{Flow, Meter, check_cancel, give, give_rows};
use crate::pattern::Pattern;
use crate::predicate::Predicate;
use crate::resolve::{MEASUREMENT_NAME, Reference, Schema, Table};
use crate::source;
use crate::when::{self, Part, When};
use crate::{Context, Names, QueryError, Sink};
use influxql::ast::{
    BinaryOp, DataType, Expr, KeyFilter, Measurement, NameOrAll, ShowMeasurements, ShowTagKeys, ShowTagValues,
    ShowTail, Source,
};
use model::{Column, Frame, FrameColumn, Header, Item, Strings, TagSet, Text, TimeRange, Values};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use storage::{TagCondition, View};
use value::ValueTest;

/// Roughly what a name takes while an answer is gathered, beside its bytes (bytes).
const NAME: usize = 96;

/// Which policies a statement reads where FROM names none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policies {
    Default,
    All,
}

/// SHOW MEASUREMENTS.
///
/// # Errors
/// As [`crate::select`].
pub fn show_measurements(
    statement: &ShowMeasurements,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let when = when::split(statement.condition.as_ref(), when::Clock::utc(context.now))?;
    if when.range != TimeRange::ALL {
        return Err(QueryError::Invalid("SHOW MEASUREMENTS doesn't support time in WHERE clause".into()));
    }
    let places = places(statement, names, context)?;
    check_measurement_tags(&when.rest, statement, context, &places)?;
    let keep = MeasurementFilter::new(statement.measurement.as_ref())?;
    let mut views = Vec::with_capacity(places.len());
    for (database, policy) in &places {
        views.push(names.view(database, Some(policy), TimeRange::ALL)?);
    }
    // Policies that nobody named are one: what is in none of them is in the tags of none.
    let together = if statement.retention_policy.is_none() { views.len().max(1) } else { 1 };
    let mut found: Vec<[Text; 3]> = Vec::new();
    let mut memory = Meter::new(context)?;
    for (views, places) in views.chunks(together).zip(places.chunks(together)) {
        let [(database, policy), ..] = places else { continue };
        let mut of_these: BTreeSet<Text> = BTreeSet::new();
        for view in views {
            of_these.extend(keep.of(view)?);
        }
        for name in of_these {
            check_cancel(context)?;
            if has_tags(views, &name, &when.rest)? {
                memory.add(NAME + 2 * name.len())?;
                found.push([name, bytes(database), bytes(policy)]);
            }
        }
    }
    if statement.retention_policy.is_none() {
        let rows = page(found.into_iter().map(|[name, ..]| vec![name]), statement.limit, statement.offset);
        give_table(b"measurements", &["name"], rows, context, sink);
        return Ok(());
    }
    let rows = page(found.into_iter().map(Vec::from), statement.limit, statement.offset);
    give_table(b"measurements", &["name", "database", "retention policy"], rows, context, sink);
    Ok(())
}

/// The databases and policies that a SHOW MEASUREMENTS looks at, in order of creation.
fn places(
    statement: &ShowMeasurements,
    names: &dyn Names,
    context: &Context,
) -> Result<Vec<(String, String)>, QueryError> {
    let databases = match (&statement.database, &statement.retention_policy) {
        (Some(NameOrAll::All), Some(NameOrAll::All)) => names.databases(),
        (Some(NameOrAll::All), policy) => {
            let what = if policy.is_some() { "*.rp" } else { "*" };
            let text = format!("query 'SHOW MEASUREMENTS ON {what}' not supported. use 'ON *.*' or specify a database");
            return Err(QueryError::Invalid(text));
        }
        (Some(NameOrAll::Name(name)), _) => vec![database(Some(name), context)?],
        (None, _) => vec![database(None, context)?],
    };
    let mut places = Vec::new();
    for database in databases {
        let policies = match (names.policies(&database), &statement.retention_policy) {
            (Ok(policies), _) => policies,
            (Err(QueryError::DatabaseNotFound(name)), Some(NameOrAll::All)) => {
                return Err(QueryError::Invalid(format!("unknown database {name}")));
            }
            // InfluxDB says nothing of a database that is not there.
            (Err(QueryError::DatabaseNotFound(_)), _) => Vec::new(),
            (Err(error), _) => return Err(error),
        };
        let wanted = |policy: &String| match &statement.retention_policy {
            Some(NameOrAll::Name(wanted)) => policy == wanted,
            _ => true,
        };
        places.extend(policies.into_iter().filter(wanted).map(|policy| (database.clone(), policy)));
    }
    Ok(places)
}

/// Whether the condition is on tags; if not, each policy is told that is asked, else the database.
fn check_measurement_tags(
    condition: &Part,
    statement: &ShowMeasurements,
    context: &Context,
    places: &[(String, String)],
) -> Result<(), QueryError> {
    let database = match &statement.database {
        Some(NameOrAll::Name(name)) => name,
        _ => context.database.as_deref().unwrap_or_default(),
    };
    let labels: Vec<String> = match (&statement.retention_policy, database) {
        (Some(NameOrAll::All), _) => places.iter().map(|(database, policy)| format!("{database}.{policy}")).collect(),
        (Some(NameOrAll::Name(policy)), database) => vec![format!("{database}.{policy}")],
        (None, database) => vec![database.to_owned()],
    };
    let told = |expr: &Expr| {
        let what = not_of_a_tag(expr)?;
        Some(labels.iter().map(|label| format!("{label}: {what}")).collect::<Vec<_>>().join("\n"))
    };
    if labels.is_empty() { Ok(()) } else { check_terms(condition, &told) }
}

/// SHOW TAG KEYS.
///
/// # Errors
/// As [`crate::select`].
pub fn show_tag_keys(
    statement: &ShowTagKeys,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let tail = &statement.tail;
    let when = meta_condition(tail.condition.as_ref(), context)?;
    let keep = statement.key.as_ref().map(KeyTest::new).transpose()?;
    let (rest, test) = ValueTest::split(&when.rest)?;
    let mut tables = Tables::open(tail, names, context, Policies::All, when.range)?;
    let limit = (statement.slimit, statement.soffset);
    let mut results: Vec<(Text, Vec<Text>)> = Vec::new();
    for (name, views) in tables.take()? {
        check_cancel(context)?;
        let mut keys = BTreeSet::new();
        for view in &views {
            if matches!(when.rest, Part::True) {
                keys.extend(view.tag_keys(&name)?);
                continue;
            }
            let set = view.series(&name, &tag_condition(view, &name, &rest)?)?;
            for key in view.tag_keys(&name)? {
                if set.tag_column(&key).0.iter().any(|value| !value.is_empty() && test.passes(value)) {
                    keys.insert(key);
                }
            }
        }
        keys.retain(|key| keep.as_ref().is_none_or(|keep| keep.passes(key)));
        if !keys.is_empty() {
            results.push((name, keys.into_iter().collect()));
        }
    }
    for (name, keys) in page(results.into_iter(), limit.0, limit.1) {
        let rows = page(keys.into_iter().map(|key| vec![key]), tail.limit, tail.offset);
        if let Flow::Stop = give_table(&name, &["tagKey"], rows, context, sink) {
            break;
        }
    }
    Ok(())
}

/// SHOW TAG VALUES.
///
/// # Errors
/// As [`crate::select`].
pub fn show_tag_values(
    statement: &ShowTagValues,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let tail = &statement.tail;
    let when = meta_condition(tail.condition.as_ref(), context)?;
    let keep = KeyTest::new(&statement.key)?;
    let (rest, test) = ValueTest::split(&when.rest)?;
    let mut tables = Tables::open(tail, names, context, Policies::All, when.range)?;
    for (name, views) in tables.take()? {
        check_cancel(context)?;
        let mut values: BTreeSet<(Text, Text)> = BTreeSet::new();
        let mut memory = Meter::new(context)?;
        // The first of each view are enough for the first of all, if they need not be looked at.
        let most = if test.is_empty() { most(tail) } else { usize::MAX };
        for view in &views {
            let mut left = most;
            let condition = tag_condition(view, &name, &rest)?;
            for key in view.tag_keys(&name)?.into_iter().filter(|key| keep.passes(key)) {
                let found = view.tag_values(&name, &key, &condition, left)?;
                left -= found.len();
                for value in found.into_iter().filter(|value| test.passes(value)) {
                    memory.add(NAME + 2 * (key.len() + value.len()))?;
                    values.insert((key.clone(), value));
                }
            }
        }
        let rows = page(values.into_iter().map(|(key, value)| vec![key, value]), tail.limit, tail.offset);
        if let Flow::Stop = give_table(&name, &["key", "value"], rows, context, sink) {
            break;
        }
    }
    Ok(())
}

/// SHOW FIELD KEYS.
///
/// # Errors
/// As [`crate::select`].
pub fn show_field_keys(
    statement: &ShowTail,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let mut tables = Tables::open(statement, names, context, Policies::Default, TimeRange::ALL)?;
    for (name, views) in tables.take()? {
        check_cancel(context)?;
        let mut fields: BTreeSet<(Text, &str)> = BTreeSet::new();
        for view in &views {
            fields.extend(view.fields(&name)?.into_iter().map(|(field, field_type)| (field, field_type.name())));
        }
        let rows = fields.into_iter().map(|(field, field_type)| vec![field, bytes(field_type)]);
        let rows = page(rows, statement.limit, statement.offset);
        if let Flow::Stop = give_table(&name, &["fieldKey", "fieldType"], rows, context, sink) {
            break;
        }
    }
    Ok(())
}

/// SHOW SERIES.
///
/// # Errors
/// As [`crate::select`]; a condition on a field is refused.
pub fn show_series(
    statement: &ShowTail,
    names: &dyn Names,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let when = when::split(statement.condition.as_ref(), when::Clock::utc(context.now))?;
    let mut tables = Tables::open(statement, names, context, Policies::Default, when.range)?;
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut memory = Meter::new(context)?;
    let most = most(statement);
    // Series come in the order of their names and tags, which is not that of keys, where bytes are escaped.
    for (name, views) in tables.take()? {
        check_cancel(context)?;
        let room = most - keys.len();
        let mut first: BTreeMap<TagSet, Vec<u8>> = BTreeMap::new();
        for view in &views {
            let set = view.series(&name, &tag_condition(view, &name, &when.rest)?)?;
            memory.add(set.bytes())?;
            for series in 0..set.len() {
                if series % 4_096 == 0 {
                    check_cancel(context)?;
                }
                let tags = set.tags(series);
                if first.len() == room && first.last_key_value().is_none_or(|(last, _)| *last <= tags) {
                    continue;
                }
                let key = set.key(series);
                memory.add(NAME + 2 * key.len())?;
                first.insert(tags, key);
                if first.len() > room {
                    first.pop_last();
                }
            }
        }
        keys.extend(first.into_values());
        if keys.len() == most {
            break;
        }
    }
    let rows = keys.into_iter().map(|key| vec![key.into_boxed_slice()]);
    give_table(b"", &["key"], page(rows, statement.limit, statement.offset), context, sink);
    Ok(())
}

fn bytes(text: &str) -> Text {
    text.as_bytes().into()
}

fn database(on: Option<&String>, context: &Context) -> Result<String, QueryError> {
    on.or(context.database.as_ref()).filter(|name| !name.is_empty()).cloned().ok_or(QueryError::DatabaseRequired)
}

/// The measurements that a statement is about, each with the views that may have it.
struct Tables {
    views: Vec<(View, MeasurementFilter)>,
}

impl Tables {
    fn open(
        tail: &ShowTail,
        names: &dyn Names,
        context: &Context,
        policies: Policies,
        range: TimeRange,
    ) -> Result<Self, QueryError> {
        let whole = database(tail.database.as_ref(), context)?;
        let known = names.policies(&whole)?;
        let mut views = Vec::new();
        if tail.sources.is_empty() {
            match policies {
                Policies::Default => views.push((names.view(&whole, None, range)?, MeasurementFilter::All)),
                Policies::All => {
                    for policy in known {
                        views.push((names.view(&whole, Some(&policy), range)?, MeasurementFilter::All));
                    }
                }
            }
        }
        for source in &tail.sources {
            let Source::Measurement(source) = source else { return Err(QueryError::NotExecuted("subqueries".into())) };
            let database = source.database.as_ref().filter(|name| !name.is_empty()).unwrap_or(&whole);
            let keep = || MeasurementFilter::new(Some(source));
            match (&source.retention_policy, policies) {
                (Some(policy), _) => views.push((names.view(database, Some(policy), range)?, keep()?)),
                (None, Policies::Default) => views.push((names.view(database, None, range)?, keep()?)),
                (None, Policies::All) => {
                    for policy in names.policies(database)? {
                        views.push((names.view(database, Some(&policy), range)?, keep()?));
                    }
                }
            }
        }
        Ok(Self { views })
    }

    fn take(&mut self) -> Result<BTreeMap<Text, Vec<View>>, QueryError> {
        let mut tables: BTreeMap<Text, Vec<View>> = BTreeMap::new();
        for (view, keep) in self.views.drain(..) {
            for name in keep.of(&view)? {
                tables.entry(name).or_default().push(view.clone());
            }
        }
        Ok(tables)
    }
}

enum MeasurementFilter {
    All,
    Name(Text),
    Regex(Pattern),
}

impl MeasurementFilter {
    fn new(measurement: Option<&Measurement>) -> Result<Self, QueryError> {
        Ok(match measurement {
            None => Self::All,
            Some(Measurement { regex: Some(regex), .. }) => Self::Regex(Pattern::new(regex)?),
            Some(Measurement { name, .. }) => Self::Name(bytes(name)),
        })
    }

    /// The measurements of a view that pass. One that is named is asked for by its name, so that others need not be readable.
    fn of(&self, view: &View) -> Result<Vec<Text>, QueryError> {
        Ok(match self {
            Self::All => view.measurements()?,
            Self::Name(name) if view.has_measurement(name)? => vec![name.clone()],
            Self::Name(_) => Vec::new(),
            Self::Regex(pattern) => view.measurements()?.into_iter().filter(|name| pattern.matches(name)).collect(),
        })
    }
}

/// `WITH KEY ..`
enum KeyTest {
    In(Vec<Text>, bool),
    Regex(Pattern, bool),
}

impl KeyTest {
    fn new(filter: &KeyFilter) -> Result<Self, QueryError> {
        Ok(match filter {
            KeyFilter::In(names) => Self::In(names.iter().map(|name| bytes(name)).collect(), true),
            KeyFilter::Eq(name) => Self::In(vec![bytes(name)], true),
            KeyFilter::Ne(name) => Self::In(vec![bytes(name)], false),
            KeyFilter::Matches(regex) => Self::Regex(Pattern::new(regex)?, true),
            KeyFilter::NotMatches(regex) => Self::Regex(Pattern::new(regex)?, false),
        })
    }

    fn passes(&self, key: &[u8]) -> bool {
        match self {
            Self::In(names, wanted) => names.iter().any(|name| &**name == key) == *wanted,
            Self::Regex(pattern, wanted) => pattern.matches(key) == *wanted,
        }
    }
}

/// The condition of SHOW TAG KEYS and TAG VALUES, whose terms must compare a tag with a string.
fn meta_condition(condition: Option<&Expr>, context: &Context) -> Result<When, QueryError> {
    let when = when::split(condition, when::Clock::utc(context.now))?;
    check_terms(&when.rest, &too_complex)?;
    Ok(when)
}

/// What keeps a term from being a comparison of a tag with a string or regex, in this order: SHOW MEASUREMENTS reads no other.
fn not_of_a_tag(expr: &Expr) -> Option<String> {
    let Expr::Binary { op, lhs, rhs } = expr else { return Some("invalid tag comparison operator".to_owned()) };
    let is_wanted = match op {
        BinaryOp::Eq | BinaryOp::Ne => matches!(**rhs, Expr::String(_)),
        BinaryOp::Matches | BinaryOp::NotMatches => matches!(**rhs, Expr::Regex(_)),
        _ => return Some("invalid tag comparison operator".to_owned()),
    };
    if !matches!(**lhs, Expr::VarRef { .. }) {
        return Some(format!("left side of '{}' must be a tag key", op.symbol()));
    }
    let what = if matches!(op, BinaryOp::Eq | BinaryOp::Ne) { "tag value string" } else { "tag regex" };
    (!is_wanted).then(|| format!("right side of '{}' must be a {what}", op.symbol()))
}

/// What keeps a term from being a comparison of a name with a string or regex, for SHOW TAG KEYS and TAG VALUES.
fn too_complex(expr: &Expr) -> Option<String> {
    if let Expr::Binary { op, lhs, rhs } = expr {
        let fits = match op {
            BinaryOp::Eq | BinaryOp::Ne => matches!(
                (&**lhs, &**rhs),
                (Expr::VarRef { .. }, Expr::String(_)) | (Expr::String(_), Expr::VarRef { .. })
            ),
            BinaryOp::Matches | BinaryOp::NotMatches => {
                matches!((&**lhs, &**rhs), (Expr::VarRef { .. }, Expr::Regex(_)))
            }
            _ => false,
        };
        if fits {
            return None;
        }
        if matches!((&**lhs, &**rhs), (Expr::VarRef { .. }, Expr::VarRef { .. })) {
            let rule = "one term must be a string literal tag value within single quotes";
            return Some(format!("bad WHERE clause for metaquery; {rule}: {expr}"));
        }
    }
    Some(format!("Expression too complex for metaquery: {expr}"))
}

/// Fails with what `wrong` says of the first term of which it says something.
fn check_terms(part: &Part, wrong: &dyn Fn(&Expr) -> Option<String>) -> Result<(), QueryError> {
    match part {
        Part::True | Part::Time(_) => Ok(()),
        Part::And(parts) | Part::Or(parts) => parts.iter().try_for_each(|part| check_terms(part, wrong)),
        Part::Other(Expr::Boolean(_)) => Ok(()),
        Part::Other(expr) => wrong(expr).map_or(Ok(()), |text| Err(QueryError::Invalid(text))),
    }
}

/// The condition on tags for one measurement; a term on a field is refused.
fn tag_condition(view: &View, name: &[u8], part: &Part) -> Result<TagCondition, QueryError> {
    compile(view, name, part, true)?.map_err(|what| QueryError::NotExecuted(what.into()))
}

/// The condition on tags for one measurement; `None` if it has terms on fields.
fn tag_condition_of(view: &View, name: &[u8], part: &Part) -> Result<Option<TagCondition>, QueryError> {
    Ok(compile(view, name, part, true)?.ok())
}

/// As [`tag_condition_of`], but a source in which `_name` is nothing.
fn unnamed_condition_of(view: &View, name: &[u8], part: &Part) -> Result<Option<TagCondition>, QueryError> {
    Ok(compile(view, name, part, false)?.ok())
}

/// The condition on tags for one measurement, or what it has that is none.
fn compile(
    view: &View,
    name: &[u8],
    part: &Part,
    named: bool,
) -> Result<Result<TagCondition, &'static str>, QueryError> {
    if let Part::True = part {
        return Ok(Ok(TagCondition::True));
    }
    let (fields, tag_keys) = (view.fields(name)?, view.tag_keys(name)?);
    let table = Table { name: name.into(), source: source::Source::Stored(view.clone(), None), fields, tag_keys };
    let schema = Schema::new(&[table]);
    let schema = if named { schema } else { schema.unnamed() };
    let mut fields = false;
    let predicate = Predicate::compile(part, &schema, &mut |reference| {
        fields |= !matches!(reference, Reference::Tag(_));
        0
    })?;
    match predicate.split() {
        (condition, Predicate::Always(true)) => Ok(Ok(condition)),
        (_, Predicate::Always(false)) => Ok(Ok(TagCondition::False)),
        // A time range only chooses shards.
        (condition, Predicate::Time(_)) => Ok(Ok(condition)),
        _ if fields => Ok(Err("conditions on fields in SHOW")),
        _ => Ok(Err("this condition in SHOW")),
    }
}

/// Whether a measurement of some views as a whole fulfils the condition, as InfluxDB judges it: a comparison holds if any series has
/// such a value, its negation if the measurement has the tag and no series has such a value.
fn has_tags(views: &[View], name: &[u8], part: &Part) -> Result<bool, QueryError> {
    match part {
        Part::True | Part::Time(_) => Ok(true),
        Part::And(parts) => all_or_any(parts, true, |part| has_tags(views, name, part)),
        Part::Or(parts) => all_or_any(parts, false, |part| has_tags(views, name, part)),
        Part::Other(Expr::Binary { op, lhs, rhs }) => {
            let (tag, value) = if matches!(**lhs, Expr::VarRef { .. }) { (lhs, rhs) } else { (rhs, lhs) };
            let Expr::VarRef { name: key, .. } = &**tag else { return Ok(false) };
            if key == MEASUREMENT_NAME {
                let fits = |view: &View| Ok(!matches!(tag_condition(view, name, part)?, TagCondition::False));
                return in_any(views, fits);
            }
            // InfluxDB keeps these names for itself, and finds nothing.
            if matches!(key.as_str(), "_fieldKeys" | "_measurements" | "_series" | "_tagKey" | "_tagKeys" | "_tags") {
                return Ok(false);
            }
            if !in_any(views, |view| Ok(view.tag_keys(name)?.iter().any(|found| **found == *key.as_bytes())))? {
                return Ok(false);
            }
            let positive = match op {
                BinaryOp::Ne => BinaryOp::Eq,
                BinaryOp::NotMatches => BinaryOp::Matches,
                other => *other,
            };
            let tag = Expr::VarRef { name: key.clone(), cast: Some(DataType::Tag) };
            let binary = |op, rhs| Part::Other(Expr::Binary { op, lhs: Box::new(tag.clone()), rhs });
            let present = binary(BinaryOp::Ne, Box::new(Expr::String(String::new())));
            let condition = Part::And(vec![binary(positive, value.clone()), present]);
            let has = |view: &View| Ok(!view.series(name, &tag_condition(view, name, &condition)?)?.is_empty());
            Ok(in_any(views, has)? == (positive == *op))
        }
        Part::Other(expr) => Ok(!matches!(expr, Expr::Boolean(false))),
    }
}

/// Whether something holds in any view.
fn in_any(views: &[View], mut holds: impl FnMut(&View) -> Result<bool, QueryError>) -> Result<bool, QueryError> {
    for view in views {
        if holds(view)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether all of them hold, or any.
fn all_or_any(
    parts: &[Part],
    all: bool,
    mut holds: impl FnMut(&Part) -> Result<bool, QueryError>,
) -> Result<bool, QueryError> {
    for part in parts {
        if holds(part)? != all {
            return Ok(!all);
        }
    }
    Ok(all)
}

/// How many rows there must be so that OFFSET and LIMIT leave what they ask for.
fn most(tail: &ShowTail) -> usize {
    if tail.limit == 0 {
        usize::MAX
    } else {
        usize::try_from(tail.limit.saturating_add(tail.offset)).unwrap_or(usize::MAX)
    }
}

/// The rows that OFFSET and LIMIT leave.
fn page<T>(rows: impl Iterator<Item = T>, limit: u64, offset: u64) -> Vec<T> {
    let limit = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    rows.skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(limit).collect()
}

/// Hands rows of strings over as one series; nothing if there are none.
fn give_table(name: &[u8], columns: &[&str], rows: Vec<Vec<Text>>, context: &Context, sink: &mut dyn Sink) -> Flow {
    if rows.is_empty() {
        return Flow::Continue;
    }
    let header = Header { name: name.into(), tags: None, columns: columns.iter().map(|name| bytes(name)).collect() };
    if let Flow::Stop = give(sink, Item::Series(header)) {
        return Flow::Stop;
    }
    for rows in rows.chunks(context.frame_rows.max(1)) {
        let column = |at: usize| {
            let mut strings = Strings::new();
            rows.iter().for_each(|row| strings.push(&row[at]));
            FrameColumn::Values(Column::dense(Values::String(strings)))
        };
        let frame = Frame { rows: rows.len(), columns: (0..columns.len()).map(column).collect() };
        if let Flow::Stop = give_rows(sink, frame) {
            return Flow::Stop;
        }
    }
    Flow::Continue
}
