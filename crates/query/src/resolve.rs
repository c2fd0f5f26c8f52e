//! Names of a SELECT against what is stored: sources become tables, `*` and regexes become names, references become fields
//! with types, tags, or nothing.

use crate::check::Checked;
use crate::datum::is_number;
use crate::exec::check_cancel;
use crate::functions::named;
use crate::pattern::Pattern;
use crate::plan::Output;
use crate::source::Source;
use crate::when::Part;
use crate::{Context, Names, QueryError};
use influxql::ast::{DataType, Expr, Field, Measurement, WildcardKind};
use model::{FieldType, Text, TimeRange};
use std::collections::{BTreeMap, BTreeSet};
use storage::View;

/// What stands for the name of the measurement in a condition, whatever tags and fields there are.
pub(crate) const MEASUREMENT_NAME: &str = "_name";

/// One measurement in one policy's shards, or the rows of that name that SELECTs gave.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: Text,
    pub(crate) source: Source,
    /// Fields with all their types, sorted by name, then type.
    pub(crate) fields: Vec<(Text, FieldType)>,
    pub(crate) tag_keys: Vec<Text>,
}

/// Opens views, each policy's only once, so that one query sees one picture.
pub(crate) struct Views<'a> {
    names: &'a dyn Names,
    context: &'a Context,
    range: TimeRange,
    open: BTreeMap<(String, Option<String>), View>,
}

impl<'a> Views<'a> {
    pub(crate) fn new(names: &'a dyn Names, context: &'a Context, range: TimeRange) -> Self {
        Self { names, context, range, open: BTreeMap::new() }
    }

    /// The view for the database and policy that a source names, or the request does.
    fn of(&mut self, source: &Measurement) -> Result<View, QueryError> {
        let database = source.database.as_ref().or(self.context.database.as_ref());
        let database = database.filter(|name| !name.is_empty()).ok_or(QueryError::DatabaseRequired)?;
        let policy = match (&source.retention_policy, &source.database) {
            (Some(policy), _) => Some(policy.clone()),
            (None, None) => self.context.policy.clone(),
            (None, Some(_)) => None,
        };
        let key = (database.clone(), policy.filter(|policy| !policy.is_empty()));
        if let Some(view) = self.open.get(&key) {
            return Ok(view.clone());
        }
        let view = self.names.view(&key.0, key.1.as_deref(), self.range)?;
        self.open.insert(key, view.clone());
        Ok(view)
    }
}

/// The tables of the measurements that a source names. Those without fields are left out.
pub(crate) fn tables(source: &Measurement, views: &mut Views<'_>) -> Result<Vec<Table>, QueryError> {
    let mut tables: Vec<Table> = Vec::new();
    let view = views.of(source)?;
    for name in measurements(&view, source)? {
        check_cancel(views.context)?;
        let fields = view.fields(&name)?;
        if fields.is_empty() {
            continue;
        }
        let tag_keys = view.tag_keys(&name)?;
        tables.push(Table {
            name,
            source: Source::Stored(view.clone(), views.context.trace.clone()),
            fields,
            tag_keys,
        });
    }
    Ok(tables)
}

/// The same tables in order of their names, those of one name as one.
pub(crate) fn united(mut tables: Vec<Table>) -> Vec<Table> {
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    if tables.windows(2).all(|pair| pair[0].name != pair[1].name) {
        return tables;
    }
    let named = tables.chunk_by(|left, right| left.name == right.name);
    let together = named.map(|same| match same {
        [table] => table.clone(),
        _ => Table {
            name: same[0].name.clone(),
            source: Source::Several(same.iter().map(|table| table.source.clone()).collect()),
            fields: same
                .iter()
                .flat_map(|table| table.fields.iter().cloned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            tag_keys: same
                .iter()
                .flat_map(|table| table.tag_keys.iter().cloned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        },
    });
    together.collect()
}

fn measurements(view: &View, source: &Measurement) -> Result<Vec<Text>, QueryError> {
    let Some(regex) = &source.regex else { return Ok(vec![source.name.as_bytes().into()]) };
    let pattern = Pattern::new(regex)?;
    Ok(view.measurements()?.into_iter().filter(|name| pattern.matches(name)).collect())
}

/// Fields and tags of all sources of a SELECT together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    /// Field to its type, the first one in the order of [`FieldType`].
    fields: BTreeMap<Text, FieldType>,
    /// All (field, type) pairs.
    types: BTreeSet<(Text, FieldType)>,
    tags: BTreeSet<Text>,
    /// Columns of SELECTs that have a name and no type.
    untyped: BTreeSet<Text>,
    /// Names for which wildcards do not stand.
    hidden: BTreeSet<Text>,
    /// Whether tags may be read as fields are, as the rows of SELECTs allow.
    pub(crate) reads_tags: bool,
    /// The measurement, if it is one.
    measurement: Option<Text>,
}

/// What a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A field, read as this type.
    Field(Text, FieldType),
    /// A tag.
    Tag(Text),
    /// Nothing that is stored.
    Missing,
}

impl Schema {
    pub(crate) fn new(tables: &[Table]) -> Self {
        let mut schema = Self::default();
        if let [table] = tables {
            schema.measurement = Some(table.name.clone());
        }
        for table in tables {
            table.fields.iter().for_each(|(name, field_type)| schema.add_field(name, *field_type));
            schema.tags.extend(table.tag_keys.iter().cloned());
        }
        schema
    }

    fn add_field(&mut self, name: &Text, field_type: FieldType) {
        let known = self.fields.entry(name.clone()).or_insert(field_type);
        *known = (*known).min(field_type);
        self.types.insert((name.clone(), field_type));
    }

    /// Adds the columns of a SELECT that is a source, and the tags that it groups by.
    pub(crate) fn add_rows(&mut self, outputs: &[Output], dimensions: &[Text]) {
        self.reads_tags = true;
        self.measurement = None;
        let (known, unknown): (Vec<&Output>, _) = outputs.iter().partition(|output| output.is_known);
        self.untyped.extend(unknown.iter().map(|output| output.name.clone()));
        for output in known {
            if output.is_beside && !self.fields.contains_key(&output.name) && !self.tags.contains(&output.name) {
                self.hidden.insert(output.name.clone());
            } else if !output.is_beside {
                self.hidden.remove(&output.name);
            }
            if output.is_tag {
                self.tags.insert(output.name.clone());
            } else {
                self.add_field(&output.name, output.field_type);
            }
        }
        self.tags.extend(dimensions.iter().cloned());
    }

    /// The same, but a source without the name of a measurement.
    pub(crate) fn unnamed(self) -> Self {
        Self { measurement: None, ..self }
    }

    /// The text that a name in a condition stands for, if it is that of the measurement.
    pub(crate) fn measurement_text(&self, name: &str) -> Option<&Text> {
        self.measurement.as_ref().filter(|_| name == MEASUREMENT_NAME)
    }

    /// What a name with an optional cast refers to.
    pub(crate) fn resolve(&self, name: &str, cast: Option<DataType>) -> Reference {
        let name = name.as_bytes();
        let wanted = match cast {
            None if !self.fields.contains_key(name) => return self.tag(name),
            Some(DataType::Tag) => return self.tag(name),
            None | Some(DataType::AnyField) => match self.fields.get(name) {
                Some(known) => *known,
                None => return Reference::Missing,
            },
            Some(DataType::Float) => FieldType::Float,
            Some(DataType::Integer) => FieldType::Integer,
            Some(DataType::Unsigned) => FieldType::Unsigned,
            Some(DataType::String) => FieldType::String,
            Some(DataType::Boolean) => FieldType::Boolean,
        };
        // A cast says the type of the expression even where nothing can be read as that.
        Reference::Field(name.into(), wanted)
    }

    fn tag(&self, name: &[u8]) -> Reference {
        if self.tags.contains(name) { Reference::Tag(name.into()) } else { Reference::Missing }
    }

    /// Whether anything stored under a name can be read as a type.
    pub(crate) fn readable(&self, name: &[u8], wanted: FieldType) -> bool {
        FieldType::ALL
            .into_iter()
            .any(|stored| converts(stored, wanted) && self.types.contains(&(Text::from(name), stored)))
    }
}

/// A condition in which names that are fields of some source say so: they are fields then in all of them, tags in none.
pub(crate) fn typed_condition(part: &Part, schema: &Schema) -> Part {
    let of_all = |parts: &[Part]| parts.iter().map(|part| typed_condition(part, schema)).collect();
    match part {
        Part::Other(expr) => Part::Other(typed(expr, schema)),
        Part::And(parts) => Part::And(of_all(parts)),
        Part::Or(parts) => Part::Or(of_all(parts)),
        Part::True | Part::Time(_) => part.clone(),
    }
}

fn typed(expr: &Expr, schema: &Schema) -> Expr {
    let of_all = |members: &[Expr]| members.iter().map(|member| typed(member, schema)).collect();
    match expr {
        Expr::VarRef { name, cast: None } => match schema.resolve(name, None) {
            Reference::Field(_, field_type) => Expr::VarRef { name: name.clone(), cast: Some(data_type(field_type)) },
            _ => expr.clone(),
        },
        Expr::Binary { op, lhs, rhs } => Expr::binary(*op, typed(lhs, schema), typed(rhs, schema)),
        Expr::And(members) => Expr::And(of_all(members)),
        Expr::Or(members) => Expr::Or(of_all(members)),
        Expr::Paren(inner) => Expr::Paren(Box::new(typed(inner, schema))),
        Expr::Call { name, args } => Expr::Call { name: name.clone(), args: of_all(args) },
        other => other.clone(),
    }
}

/// Whether values stored as one type can be read as another.
pub(crate) fn converts(stored: FieldType, wanted: FieldType) -> bool {
    stored == wanted || (is_number(stored) && is_number(wanted))
}

fn data_type(field_type: FieldType) -> DataType {
    match field_type {
        FieldType::Float => DataType::Float,
        FieldType::Integer => DataType::Integer,
        FieldType::Unsigned => DataType::Unsigned,
        FieldType::String => DataType::String,
        FieldType::Boolean => DataType::Boolean,
    }
}

/// A SELECT with all names written out.
#[derive(Clone, Debug)]
pub(crate) struct Expanded {
    /// The tags of GROUP BY, sorted.
    pub(crate) dimensions: Vec<Text>,
    /// Fields without wildcards; those that a wildcard gave carry a cast.
    pub(crate) fields: Vec<Field>,
}

/// Writes wildcards and regexes out.
pub(crate) fn expand(checked: &Checked, schema: &Schema) -> Result<Expanded, QueryError> {
    let mut dimensions = BTreeSet::new();
    for dimension in &checked.dimensions {
        match dimension.without_parens() {
            Expr::VarRef { name, .. } => drop(dimensions.insert(Text::from(name.as_bytes()))),
            Expr::Wildcard(_) => dimensions.extend(schema.tags.iter().cloned()),
            Expr::Regex(regex) => {
                let pattern = Pattern::new(regex)?;
                dimensions.extend(schema.tags.iter().filter(|tag| pattern.matches(tag)).cloned());
            }
            _ => {}
        }
    }
    let wild = checked.dimensions.iter().any(|dimension| matches!(dimension, Expr::Wildcard(_) | Expr::Regex(_)));
    let tags: Vec<&Text> =
        schema.tags.iter().filter(|tag| !wild && !dimensions.contains(*tag) && !schema.hidden.contains(*tag)).collect();
    let mut fields = Vec::new();
    for field in &checked.fields {
        expand_field(field, schema, &tags, &mut fields)?;
    }
    Ok(Expanded { dimensions: dimensions.into_iter().collect(), fields })
}

/// A field that is read as a type.
pub(crate) fn field(name: &Text, field_type: FieldType) -> Field {
    Field { expr: reference(name, data_type(field_type)), alias: None }
}

fn reference(name: &Text, cast: DataType) -> Expr {
    Expr::VarRef { name: String::from_utf8_lossy(name).into_owned(), cast: Some(cast) }
}

fn expand_field(field: &Field, schema: &Schema, tags: &[&Text], out: &mut Vec<Field>) -> Result<(), QueryError> {
    let (with_fields, with_tags, pattern) = match &field.expr {
        Expr::Wildcard(kind) => (*kind != WildcardKind::Tags, *kind != WildcardKind::Fields, None),
        Expr::Regex(regex) => (true, true, Some(Pattern::new(regex)?)),
        Expr::Call { name, args } => return expand_call(field, name, args, schema, out),
        _ => {
            out.push(field.clone());
            return Ok(());
        }
    };
    let mut names: Vec<(&Text, DataType)> = Vec::new();
    if with_fields {
        let shown = schema.fields.iter().filter(|(name, _)| !schema.hidden.contains(*name));
        names.extend(shown.map(|(name, field_type)| (name, data_type(*field_type))));
        let untyped = schema.untyped.iter();
        let nothing = untyped.filter(|name| !schema.fields.contains_key(*name) && !schema.tags.contains(*name));
        names.extend(nothing.map(|name| (name, DataType::AnyField)));
    }
    if with_tags {
        names.extend(tags.iter().map(|name| (*name, DataType::Tag)));
    }
    // A field comes before the tag of the same name, but for an unsigned one: the order of InfluxDB's types.
    let rank = |kind: DataType| match kind {
        DataType::Unsigned => 2,
        DataType::Tag => 1,
        _ => 0,
    };
    names.sort_by_key(|&(name, kind)| (name, rank(kind)));
    let fits = |name: &Text| pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
    out.extend(
        names
            .into_iter()
            .filter(|(name, _)| fits(name))
            .map(|(name, cast)| Field { expr: reference(name, cast), alias: None }),
    );
    Ok(())
}

/// Writes out a wildcard or regex of a call, or of the innermost of calls in each other.
fn expand_call(
    field: &Field,
    name: &str,
    args: &[Expr],
    schema: &Schema,
    out: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let (inner, argument) = innermost(name, args);
    let pattern = match argument {
        Some(Expr::Wildcard(_)) => None,
        Some(Expr::Regex(regex)) => Some(Pattern::new(regex)?),
        _ => {
            out.push(field.clone());
            return Ok(());
        }
    };
    let entry = named(inner).ok_or_else(|| QueryError::NotExecuted(format!("function {inner}()")))?;
    let prefix = field.name();
    for (field_name, field_type) in &schema.fields {
        if schema.hidden.contains(field_name)
            || !entry.expands(*field_type)
            || pattern.as_ref().is_some_and(|pattern| !pattern.matches(field_name))
        {
            continue;
        }
        let alias = format!("{prefix}_{}", String::from_utf8_lossy(field_name));
        let expr = with_argument(name, args, &reference(field_name, data_type(*field_type)));
        out.push(Field { expr, alias: Some(alias) });
    }
    Ok(())
}

/// The innermost call of calls in each other, and its first argument.
fn innermost<'a>(name: &'a str, args: &'a [Expr]) -> (&'a str, Option<&'a Expr>) {
    match args.first() {
        Some(Expr::Call { name, args }) => innermost(name, args),
        first => (name, first),
    }
}

/// The call with another first argument in its innermost call.
fn with_argument(name: &str, args: &[Expr], argument: &Expr) -> Expr {
    let mut args = args.to_vec();
    if let Some(first) = args.first_mut() {
        *first = match first {
            Expr::Call { name, args } => with_argument(name, args, argument),
            _ => argument.clone(),
        };
    }
    Expr::Call { name: name.to_owned(), args }
}
