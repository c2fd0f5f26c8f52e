//! The logical plan of a SELECT: which references are read, which calls are made of them, which expressions leave.
//!
//! References are numbered once a SELECT ([`Plan::references`]); [`Bound`] says for one table which stored fields each of
//! them reads, and adds those that only the row filter needs.

mod calls;
mod parts;

use crate::QueryError;
use crate::check::Checked;
use crate::datum::{Datum, is_number};
use crate::functions::holt_winters::Forecast;
use crate::functions::math::Math;
use crate::functions::transform::{self, Transform};
use crate::functions::{self, Function, Kernel};
use crate::predicate::Predicate;
use crate::resolve::{Expanded, Reference, Schema, Table, converts};
use crate::vector::Node;
use influxql::ast::{BinaryOp, DataType, Expr, Fill, Select};
use model::{FieldType, Text};
use std::sync::Arc;
use storage::TagCondition;

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    /// The reference it reads.
    pub(crate) reference: usize,
    /// Tags for which only the best point each counts.
    pub(crate) by: Vec<Text>,
    /// The type of its result.
    pub(crate) result: FieldType,
    /// How many buckets before the first one of the answer it is wanted in, for functions over it.
    pub(crate) lead: u32,
}

/// What a function over a sequence of points reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// The values of a reference.
    Reference(usize),
    /// The buckets of a call.
    Call(usize),
    /// What another such function gives.
    Transform(usize),
    /// What a function apart gives.
    Apart(usize),
}

/// A function over a sequence of points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Applied {
    pub(crate) kernel: Transform,
    pub(crate) parameter: transform::Parameter,
    pub(crate) feed: Feed,
    /// The type of its result.
    pub(crate) result: FieldType,
    /// Whether its type is known though no source has the field that it reads.
    pub(crate) typed: bool,
}

/// What a function apart does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Points are made points, where they are rows of a bucket that has several, or themselves made apart.
    Each(Transform, transform::Parameter),
    /// The area under raw points, by a unit (ns). Whether the only row of a range without buckets lies at its beginning.
    Integral(i64, bool),
    /// A forecast.
    Forecast(Forecast),
    /// Sketches are counted.
    Count,
}

/// A function over a sequence whose rows have times of their own: what it reads is executed by itself, and its rows are put beside others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Apart {
    pub(crate) step: Step,
    pub(crate) feed: Feed,
    /// The type of its result.
    pub(crate) result: FieldType,
    /// Whether its type is known though no source has the field that it reads.
    pub(crate) typed: bool,
}

/// What a [`Node::Input`] of an output stands for in a SELECT with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// A call.
    Call(usize),
    /// A reference whose value comes from the selected point.
    Reference(usize),
    /// A function over a sequence.
    Transform(usize),
    /// A function apart.
    Apart(usize),
}

/// One value column.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its expression: over references in a raw SELECT, over variables otherwise.
    pub(crate) node: Node,
    /// Its type; that of a column of nothing is float.
    pub(crate) field_type: FieldType,
    /// Its name for an outer SELECT: others may have the same.
    pub(crate) name: Text,
    /// Whether its type is known.
    pub(crate) is_known: bool,
    /// Whether it is a tag.
    pub(crate) is_tag: bool,
    /// Whether `top` or `bottom` has added it.
    pub(crate) is_beside: bool,
}

/// A SELECT, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) references: Vec<Reference>,
    pub(crate) calls: Vec<Call>,
    /// Each behind those that it reads.
    pub(crate) transforms: Vec<Applied>,
    /// Each behind those that it reads.
    pub(crate) aparts: Vec<Apart>,
    /// Whether it is a part of another one: then a lone selected point does not give the row its time.
    pub(crate) is_part: bool,
    pub(crate) variables: Vec<Variable>,
    pub(crate) outputs: Vec<Output>,
    /// Names of all columns, time first.
    pub(crate) columns: Arc<[Text]>,
    pub(crate) dimensions: Vec<Text>,
    pub(crate) fill: Fill,
}

/// What an expression is planned with.
#[derive(Clone, Copy)]
struct Scope<'a> {
    schema: &'a Schema,
    /// Whether the SELECT has calls.
    calls: bool,
    /// Width of the buckets (ns); 0 for none.
    interval: i64,
}

impl Plan {
    /// Makes the plan of a checked SELECT.
    pub(crate) fn new(
        select: &Select,
        checked: &Checked,
        expanded: Expanded,
        schema: &Schema,
    ) -> Result<Plan, QueryError> {
        // Tags of `top` and `bottom` are columns for INTO too, which makes tags of them.
        let named = Select { fields: expanded.fields, target: None, ..select.clone() };
        let mut columns = vec![Text::from(checked.time_name.as_bytes())];
        columns.extend(named.column_names().into_iter().map(|name| Text::from(name.into_bytes())));
        let mut plan = Plan {
            references: Vec::new(),
            calls: Vec::new(),
            transforms: Vec::new(),
            aparts: Vec::new(),
            is_part: false,
            variables: Vec::new(),
            outputs: Vec::new(),
            columns: columns.into(),
            dimensions: expanded.dimensions,
            fill: checked.fill,
        };
        let scope = Scope { schema, calls: checked.has_calls, interval: checked.windows.interval };
        for field in &named.fields {
            plan.output(&field.expr, &field.name(), false, scope)?;
            if let Expr::Call { name, args } = &field.expr {
                for beside in calls::columns_beside(name, args) {
                    plan.output(beside, &beside.default_name(), true, scope)?;
                }
            }
        }
        Ok(plan)
    }

    fn output(&mut self, expr: &Expr, name: &str, is_beside: bool, scope: Scope<'_>) -> Result<(), QueryError> {
        let (node, field_type) = self.node(expr, scope)?;
        let reference = match (&node, scope.calls) {
            (Node::Input(at), false) => Some(*at),
            (Node::Input(at), true) => match self.variables[*at] {
                Variable::Reference(at) => Some(at),
                _ => None,
            },
            _ => None,
        };
        let is_tag = reference.is_some_and(|at| matches!(self.references[at], Reference::Tag(_)));
        let (is_known, name) = (field_type.is_some(), Text::from(name.as_bytes()));
        let field_type = self.made_type(&node).or(field_type);
        let field_type = field_type.unwrap_or_else(|| reference.map_or(FieldType::Float, |at| self.values_type(at)));
        self.outputs.push(Output { node, field_type, name, is_known, is_tag, is_beside });
        Ok(())
    }

    /// The type of the values of an expression, if functions of single values or divisions are part of it: to InfluxDB's checks it may
    /// have another.
    fn made_type(&self, node: &Node) -> Option<FieldType> {
        let kernel = |field_type: Option<FieldType>| field_type.filter(|field_type| is_number(*field_type));
        match node {
            Node::Math(math, arguments) if math.keeps_type() => kernel(self.value_type(&arguments[0])),
            Node::Math(..) => Some(FieldType::Float),
            Node::Binary(op, left, right) => {
                let is_made = self.made_type(left).or(self.made_type(right)).is_some();
                match (self.value_type(left)?, self.value_type(right)?) {
                    (FieldType::Integer, FieldType::Integer) if *op == BinaryOp::Div => Some(FieldType::Float),
                    (left, right) if left == right => is_made.then_some(left),
                    _ => is_made.then_some(FieldType::Float),
                }
            }
            _ => None,
        }
    }

    fn value_type(&self, node: &Node) -> Option<FieldType> {
        match node {
            Node::Literal(datum) => Some(datum.field_type()),
            Node::Input(at) => match self.variables.get(*at) {
                Some(Variable::Call(at)) => Some(self.calls[*at].result),
                Some(Variable::Transform(at)) => Some(self.transforms[*at].result),
                Some(Variable::Apart(at)) => Some(self.aparts[*at].result),
                Some(Variable::Reference(at)) => self.reference_type(*at),
                None => self.reference_type(*at),
            },
            Node::Binary(op, left, right) => self.made_type(node).or_else(|| {
                let (left, right) = (self.value_type(left)?, self.value_type(right)?);
                let is_ratio = (left, right, op) == (FieldType::Integer, FieldType::Integer, &BinaryOp::Div);
                Some(if left == right && !is_ratio { left } else { FieldType::Float })
            }),
            // In conditions only.
            Node::Quotient(..) => None,
            Node::Truth(..) => Some(FieldType::Boolean),
            Node::Math(..) => self.made_type(node),
        }
    }

    /// Whether functions read raw points in order of time.
    pub(crate) fn is_stream(&self) -> bool {
        self.transforms.iter().any(|applied| matches!(applied.feed, Feed::Reference(_)))
    }

    /// The most buckets before the first one of the answer that a call is wanted in.
    pub(crate) fn lead(&self) -> u32 {
        self.calls.iter().map(|call| call.lead).max().unwrap_or(0)
    }

    /// The type of a reference's values. Where no source has such a field all of them are filled: with integers if that is said.
    pub(crate) fn values_type(&self, reference: usize) -> FieldType {
        let filled = if matches!(self.fill, Fill::Integer(_)) { FieldType::Integer } else { FieldType::Float };
        self.reference_type(reference).unwrap_or(filled)
    }

    /// The type of a reference, if it has one.
    pub(crate) fn reference_type(&self, reference: usize) -> Option<FieldType> {
        reference_type(&self.references[reference])
    }

    fn node(&mut self, expr: &Expr, scope: Scope<'_>) -> Result<(Node, Option<FieldType>), QueryError> {
        if let Some(datum) = literal(expr) {
            let field_type = datum.field_type();
            return Ok((Node::Literal(datum), Some(field_type)));
        }
        match expr {
            Expr::Paren(inner) => self.node(inner, scope),
            // No number, so that what is made of it is missing.
            Expr::Duration(_) => Ok((Node::Literal(Datum::String(Text::default())), None)),
            Expr::VarRef { name, cast } => {
                let reference = intern(&mut self.references, scope.schema.resolve(name, *cast));
                let field_type = self.reference_type(reference);
                let input = if scope.calls { self.variable(Variable::Reference(reference)) } else { reference };
                Ok((Node::Input(input), field_type))
            }
            Expr::Call { name, args } if let Some(kernel) = math_kernel(name) => self.math(kernel, name, args, scope),
            Expr::Call { name, args } => {
                let (variable, result) = match self.feed(name, args, scope, 0)? {
                    Feed::Transform(at) => {
                        let applied = &self.transforms[at];
                        (Variable::Transform(at), applied.typed.then_some(applied.result))
                    }
                    Feed::Call(at) => (Variable::Call(at), self.is_typed(at).then_some(self.calls[at].result)),
                    Feed::Apart(at) => {
                        let apart = &self.aparts[at];
                        (Variable::Apart(at), apart.typed.then_some(apart.result))
                    }
                    Feed::Reference(at) => (Variable::Reference(at), None),
                };
                Ok((Node::Input(self.variable(variable)), result))
            }
            Expr::Binary { op, lhs, rhs } => {
                let (left, left_type) = self.node(lhs, scope)?;
                let (right, right_type) = self.node(rhs, scope)?;
                let literals = (matches!(left, Node::Literal(_)), matches!(right, Node::Literal(_)));
                let of = |expr: &Expr, field_type: Option<FieldType>| called_tag(expr, scope.schema).or(field_type);
                let field_type = match (of(lhs, left_type), of(rhs, right_type)) {
                    (Some(l), Some(r)) => {
                        let names = (type_name(lhs, l, scope.schema), type_name(rhs, r, scope.schema));
                        Some(binary_type(*op, (l, r), literals, (names, &|| typed(expr, scope.schema)))?)
                    }
                    // What is not known takes the type of the other side.
                    (known, None) | (None, known) => known,
                };
                let is_truth = is_bitwise(*op) && field_type == Some(FieldType::Boolean);
                let node = if is_truth { Node::Truth } else { Node::Binary };
                Ok((node(*op, Box::new(left), Box::new(right)), field_type))
            }
            Expr::Distinct(field) => {
                let call = Expr::Call { name: "distinct".to_owned(), args: vec![Expr::var(field.as_str())] };
                self.node(&call, scope)
            }
            other => Err(QueryError::NotExecuted(other.to_string())),
        }
    }

    /// A function of single values. Its type is for checks; that of its values is [`Plan::type_of`].
    fn math(
        &mut self,
        kernel: Math,
        name: &str,
        args: &[Expr],
        scope: Scope<'_>,
    ) -> Result<(Node, Option<FieldType>), QueryError> {
        let (mut nodes, mut types) = (Vec::with_capacity(args.len()), Vec::with_capacity(args.len()));
        for arg in args {
            // A duration is no number.
            let (node, field_type) = match arg.without_parens() {
                Expr::Duration(_) | Expr::Regex(_) => (Node::Literal(Datum::String(Text::default())), None),
                _ => self.node(arg, scope)?,
            };
            nodes.push(node);
            types.push(field_type);
        }
        let field_type = match (types[0], kernel, types.get(1)) {
            (None, Math::Atan2 | Math::Pow, Some(Some(other))) if !is_number(*other) => {
                let text = format!("invalid argument type for the second argument in {name}(): {}", other.name());
                return Err(QueryError::Invalid(text));
            }
            (None, _, _) => (!kernel.keeps_type()).then_some(FieldType::Float),
            (first, _, _) => first,
        };
        Ok((Node::Math(kernel, nodes.into()), field_type))
    }

    fn variable(&mut self, variable: Variable) -> usize {
        intern(&mut self.variables, variable)
    }
}

/// The function of single values that a name calls.
pub(crate) fn math_kernel(name: &str) -> Option<Math> {
    match functions::named(name)?.kernel {
        Kernel::Math(kernel) => Some(kernel),
        _ => None,
    }
}

fn intern<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

fn reference_type(reference: &Reference) -> Option<FieldType> {
    match reference {
        Reference::Field(_, field_type) => Some(*field_type),
        Reference::Tag(_) => Some(FieldType::String),
        Reference::Missing => None,
    }
}

/// The type of what is said to be a tag, whether there is one or not, and of calls that keep the type of a tag.
fn called_tag(expr: &Expr, schema: &Schema) -> Option<FieldType> {
    match expr.without_parens() {
        Expr::VarRef { cast: Some(DataType::Tag), .. } => Some(FieldType::String),
        Expr::Call { name, args } if keeps_type(name) => match args.first()?.without_parens() {
            Expr::VarRef { name, cast } if matches!(schema.resolve(name, *cast), Reference::Tag(_)) => {
                Some(FieldType::String)
            }
            inner => called_tag(inner, schema),
        },
        _ => None,
    }
}

/// Whether InfluxDB's checks take a call's type to be that of its first argument.
fn keeps_type(name: &str) -> bool {
    functions::named(name)
        .is_some_and(|entry| matches!(entry.kernel, Kernel::Math(_)) || entry.gives == functions::Gives::Same)
}

/// The value of a literal.
pub(crate) fn literal(expr: &Expr) -> Option<Datum> {
    Some(match expr.without_parens() {
        Expr::Integer(value) => Datum::Integer(*value),
        Expr::Unsigned(value) => Datum::Unsigned(*value),
        Expr::Number(value) => Datum::Float(*value),
        Expr::Boolean(value) => Datum::Boolean(*value),
        Expr::String(value) => Datum::String(value.as_bytes().into()),
        _ => return None,
    })
}

/// What InfluxDB calls the type of a side of an operator: that of a call is, to it, mostly that of its first argument.
fn type_name(expr: &Expr, field_type: FieldType, schema: &Schema) -> &'static str {
    match expr.without_parens() {
        Expr::VarRef { cast: Some(DataType::Tag), .. } => "tag",
        Expr::VarRef { name, cast } if matches!(schema.resolve(name, *cast), Reference::Tag(_)) => "tag",
        Expr::Call { name, args } if keeps_type(name) && !args.is_empty() => type_name(&args[0], field_type, schema),
        // One side is a tag, and the type of the other is not known.
        Expr::Binary { lhs, rhs, .. } if [lhs, rhs].iter().any(|side| type_name(side, field_type, schema) == "tag") => {
            "tag"
        }
        _ => field_type.name(),
    }
}

/// The expression with the type of each reference, as InfluxDB prints it in type errors: no more parentheses than were written.
fn typed(expr: &Expr, schema: &Schema) -> String {
    match expr {
        Expr::VarRef { name, cast } => {
            let cast = match schema.resolve(name, *cast) {
                Reference::Field(_, FieldType::Float) => Some(DataType::Float),
                Reference::Field(_, FieldType::Integer) => Some(DataType::Integer),
                Reference::Field(_, FieldType::Unsigned) => Some(DataType::Unsigned),
                Reference::Field(_, FieldType::String) => Some(DataType::String),
                Reference::Field(_, FieldType::Boolean) => Some(DataType::Boolean),
                Reference::Tag(_) => Some(DataType::Tag),
                Reference::Missing => cast.filter(|cast| *cast != DataType::AnyField),
            };
            Expr::VarRef { name: name.clone(), cast }.to_string()
        }
        Expr::Binary { op, lhs, rhs } => {
            format!("{} {} {}", typed(lhs, schema), op.symbol(), typed(rhs, schema))
        }
        Expr::Paren(inner) => format!("({})", typed(inner, schema)),
        Expr::Call { name, args } => {
            let args: Vec<String> = args.iter().map(|arg| typed(arg, schema)).collect();
            format!("{name}({})", args.join(", "))
        }
        other => other.to_string(),
    }
}

fn is_bitwise(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor)
}

/// The type of an operator's result; `literals` says which sides are literals.
fn binary_type(
    op: BinaryOp,
    (left, right): (FieldType, FieldType),
    literals: (bool, bool),
    ((left_name, right_name), text): ((&str, &str), &dyn Fn() -> String),
) -> Result<FieldType, QueryError> {
    use FieldType::{Boolean, Float, Integer, Unsigned};
    let bitwise = is_bitwise(op);
    let incompatible = || {
        let types = format!("incompatible types: {left_name} and {right_name}");
        Err(QueryError::Invalid(format!("type error: {}: {types}", text())))
    };
    match (left, right) {
        // Whatever stands beside a truth: if that is none, the answer is no.
        (Boolean, _) if bitwise => Ok(Boolean),
        (Integer, Integer) => Ok(Integer),
        (Unsigned, Unsigned) => Ok(Unsigned),
        (Integer, Unsigned) | (Unsigned, Integer) => {
            let literal = if left == Integer { literals.0 } else { literals.1 };
            let unsigned_literal = if left == Unsigned { literals.0 } else { literals.1 };
            if literal {
                return Ok(Unsigned);
            }
            let what = if unsigned_literal {
                format!("cannot use {} with an integer and unsigned literal", op.symbol())
            } else {
                format!("cannot use {} between an integer and unsigned, an explicit cast is required", op.symbol())
            };
            Err(QueryError::Invalid(format!("type error: {}: {what}", text())))
        }
        (l, r) if is_number(l) && is_number(r) && !bitwise => Ok(Float),
        _ => incompatible(),
    }
}

/// What a reference reads in one table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// A field as one type, from these fields of the scan; at most one of them has values in a shard.
    Field(Vec<usize>, FieldType),
    /// A tag.
    Tag(Text),
    /// Nothing.
    Missing,
}

/// A plan bound to a table: what is scanned, and what filters.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// Fields of the scan.
    pub(crate) scan: Vec<(Text, FieldType)>,
    /// What each reference reads: those of the plan first, then those of the row filter.
    pub(crate) inputs: Vec<Input>,
    /// Which series are read.
    pub(crate) tags: TagCondition,
    /// Which rows of them.
    pub(crate) filter: Predicate,
}

impl Bound {
    /// The field of the scan that an input reads, if it is a single one, and as it is stored.
    pub(crate) fn field(&self, input: &Input) -> Option<usize> {
        match input {
            Input::Field(physical, wanted) => match physical[..] {
                [field] if self.scan[field].1 == *wanted => Some(field),
                _ => None,
            },
            Input::Missing | Input::Tag(_) => None,
        }
    }

    /// Binds the plan's references and the condition to a table.
    pub(crate) fn new(plan: &Plan, checked: &Checked, table: &Table) -> Result<Bound, QueryError> {
        let mut schema = Schema::new(std::slice::from_ref(table));
        schema.reads_tags = !table.source.is_stored();
        let mut references = plan.references.clone();
        let selected = references.len();
        let predicate = Predicate::compile(&checked.condition, &schema, &mut |reference| {
            // The plan's own references stay apart: a cast there must not change what the filter sees.
            let at = references[selected..].iter().position(|known| *known == reference);
            at.map_or_else(
                || {
                    references.push(reference.clone());
                    references.len() - 1
                },
                |at| selected + at,
            )
        })?;
        let (tags, filter) = predicate.split();
        let mut scan: Vec<(Text, FieldType)> = Vec::new();
        let inputs = references.into_iter().map(|reference| bind(reference, table, &mut scan)).collect();
        Ok(Bound { scan, inputs, tags, filter })
    }
}

fn has_column(table: &Table, name: &Text) -> bool {
    table.fields.iter().any(|(field, field_type)| field == name && *field_type == FieldType::String)
}

fn bind(reference: Reference, table: &Table, scan: &mut Vec<(Text, FieldType)>) -> Input {
    let (name, wanted) = match reference {
        Reference::Missing => return Input::Missing,
        Reference::Tag(name) if table.source.is_stored() => return Input::Tag(name),
        // Rows of a SELECT have tags as columns, or as what they are grouped by: both are read alike.
        Reference::Tag(name) if has_column(table, &name) || table.tag_keys.contains(&name) => {
            return Input::Field(vec![intern(scan, (name, FieldType::String))], FieldType::String);
        }
        Reference::Tag(_) => return Input::Missing,
        Reference::Field(name, wanted) => (name, wanted),
    };
    let stored = table.fields.iter().filter(|(field, stored)| *field == name && converts(*stored, wanted));
    let physical: Vec<usize> = stored.map(|field| intern(scan, field.clone())).collect();
    if physical.is_empty() { Input::Missing } else { Input::Field(physical, wanted) }
}
