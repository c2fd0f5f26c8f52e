//! Calls in a plan: which kernel with which literal reads which reference, and what functions over sequences read.

use super::{Apart, Applied, Call, Feed, Plan, Scope, Step, intern, reference_type};
use crate::QueryError;
use crate::functions::holt_winters::Forecast;
use crate::functions::technical::{Settings, Technical};
use crate::functions::transform::{self, Transform};
use crate::functions::whole::Whole;
use crate::functions::{self, Arguments, COUNT_DISTINCT, Entry, Function, Kernel, Parameter, integral};
use crate::resolve::{Reference, Schema};
use influxql::ast::{DataType, Expr};
use model::time::SECOND;
use model::{FieldType, Text};

impl Plan {
    /// Plans a call; functions around it want `lead` buckets before the first one.
    pub(super) fn feed(&mut self, name: &str, args: &[Expr], scope: Scope<'_>, lead: u32) -> Result<Feed, QueryError> {
        let Some(entry) = functions::named(name) else {
            return self.call(name, args, scope.schema, lead).map(Feed::Call);
        };
        let (kind, own_lead) = match entry.kernel {
            Kernel::Transform(kernel) => (kernel.kind(), kernel.lead()),
            Kernel::Whole(kernel) => (kernel.kind(), 0),
            _ => return self.call(name, args, scope.schema, lead).map(Feed::Call),
        };
        let (feed, input, known) = self.read(entry, kind, args, (scope, lead + own_lead))?;
        let is_tag = matches!(args.first(), Some(Expr::VarRef { name, cast })
            if matches!(scope.schema.resolve(name, *cast), Reference::Tag(_)));
        let is_raw = |at: usize| is_tag || !matches!(self.references[at], Reference::Missing);
        if entry.kernel == Kernel::Whole(Whole::CountSketch)
            && matches!(feed, Feed::Reference(at) if is_raw(at))
            && input != FieldType::String
        {
            // A sketch that is stored is no sketch to InfluxDB either.
            return Err(refuse(kind, input).err().unwrap_or(QueryError::Interrupted));
        }
        let (result, typed) = (entry.result(input), known || entry.result(FieldType::String) != FieldType::String);
        let step = match entry.kernel {
            Kernel::Transform(kernel) => {
                let parameter = sequence_parameter(entry, kernel, args, scope);
                if !self.gives_rows_apart(feed) {
                    let applied = Applied { kernel, parameter, feed, result, typed };
                    return Ok(Feed::Transform(intern(&mut self.transforms, applied)));
                }
                Step::Each(kernel, parameter)
            }
            _ => whole_step(entry, args, input, scope),
        };
        Ok(Feed::Apart(intern(&mut self.aparts, Apart { step, feed, result, typed })))
    }

    /// Whether what a function reads are rows with times of their own.
    fn gives_rows_apart(&self, feed: Feed) -> bool {
        match feed {
            Feed::Apart(_) => true,
            Feed::Call(at) => matches!(self.calls[at].function.entry.kernel, Kernel::Many(_)),
            Feed::Reference(_) | Feed::Transform(_) => false,
        }
    }

    /// What a function over a sequence, which is called `kind` in errors, reads: its type, and whether that is known.
    fn read(
        &mut self,
        entry: &Entry,
        kind: &str,
        args: &[Expr],
        (scope, lead): (Scope<'_>, u32),
    ) -> Result<(Feed, FieldType, bool), QueryError> {
        let check = |input| {
            let refused = entry.arguments == Arguments::CallAndForecast && input == FieldType::Unsigned;
            if refused { refuse(kind, input) } else { check_type(entry, kind, input) }
        };
        match args.first() {
            Some(Expr::Call { name: inner, args }) => {
                let feed = self.feed(inner, args, scope, lead)?;
                let (input, known) = match feed {
                    Feed::Transform(at) => (self.transforms[at].result, self.transforms[at].typed),
                    Feed::Apart(at) => (self.aparts[at].result, self.aparts[at].typed),
                    Feed::Call(at) => (self.calls[at].result, self.is_typed(at)),
                    Feed::Reference(_) => (FieldType::Float, true),
                };
                check(input)?;
                Ok((feed, input, known))
            }
            Some(Expr::VarRef { name: field, cast }) => {
                let (reference, input) = self.argument(field, *cast, scope.schema, check)?;
                let known = !matches!(self.references[reference], Reference::Missing);
                Ok((Feed::Reference(reference), input, known))
            }
            _ => Err(QueryError::NotExecuted(format!("function {}()", entry.name))),
        }
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
        let entry = functions::named(name).ok_or_else(not_executed)?;
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

/// What a call says of a function over a sequence beside what it reads.
fn sequence_parameter(entry: &Entry, kernel: Transform, args: &[Expr], scope: Scope<'_>) -> transform::Parameter {
    let number = match (entry.arguments, args.get(1)) {
        (_, Some(Expr::Integer(literal) | Expr::Duration(literal))) => *literal,
        (Arguments::FieldOrCallAndUnit, None) if kernel == Transform::Elapsed => 1,
        (Arguments::FieldOrCallAndUnit, None) if scope.interval > 0 => scope.interval,
        _ => SECOND,
    };
    match kernel {
        Transform::Technical(technical) => transform::Parameter::Technical(settings(technical, args)),
        _ => transform::Parameter::Number(number),
    }
}

/// What a function of a sequence as a whole does.
fn whole_step(entry: &Entry, args: &[Expr], input: FieldType, scope: Scope<'_>) -> Step {
    let number = |at: usize| match args.get(at) {
        Some(Expr::Integer(number) | Expr::Duration(number)) => Some(*number),
        _ => None,
    };
    if entry.kernel == Kernel::Whole(Whole::Integral) {
        return Step::Integral(number(1).unwrap_or(integral::UNIT), input != FieldType::Float);
    }
    if entry.kernel == Kernel::Whole(Whole::CountSketch) {
        return Step::Count;
    }
    let count = |at| usize::try_from(number(at).unwrap_or(0)).unwrap_or(usize::MAX);
    let with_fit = entry.kernel == Kernel::Whole(Whole::ForecastWithFit);
    Step::Forecast(Forecast { ahead: count(1), season: count(2), with_fit, interval: scope.interval.max(1) })
}

/// What a call of a technical function says beside what it reads.
fn settings(kernel: Technical, args: &[Expr]) -> Settings {
    let period = match args.get(1) {
        Some(Expr::Integer(period)) => u32::try_from(*period).unwrap_or(u32::MAX),
        _ => 1,
    };
    let hold = match args.get(2) {
        Some(Expr::Integer(hold)) if *hold >= 0 => Some(u32::try_from(*hold).unwrap_or(u32::MAX)),
        _ => None,
    };
    let said = if let Some(Expr::String(said)) = args.get(3) { said.as_str() } else { "" };
    let warmup = kernel.warmups().iter().find(|(name, _)| *name == said);
    Settings { period, hold, warmup: warmup.map(|(_, warmup)| *warmup).unwrap_or_default() }
}

/// Refuses types that a function does not take, which is called `name` then.
fn check_type(entry: &Entry, name: &str, input: FieldType) -> Result<(), QueryError> {
    if entry.accepts(input) { Ok(()) } else { refuse(name, input) }
}

fn refuse(name: &str, input: FieldType) -> Result<(), QueryError> {
    let text = format!("unsupported {name} iterator type: *query.{}InterruptIterator", input.name());
    Err(QueryError::Invalid(text))
}

/// The literal of a call.
#[allow(clippy::cast_precision_loss)]
fn parameter(arguments: Arguments, args: &[Expr]) -> Parameter {
    match (arguments, args.last()) {
        (Arguments::FieldAndPercent, Some(Expr::Integer(percent))) => Parameter::Percent(*percent as f64),
        (Arguments::FieldAndPercent, Some(Expr::Number(percent))) => Parameter::Percent(*percent),
        (Arguments::FieldsAndCount | Arguments::FieldAndCount, Some(Expr::Integer(count))) => {
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
