//! SELECT: fields, sources, target, grouping and limits, and the rules that name its columns.

use std::collections::HashMap;

use super::{DataType, Expr};

/// A SELECT statement or subquery. Limits of 0 mean none.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// What is selected; at least one.
    pub fields: Vec<Field>,
    /// INTO.
    pub target: Option<Target>,
    /// FROM; at least one.
    pub sources: Vec<Source>,
    /// WHERE.
    pub condition: Option<Expr>,
    /// GROUP BY: names, `*`, regexes and calls of `time` (whether they fit is the compiler's question).
    pub dimensions: Vec<Expr>,
    /// `fill(..)`; `Fill::Null` when absent.
    pub fill: Fill,
    /// ORDER BY.
    pub order: Option<SortOrder>,
    /// LIMIT: rows of each series.
    pub limit: u64,
    /// OFFSET: rows of each series.
    pub offset: u64,
    /// SLIMIT: series.
    pub slimit: u64,
    /// SOFFSET: series.
    pub soffset: u64,
    /// Name of the time zone of `tz('..')`.
    pub location: Option<String>,
}

impl Select {
    /// Whether rows are wanted from old to new (the default).
    pub fn ascending(&self) -> bool {
        self.order.is_none_or(|order| order.ascending)
    }

    /// Whether no field calls a function.
    pub fn is_raw(&self) -> bool {
        !self.fields.iter().any(|field| field.expr.has_call())
    }

    /// The interval of the first `GROUP BY time(..)` in nanoseconds, 0 without one.
    ///
    /// # Errors
    /// The text InfluxDB gives when that call has no duration as its first of one or two arguments.
    pub fn group_by_interval(&self) -> Result<i64, &'static str> {
        for dimension in &self.dimensions {
            let Expr::Call { name, args } = dimension else { continue };
            if name != "time" {
                continue;
            }
            return match args.as_slice() {
                [Expr::Duration(interval)] | [Expr::Duration(interval), _] => Ok(*interval),
                [_] | [_, _] => Err("time dimension must have duration argument"),
                _ => Err("time dimension expected 1 or 2 arguments"),
            };
        }
        Ok(0)
    }

    /// Names of the value columns (`time` not among them): aliases first, then generated names made unique by `_1`, `_2`..
    ///
    /// Tags named in `top` and `bottom` add a column each, unless the rows go INTO a measurement.
    pub fn column_names(&self) -> Vec<String> {
        let mut columns: Vec<(Option<&str>, String)> = Vec::new();
        for field in &self.fields {
            columns.push((field.alias.as_deref(), field.expr.default_name()));
            for tag in field.extra_columns(self.target.is_some()) {
                columns.push((None, tag.to_owned()));
            }
        }
        unique_names(&columns)
    }
}

/// Aliases stay as they are; each generated name that is taken gets the first free number.
fn unique_names(columns: &[(Option<&str>, String)]) -> Vec<String> {
    let mut taken: HashMap<String, u64> = HashMap::new();
    for alias in columns.iter().filter_map(|(alias, _)| *alias) {
        taken.insert(alias.to_owned(), 1);
    }
    let mut names = Vec::with_capacity(columns.len());
    for (alias, generated) in columns {
        if let Some(alias) = alias {
            names.push((*alias).to_owned());
            continue;
        }
        let mut name = generated.clone();
        if let Some(&first) = taken.get(generated) {
            let mut number = first;
            loop {
                name = format!("{generated}_{number}");
                if !taken.contains_key(&name) {
                    break;
                }
                number += 1;
            }
            taken.insert(generated.clone(), number + 1);
        }
        *taken.entry(name.clone()).or_insert(0) += 1;
        names.push(name);
    }
    names
}

/// One selected expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What is computed.
    pub expr: Expr,
    /// The name after AS.
    pub alias: Option<String>,
}

impl Field {
    /// The alias, or the name InfluxDB derives from the expression (may be empty). Not yet made unique.
    pub fn name(&self) -> String {
        self.alias.clone().unwrap_or_else(|| self.expr.default_name())
    }

    /// Names that `top` or `bottom` adds as columns after its own.
    fn extra_columns(&self, has_target: bool) -> impl Iterator<Item = &str> {
        let args: &[Expr] = match &self.expr {
            Expr::Call { name, args } if !has_target && (name == "top" || name == "bottom") => args,
            _ => &[],
        };
        args.iter().skip(1).filter_map(|arg| match arg {
            Expr::VarRef { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Where SELECT INTO writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The database, if named.
    pub database: Option<String>,
    /// The retention policy, if named.
    pub retention_policy: Option<String>,
    /// The measurement; `None` is `:MEASUREMENT`, the name of the source.
    pub name: Option<String>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Stored measurements.
    Measurement(Measurement),
    /// `(SELECT ..)`
    SubQuery(Box<Select>),
}

/// A measurement by name or regex.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measurement {
    /// The database, if named.
    pub database: Option<String>,
    /// The retention policy, if named.
    pub retention_policy: Option<String>,
    /// The name; empty when `regex` is given.
    pub name: String,
    /// Source text of the regex in Go syntax, if the measurement is given by one.
    pub regex: Option<String>,
}

impl Measurement {
    /// A bare name.
    pub fn named(name: impl Into<String>) -> Measurement {
        Measurement { name: name.into(), ..Measurement::default() }
    }
}

/// What stands in windows without points.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fill {
    /// Null (`count`: 0).
    #[default]
    Null,
    /// No row.
    None,
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Number(f64),
    /// The value before.
    Previous,
    /// On the line between the neighbours.
    Linear,
}

/// ORDER BY, which knows time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortOrder {
    /// Whether `time` was written (`ORDER BY DESC` has no name).
    pub named: bool,
    /// Old to new.
    pub ascending: bool,
}

/// `EXPLAIN [ANALYZE] [VERBOSE] SELECT ..`
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// Whether the statement is run and measured.
    pub analyze: bool,
    /// VERBOSE.
    pub verbose: bool,
    /// The statement explained.
    pub select: Box<Select>,
}

impl Expr {
    /// The cast of a reference, if this is one that has any.
    pub fn cast(&self) -> Option<DataType> {
        match self {
            Expr::VarRef { cast, .. } => *cast,
            _ => None,
        }
    }
}
