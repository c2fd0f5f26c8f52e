//! The logical plan of a SELECT: which references are read, which calls are made of them, which expressions leave.
//!
//! References are numbered once a SELECT ([`Plan::references`]); [`Bound`] says for one table which stored fields each of
//! them reads, and adds those that only the row filter needs.

use crate::QueryError;
use crate::check::Checked;
use crate::datum::{Datum, is_number};
use crate::functions::{self, Arguments, COUNT_DISTINCT, Function, Gives, Parameter};
use crate::predicate::Predicate;
use crate::resolve::{Expanded, Reference, Schema, Table, converts};
use crate::vector::Node;
use influxql::ast::{BinaryOp, DataType, Expr, Field, Fill, Select};
use model::{FieldType, Text};
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
}

/// What a [`Node::Input`] of an output stands for in a SELECT with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// A call.
    Call(usize),
    /// A reference whose value comes from the selected point.
    Reference(usize),
}

/// One value column.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its expression: over references in a raw SELECT, over variables otherwise.
    pub(crate) node: Node,
    /// Its type; that of a column of nothing is float.
    pub(crate) field_type: FieldType,
}

/// A SELECT, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) references: Vec<Reference>,
    pub(crate) calls: Vec<Call>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) outputs: Vec<Output>,
    /// Names of all columns, time first.
    pub(crate) columns: Vec<Text>,
    pub(crate) dimensions: Vec<Text>,
    pub(crate) fill: Fill,
}

impl Plan {
    /// Makes the plan of a checked SELECT.
    pub(crate) fn new(
        select: &Select,
        checked: &Checked,
        expanded: Expanded,
        schema: &Schema,
    ) -> Result<Plan, QueryError> {
        let named = Select { fields: expanded.fields, ..select.clone() };
        let mut columns = vec![Text::from(checked.time_name.as_bytes())];
        columns.extend(named.column_names().into_iter().map(|name| Text::from(name.into_bytes())));
        let mut plan = Plan {
            references: Vec::new(),
            calls: Vec::new(),
            variables: Vec::new(),
            outputs: Vec::new(),
            columns,
            dimensions: expanded.dimensions,
            fill: select.fill,
        };
        for Field { expr, .. } in &named.fields {
            let (node, field_type) = plan.node(expr, schema, checked.has_calls)?;
            plan.outputs.push(Output { node, field_type: field_type.unwrap_or(FieldType::Float) });
            if let Expr::Call { name, args } = expr {
                for beside in columns_beside(name, args) {
                    let (node, field_type) = plan.node(beside, schema, true)?;
                    plan.outputs.push(Output { node, field_type: field_type.unwrap_or(FieldType::Float) });
                }
            }
        }
        plan.check_fill(checked.has_calls)?;
        Ok(plan)
    }

    /// InfluxDB puts the number of `fill(number)` even into string and boolean columns that are no calls; a column here has
    /// one type.
    fn check_fill(&self, calls: bool) -> Result<(), QueryError> {
        let plain = |reference: usize| self.reference_type(reference).is_some_and(|plain| !is_number(plain));
        let unfit = if calls {
            self.variables.iter().any(|variable| matches!(variable, Variable::Reference(at) if plain(*at)))
        } else {
            (0..self.references.len()).any(plain)
        };
        match self.fill {
            Fill::Integer(_) | Fill::Number(_) if unfit => {
                Err(QueryError::NotExecuted("fill(number) beside a tag, string or boolean".into()))
            }
            _ => Ok(()),
        }
    }

    /// The type of a reference, if it has one.
    pub(crate) fn reference_type(&self, reference: usize) -> Option<FieldType> {
        reference_type(&self.references[reference])
    }

    fn node(&mut self, expr: &Expr, schema: &Schema, calls: bool) -> Result<(Node, Option<FieldType>), QueryError> {
        if let Some(datum) = literal(expr) {
            let field_type = datum.field_type();
            return Ok((Node::Literal(datum), Some(field_type)));
        }
        match expr {
            Expr::Paren(inner) => self.node(inner, schema, calls),
            Expr::VarRef { name, cast } => {
                let reference = intern(&mut self.references, schema.resolve(name, *cast));
                let field_type = self.reference_type(reference);
                let input = if calls { self.variable(Variable::Reference(reference)) } else { reference };
                Ok((Node::Input(input), field_type))
            }
            Expr::Call { name, args } => {
                let call = self.call(name, args, schema)?;
                let result = self.is_typed(call).then_some(self.calls[call].result);
                Ok((Node::Input(self.variable(Variable::Call(call))), result))
            }
            Expr::Binary { op, lhs, rhs } => {
                let (left, left_type) = self.node(lhs, schema, calls)?;
                let (right, right_type) = self.node(rhs, schema, calls)?;
                let literals = (matches!(left, Node::Literal(_)), matches!(right, Node::Literal(_)));
                let field_type = match (left_type, right_type) {
                    (Some(l), Some(r)) => Some(binary_type(*op, (l, r), literals, &|| typed(expr, schema))?),
                    // What is not known takes the type of the other side.
                    (known, None) | (None, known) => known,
                };
                Ok((Node::Binary(*op, Box::new(left), Box::new(right)), field_type))
            }
            Expr::Distinct(field) => {
                let call = Expr::Call { name: "distinct".to_owned(), args: vec![Expr::var(field.as_str())] };
                self.node(&call, schema, calls)
            }
            other => Err(QueryError::NotExecuted(other.to_string())),
        }
    }

    fn variable(&mut self, variable: Variable) -> usize {
        intern(&mut self.variables, variable)
    }

    /// Whether the type of a call is known: that of its field is not where no source has such a field.
    pub(crate) fn is_typed(&self, call: usize) -> bool {
        let planned = &self.calls[call];
        planned.function.entry.gives != Gives::Same || !matches!(self.references[planned.reference], Reference::Missing)
    }

    fn call(&mut self, name: &str, args: &[Expr], schema: &Schema) -> Result<usize, QueryError> {
        let not_executed = || QueryError::NotExecuted(format!("function {name}()"));
        let (name, first) = match args.first() {
            Some(Expr::Distinct(field)) if name == "count" => (COUNT_DISTINCT, Some(Expr::var(field.as_str()))),
            Some(Expr::Call { name: inner, args }) if name == "count" && inner == "distinct" => {
                (COUNT_DISTINCT, args.first().cloned())
            }
            first => (name, first.cloned()),
        };
        let entry = functions::named(name).filter(|entry| entry.is_executed()).ok_or_else(not_executed)?;
        let Some(Expr::VarRef { name: field, cast }) = first else { return Err(not_executed()) };
        let mut reference = schema.resolve(&field, cast);
        // Functions never take tags.
        if matches!(reference, Reference::Tag(_)) {
            reference = Reference::Missing;
        }
        let input = reference_type(&reference).unwrap_or(FieldType::Float);
        let is_read = matches!(&reference, Reference::Field(field, wanted) if schema.readable(field, *wanted));
        if is_read && !entry.accepts(input) {
            let text = format!("unsupported {name} iterator type: *query.{}InterruptIterator", input.name());
            return Err(QueryError::Invalid(text));
        }
        let reference = intern(&mut self.references, reference);
        let function = Function { entry, parameter: parameter(entry.arguments, args) };
        let by = columns_beside(name, args).filter_map(|arg| match arg {
            Expr::VarRef { name, .. } => Some(Text::from(name.as_bytes())),
            _ => None,
        });
        Ok(intern(&mut self.calls, Call { function, reference, by: by.collect(), result: entry.result(input) }))
    }
}

/// The literal of a call.
#[allow(clippy::cast_precision_loss)]
fn parameter(arguments: Arguments, args: &[Expr]) -> Parameter {
    match (arguments, args.last()) {
        (Arguments::FieldAndPercent, Some(Expr::Integer(percent))) => Parameter::Percent(*percent as f64),
        (Arguments::FieldAndPercent, Some(Expr::Number(percent))) => Parameter::Percent(*percent),
        (Arguments::FieldsAndCount, Some(Expr::Integer(count))) => {
            Parameter::Count(usize::try_from(*count).unwrap_or(0))
        }
        _ => Parameter::None,
    }
}

/// The arguments of a call that are columns of their own beside it: those of `top` and `bottom` between field and number.
fn columns_beside<'a>(name: &str, args: &'a [Expr]) -> impl Iterator<Item = &'a Expr> + use<'a> {
    let is_beside = functions::named(name).is_some_and(|entry| entry.arguments == Arguments::FieldsAndCount);
    args.get(1..args.len().saturating_sub(1)).unwrap_or_default().iter().filter(move |_| is_beside)
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

/// The value of a literal.
pub(crate) fn literal(expr: &Expr) -> Option<Datum> {
    Some(match expr.without_parens() {
        Expr::Integer(value) => Datum::Integer(*value),
        Expr::Unsigned(value) => Datum::Unsigned(*value),
        Expr::Number(value) => Datum::Float(*value),
        Expr::Boolean(value) => Datum::Boolean(*value),
        Expr::String(value) => Datum::String(value.as_bytes().into()),
        Expr::Duration(value) => Datum::Integer(*value),
        _ => return None,
    })
}

/// The expression with the type of each reference, as InfluxDB prints it in type errors.
fn typed(expr: &Expr, schema: &Schema) -> String {
    fn with_types(expr: &Expr, schema: &Schema) -> Expr {
        match expr {
            Expr::VarRef { name, cast } => {
                let cast = match schema.resolve(name, *cast) {
                    Reference::Field(_, FieldType::Float) => Some(DataType::Float),
                    Reference::Field(_, FieldType::Integer) => Some(DataType::Integer),
                    Reference::Field(_, FieldType::Unsigned) => Some(DataType::Unsigned),
                    Reference::Field(_, FieldType::String) => Some(DataType::String),
                    Reference::Field(_, FieldType::Boolean) => Some(DataType::Boolean),
                    Reference::Tag(_) => Some(DataType::Tag),
                    Reference::Missing => *cast,
                };
                Expr::VarRef { name: name.clone(), cast }
            }
            Expr::Binary { op, lhs, rhs } => Expr::binary(*op, with_types(lhs, schema), with_types(rhs, schema)),
            Expr::Paren(inner) => Expr::Paren(Box::new(with_types(inner, schema))),
            Expr::Call { name, args } => {
                Expr::Call { name: name.clone(), args: args.iter().map(|arg| with_types(arg, schema)).collect() }
            }
            other => other.clone(),
        }
    }
    with_types(expr, schema).to_string()
}

/// The type of an operator's result; `literals` says which sides are literals.
fn binary_type(
    op: BinaryOp,
    (left, right): (FieldType, FieldType),
    literals: (bool, bool),
    text: &dyn Fn() -> String,
) -> Result<FieldType, QueryError> {
    use FieldType::{Boolean, Float, Integer, Unsigned};
    let bitwise = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    let incompatible = || {
        let types = format!("incompatible types: {} and {}", left.name(), right.name());
        Err(QueryError::Invalid(format!("type error: {}: {types}", text())))
    };
    match (left, right) {
        (Boolean, Boolean) if bitwise => Ok(Boolean),
        (Integer, Integer) if op == BinaryOp::Div => Ok(Float),
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
    /// Binds the plan's references and the condition to a table.
    pub(crate) fn new(plan: &Plan, checked: &Checked, table: &Table) -> Result<Bound, QueryError> {
        let schema = Schema::new(std::slice::from_ref(table));
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

fn bind(reference: Reference, table: &Table, scan: &mut Vec<(Text, FieldType)>) -> Input {
    let (name, wanted) = match reference {
        Reference::Missing => return Input::Missing,
        Reference::Tag(name) => return Input::Tag(name),
        Reference::Field(name, wanted) => (name, wanted),
    };
    let stored = table.fields.iter().filter(|(field, stored)| *field == name && converts(*stored, wanted));
    let physical: Vec<usize> = stored.map(|field| intern(scan, field.clone())).collect();
    if physical.is_empty() { Input::Missing } else { Input::Field(physical, wanted) }
}
