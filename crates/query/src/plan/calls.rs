//! Calls in a plan: which kernel with which literal reads which reference, and what functions over sequences read.

use super::{Applied, Call, Feed, Plan, Scope, intern, reference_type};
use crate::QueryError;
use crate::functions::{self, Arguments, COUNT_DISTINCT, Entry, Function, Kernel, Parameter};
use crate::resolve::{Reference, Schema};
use influxql::ast::{DataType, Expr};
use model::time::SECOND;
use model::{FieldType, Text};

impl Plan {
    /// Plans a call; functions around it want `lead` buckets before the first one.
    pub(super) fn feed(&mut self, name: &str, args: &[Expr], scope: Scope<'_>, lead: u32) -> Result<Feed, QueryError> {
        let Some((entry, kernel)) = functions::named(name).and_then(|entry| match entry.kernel {
            Kernel::Transform(kernel) => Some((entry, kernel)),
            _ => None,
        }) else {
            return self.call(name, args, scope.schema, lead).map(Feed::Call);
        };
        let check = |input| check_type(entry, kernel.kind(), input);
        let (feed, input, known) = match args.first() {
            Some(Expr::Call { name: inner, args }) => {
                if functions::named(inner).is_some_and(|entry| matches!(entry.kernel, Kernel::Many(_))) {
                    return Err(QueryError::NotExecuted(format!("{inner}() inside {name}()")));
                }
                let feed = self.feed(inner, args, scope, lead + kernel.lead())?;
                let (input, known) = match feed {
                    Feed::Transform(at) => (self.transforms[at].result, self.transforms[at].typed),
                    Feed::Call(at) => (self.calls[at].result, self.is_typed(at)),
                    Feed::Reference(_) => (FieldType::Float, true),
                };
                check(input)?;
                (feed, input, known)
            }
            Some(Expr::VarRef { name: field, cast }) => {
                let (reference, input) = self.argument(field, *cast, scope.schema, check)?;
                let known = !matches!(self.references[reference], Reference::Missing);
                (Feed::Reference(reference), input, known)
            }
            _ => return Err(QueryError::NotExecuted(format!("function {name}()"))),
        };
        let parameter = match (entry.arguments, args.get(1)) {
            (_, Some(Expr::Integer(literal) | Expr::Duration(literal))) => *literal,
            (Arguments::FieldOrCallAndUnit, None) if kernel == functions::transform::Transform::Elapsed => 1,
            (Arguments::FieldOrCallAndUnit, None) if scope.interval > 0 => scope.interval,
            _ => SECOND,
        };
        let typed = known || entry.result(FieldType::String) != FieldType::String;
        let applied = Applied { kernel, parameter, feed, result: entry.result(input), typed };
        Ok(Feed::Transform(intern(&mut self.transforms, applied)))
    }

    /// Whether the type of a call is known though no source has the field that it reads.
    pub(crate) fn is_typed(&self, call: usize) -> bool {
        let planned = &self.calls[call];
        let same = planned.function.entry.gives == functions::Gives::Same;
        !same || !matches!(self.references[planned.reference], Reference::Missing)
    }

    /// The reference that a function reads, and its type, which `check` may refuse.
    fn argument(
        &mut self,
        field: &str,
        cast: Option<DataType>,
        schema: &Schema,
        check: impl Fn(FieldType) -> Result<(), QueryError>,
    ) -> Result<(usize, FieldType), QueryError> {
        let mut reference = schema.resolve(field, cast);
        // Functions never take stored tags.
        if matches!(reference, Reference::Tag(_)) && !schema.reads_tags {
            reference = Reference::Missing;
        }
        let input = reference_type(&reference).unwrap_or(FieldType::Float);
        let is_read = match &reference {
            Reference::Field(field, wanted) => schema.readable(field, *wanted),
            Reference::Tag(_) => true,
            Reference::Missing => false,
        };
        if is_read {
            check(input)?;
        }
        Ok((intern(&mut self.references, reference), input))
    }

    fn call(&mut self, name: &str, args: &[Expr], schema: &Schema, lead: u32) -> Result<usize, QueryError> {
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
        let (reference, input) = self.argument(&field, cast, schema, |input| check_type(entry, name, input))?;
        let function = Function { entry, parameter: parameter(entry.arguments, args) };
        let by = columns_beside(name, args).filter_map(|arg| match arg {
            Expr::VarRef { name, .. } => Some(Text::from(name.as_bytes())),
            _ => None,
        });
        Ok(intern(&mut self.calls, Call { function, reference, by: by.collect(), result: entry.result(input), lead }))
    }
}

/// Refuses types that a function does not take, which is called `name` then.
fn check_type(entry: &Entry, name: &str, input: FieldType) -> Result<(), QueryError> {
    if entry.accepts(input) {
        return Ok(());
    }
    let text = format!("unsupported {name} iterator type: *query.{}InterruptIterator", input.name());
    Err(QueryError::Invalid(text))
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
pub(super) fn columns_beside<'a>(name: &str, args: &'a [Expr]) -> impl Iterator<Item = &'a Expr> + use<'a> {
    let is_beside = functions::named(name).is_some_and(|entry| entry.arguments == Arguments::FieldsAndCount);
    args.get(1..args.len().saturating_sub(1)).unwrap_or_default().iter().filter(move |_| is_beside)
}
