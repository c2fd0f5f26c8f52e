//! The row filter: what of WHERE neither time bounds nor storage's tag conditions express.
//!
//! A condition is compiled with tags and fields told apart. Parts over tags alone become [`TagCondition`]s: at the top they
//! go to storage, below an OR with fields they are decided once a series. `_name` is the name of the measurement, which is
//! known when the condition is compiled. The rest is evaluated over vectors of a cut.

mod truth;

use crate::QueryError;
use crate::datum::{Datum, order};
use crate::pattern::Pattern;
use crate::plan::{literal, math_kernel};
use crate::resolve::{Reference, Schema};
use crate::vector::{Node, Operand, compare, evaluate, passes};
use crate::when::Part;
use influxql::ast::{BinaryOp, Expr};
use model::{FieldType, TagSet, Text, TimeRange, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;
use storage::{Bounds, TagCondition};

/// A condition on rows.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    /// Every row, or none.
    Always(bool),
    /// The row's series fulfils this.
    Tag(TagCondition),
    /// The row's time lies inside.
    Time(TimeRange),
    /// Two expressions compare so.
    Compare(BinaryOp, Node, Node),
    /// The string of an input matches, or does not.
    Matches(usize, Pattern, bool),
    /// All hold.
    And(Vec<Predicate>),
    /// At least one holds.
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

type Intern<'a> = dyn FnMut(Reference) -> usize + 'a;

/// A side of a comparison.
enum Operandum {
    Tag(Text),
    Text(Text),
    Other(Node, Option<FieldType>),
}

impl Predicate {
    /// Compiles a condition; `intern` numbers the references it reads.
    pub(crate) fn compile(part: &Part, schema: &Schema, intern: &mut Intern<'_>) -> Result<Predicate, QueryError> {
        match part {
            Part::True => Ok(Predicate::Always(true)),
            Part::Time(range) => Ok(Predicate::Time(*range)),
            Part::And(parts) => Ok(all(compile_all(parts, schema, intern)?)),
            Part::Or(parts) => Ok(any(compile_all(parts, schema, intern)?)),
            Part::Other(expr) => leaf(expr, schema, intern),
        }
    }

    /// Parts storage from row filter: both must hold.
    pub(crate) fn split(self) -> (TagCondition, Predicate) {
        match self {
            Predicate::Always(false) => (TagCondition::False, Predicate::Always(false)),
            Predicate::Tag(condition) => (condition, Predicate::Always(true)),
            Predicate::And(members) => {
                let (tags, rest): (Vec<_>, Vec<_>) =
                    members.into_iter().partition(|member| matches!(member, Predicate::Tag(_)));
                let condition = match all(tags) {
                    Predicate::Tag(condition) => condition,
                    _ => TagCondition::True,
                };
                (condition, all(rest))
            }
            other => (TagCondition::True, other),
        }
    }

    /// The predicate for one series, its tags decided. One without tags is the same for all series, and not copied.
    pub(crate) fn for_series(&self, tags: &TagSet) -> Cow<'_, Predicate> {
        if self.has_tags() { Cow::Owned(self.decided(tags)) } else { Cow::Borrowed(self) }
    }

    /// Whether it must be made for each series.
    pub(crate) fn has_tags(&self) -> bool {
        match self {
            Predicate::Tag(_) => true,
            Predicate::And(members) | Predicate::Or(members) => members.iter().any(Predicate::has_tags),
            Predicate::Not(inner) => inner.has_tags(),
            _ => false,
        }
    }

    fn decided(&self, tags: &TagSet) -> Predicate {
        match self {
            Predicate::Tag(condition) => Predicate::Always(tags_fulfil(tags, condition)),
            Predicate::And(members) => all(members.iter().map(|member| member.decided(tags)).collect()),
            Predicate::Or(members) => any(members.iter().map(|member| member.decided(tags)).collect()),
            Predicate::Not(inner) => truth::not(inner.decided(tags)),
            other => other.clone(),
        }
    }

    /// Roughly the memory of a copy (bytes).
    pub(crate) fn bytes(&self) -> usize {
        let inner = match self {
            Predicate::And(members) | Predicate::Or(members) => members.iter().map(Predicate::bytes).sum(),
            Predicate::Compare(_, left, right) => left.bytes() + right.bytes(),
            Predicate::Not(inner) => inner.bytes(),
            _ => 0,
        };
        size_of::<Self>() + inner
    }

    /// Whether one of some rows may fulfil the predicate, as far as bounds of their times and of their values of each input
    /// tell.
    pub(crate) fn may_pass(&self, times: &TimeRange, bounds: &impl Fn(usize) -> Bounds) -> bool {
        match self {
            Predicate::Always(holds) => *holds,
            Predicate::Time(range) => range.overlaps(times),
            Predicate::Compare(op, Node::Input(input), Node::Literal(literal)) => {
                may_compare(*op, bounds(*input), literal)
            }
            Predicate::Compare(op, Node::Literal(literal), Node::Input(input)) => {
                may_compare(op.mirrored(), bounds(*input), literal)
            }
            Predicate::Tag(_) | Predicate::Compare(..) | Predicate::Matches(..) | Predicate::Not(_) => true,
            Predicate::And(members) => members.iter().all(|member| member.may_pass(times, bounds)),
            Predicate::Or(members) => members.iter().any(|member| member.may_pass(times, bounds)),
        }
    }

    /// Which of some rows fulfil the predicate. `times` are theirs; `input` gives the operand of a reference.
    pub(crate) fn mask<'a>(
        &self,
        times: &[i64],
        input: &mut impl FnMut(usize) -> Result<Operand<'a>, QueryError>,
    ) -> Result<Vec<bool>, QueryError> {
        let rows = times.len();
        match self {
            Predicate::Always(holds) => Ok(vec![*holds; rows]),
            // Decided by `for_series`; a tag condition left over holds for no row.
            Predicate::Tag(_) => Ok(vec![false; rows]),
            Predicate::Time(range) => Ok(times.iter().map(|&time| range.contains(time)).collect()),
            Predicate::Compare(op, left, right) => {
                let left = evaluate(left, rows, input)?;
                let right = evaluate(right, rows, input)?;
                Ok(compare(*op, &left, &right, rows))
            }
            Predicate::Matches(reference, pattern, wanted) => {
                let operand = input(*reference)?;
                let fits =
                    |row| matches!(operand.get(row), Some(Value::String(text)) if pattern.matches(text) == *wanted);
                Ok((0..rows).map(fits).collect())
            }
            Predicate::And(members) => {
                let mut mask = vec![true; rows];
                for member in members {
                    let other = member.mask(times, input)?;
                    mask.iter_mut().zip(other).for_each(|(mask, other)| *mask &= other);
                    if !mask.contains(&true) {
                        break;
                    }
                }
                Ok(mask)
            }
            Predicate::Or(members) => {
                let mut mask = vec![false; rows];
                for member in members {
                    let other = member.mask(times, input)?;
                    mask.iter_mut().zip(other).for_each(|(mask, other)| *mask |= other);
                }
                Ok(mask)
            }
            Predicate::Not(inner) => {
                let mut mask = inner.mask(times, input)?;
                mask.iter_mut().for_each(|holds| *holds = !*holds);
                Ok(mask)
            }
        }
    }
}

/// Whether a number within bounds may compare so with a literal; a value that is missing never does. Numbers keep their order
/// when they are made floats, so that what holds for no bound holds for nothing between them.
fn may_compare(op: BinaryOp, bounds: Bounds, literal: &Datum) -> bool {
    let (min, max) = match bounds {
        Bounds::Unknown => return true,
        Bounds::Nothing => return false,
        Bounds::Between(min, max) => (Datum::from(min), Datum::from(max)),
    };
    let (Some(min), Some(max)) = (order(min.value(), literal.value()), order(max.value(), literal.value())) else {
        return true;
    };
    match op {
        BinaryOp::Eq => min != Ordering::Greater && max != Ordering::Less,
        _ => passes(op, min) || passes(op, max),
    }
}

fn compile_all(parts: &[Part], schema: &Schema, intern: &mut Intern<'_>) -> Result<Vec<Predicate>, QueryError> {
    parts.iter().map(|part| Predicate::compile(part, schema, intern)).collect()
}

/// Joins by AND; constants vanish, tag conditions become one.
pub(crate) fn all(members: Vec<Predicate>) -> Predicate {
    let (mut tags, mut rest) = (Vec::new(), Vec::new());
    for member in members {
        match member {
            Predicate::Always(true) => {}
            Predicate::Always(false) => return Predicate::Always(false),
            Predicate::Tag(condition) => tags.push(condition),
            Predicate::And(more) => rest.extend(more),
            other => rest.push(other),
        }
    }
    if !tags.is_empty() {
        let condition = if tags.len() > 1 { TagCondition::And(tags) } else { tags.remove(0) };
        rest.insert(0, Predicate::Tag(condition));
    }
    match rest.len() {
        0 => Predicate::Always(true),
        1 => rest.remove(0),
        _ => Predicate::And(rest),
    }
}

/// Joins by OR.
fn any(members: Vec<Predicate>) -> Predicate {
    let (mut tags, mut rest) = (Vec::new(), Vec::new());
    for member in members {
        match member {
            Predicate::Always(false) => {}
            Predicate::Always(true) => return Predicate::Always(true),
            Predicate::Tag(condition) => tags.push(condition),
            Predicate::Or(more) => rest.extend(more),
            other => rest.push(other),
        }
    }
    if !tags.is_empty() {
        let condition = if tags.len() > 1 { TagCondition::Or(tags) } else { tags.remove(0) };
        rest.insert(0, Predicate::Tag(condition));
    }
    match rest.len() {
        0 => Predicate::Always(false),
        1 => rest.remove(0),
        _ => Predicate::Or(rest),
    }
}

fn leaf(expr: &Expr, schema: &Schema, intern: &mut Intern<'_>) -> Result<Predicate, QueryError> {
    match expr {
        Expr::Boolean(holds) => Ok(Predicate::Always(*holds)),
        Expr::Paren(inner) => leaf(inner, schema, intern),
        Expr::And(members) => {
            Ok(all(members.iter().map(|member| leaf(member, schema, intern)).collect::<Result<_, _>>()?))
        }
        Expr::Or(members) => {
            Ok(any(members.iter().map(|member| leaf(member, schema, intern)).collect::<Result<_, _>>()?))
        }
        Expr::Binary { op: op @ (BinaryOp::Matches | BinaryOp::NotMatches), lhs, rhs } => {
            let Expr::Regex(regex) = rhs.without_parens() else { return Ok(Predicate::Always(false)) };
            let pattern = Pattern::new(regex)?;
            let wanted = *op == BinaryOp::Matches;
            Ok(match operandum(lhs, schema, intern)? {
                Operandum::Tag(key) => {
                    let test = TagCondition::Test(key, Arc::new(pattern));
                    Predicate::Tag(if wanted { test } else { TagCondition::Not(Box::new(test)) })
                }
                Operandum::Other(Node::Input(reference), _) => Predicate::Matches(reference, pattern, wanted),
                Operandum::Text(text) => Predicate::Always(pattern.matches(&text) == wanted),
                Operandum::Other(..) => Predicate::Always(false),
            })
        }
        Expr::Binary { op, lhs, rhs } if truth::decides(lhs, rhs, schema) => {
            truth::between(*op, (lhs, rhs), schema, intern)
        }
        Expr::Binary { op, lhs, rhs } if op.is_comparison() => {
            let left = operandum(lhs, schema, intern)?;
            let right = operandum(rhs, schema, intern)?;
            Ok(comparison(*op, left, right, schema, intern))
        }
        // A number is no truth.
        Expr::Binary { .. } => {
            let truth = Operandum::Other(Node::Literal(Datum::Boolean(true)), Some(FieldType::Boolean));
            Ok(comparison(BinaryOp::Eq, operandum(expr, schema, intern)?, truth, schema, intern))
        }
        other => Err(QueryError::Invalid(format!("invalid condition expression: {other}"))),
    }
}

fn comparison(op: BinaryOp, left: Operandum, right: Operandum, schema: &Schema, intern: &mut Intern<'_>) -> Predicate {
    let ordered = !matches!(op, BinaryOp::Eq | BinaryOp::Ne);
    match (left, right) {
        (Operandum::Tag(key), Operandum::Text(text)) | (Operandum::Text(text), Operandum::Tag(key)) if !ordered => {
            Predicate::Tag(if op == BinaryOp::Eq {
                TagCondition::Equal(key, text)
            } else {
                TagCondition::NotEqual(key, text)
            })
        }
        (Operandum::Text(left), Operandum::Text(right)) => Predicate::Always(passes(op, left.cmp(&right))),
        (left, right) => {
            // Strings have an order only if they are tags.
            let is_string = |side: &Operandum| matches!(side, Operandum::Other(_, Some(FieldType::String)));
            if ordered && (is_string(&left) || is_string(&right)) {
                return Predicate::Always(false);
            }
            let mut node = |side: Operandum| match side {
                Operandum::Tag(key) => match schema.resolve(&String::from_utf8_lossy(&key), None) {
                    // A name that is a field too was forced to be a tag.
                    Reference::Missing => Node::Literal(Datum::String(Text::default())),
                    _ => Node::Input(intern(Reference::Tag(key))),
                },
                Operandum::Text(text) => Node::Literal(Datum::String(text)),
                Operandum::Other(node, _) => node,
            };
            Predicate::Compare(op, node(left), node(right))
        }
    }
}

fn operandum(expr: &Expr, schema: &Schema, intern: &mut Intern<'_>) -> Result<Operandum, QueryError> {
    match literal(expr) {
        Some(Datum::String(text)) => return Ok(Operandum::Text(text)),
        Some(datum) => {
            let field_type = datum.field_type();
            return Ok(Operandum::Other(Node::Literal(datum), Some(field_type)));
        }
        None => {}
    }
    match expr.without_parens() {
        // It has no value outside of what is said of time.
        Expr::Duration(_) => Ok(Operandum::Other(Node::Input(intern(Reference::Missing)), None)),
        // InfluxDB takes them for columns that its statements about names are made of, and answers at random.
        Expr::VarRef { name, .. } if matches!(name.as_str(), "_tagKey" | "_tagValue" | "_seriesKey") => {
            Err(QueryError::NotExecuted(format!("{name} in WHERE")))
        }
        Expr::VarRef { name, .. } if schema.measurement_text(name).is_some() => {
            Ok(Operandum::Text(schema.measurement_text(name).cloned().unwrap_or_default()))
        }
        Expr::VarRef { name, cast } => Ok(match schema.resolve(name, *cast) {
            Reference::Field(name, field_type) => {
                Operandum::Other(Node::Input(intern(Reference::Field(name, field_type))), Some(field_type))
            }
            Reference::Tag(name) => Operandum::Tag(name),
            // A name that nothing has is a tag that is missing everywhere, unless it was said to be a field.
            Reference::Missing if cast.is_none_or(|cast| cast == influxql::ast::DataType::Tag) => {
                Operandum::Tag(name.as_bytes().into())
            }
            Reference::Missing => Operandum::Other(Node::Input(intern(Reference::Missing)), None),
        }),
        Expr::Binary { op, lhs, rhs } if !op.is_comparison() => {
            let mut side = |expr| match operandum(expr, schema, intern) {
                Ok(Operandum::Other(node, _)) => Ok(node),
                Ok(Operandum::Tag(key)) => Ok(Node::Input(intern(Reference::Tag(key)))),
                Ok(Operandum::Text(text)) => Ok(Node::Literal(Datum::String(text))),
                Err(error) => Err(error),
            };
            let (left, right) = (side(lhs)?, side(rhs)?);
            if *op == BinaryOp::Div && !matches!((&left, &right), (Node::Literal(_), Node::Literal(_))) {
                return Ok(Operandum::Other(Node::Quotient(Box::new(left), Box::new(right)), None));
            }
            Ok(Operandum::Other(Node::Binary(*op, Box::new(left), Box::new(right)), None))
        }
        Expr::Call { name, args } if let Some(kernel) = math_kernel(name) => {
            let mut nodes = Vec::with_capacity(args.len());
            for arg in args {
                nodes.push(match operandum(arg, schema, intern)? {
                    Operandum::Other(node, _) => node,
                    // What is no number.
                    Operandum::Tag(_) | Operandum::Text(_) => Node::Literal(Datum::String(Text::default())),
                });
            }
            Ok(Operandum::Other(Node::Math(kernel, nodes.into()), None))
        }
        // A test is no number.
        _ => Ok(Operandum::Other(Node::Input(intern(Reference::Missing)), None)),
    }
}

/// Whether a tag set fulfils a condition.
pub(crate) fn tags_fulfil(tags: &TagSet, condition: &TagCondition) -> bool {
    let value = |key: &[u8]| tags.get(key).unwrap_or_default();
    match condition {
        TagCondition::True => true,
        TagCondition::False => false,
        TagCondition::Equal(key, wanted) => value(key) == &**wanted,
        TagCondition::NotEqual(key, other) => value(key) != &**other,
        TagCondition::Test(key, test) => test.passes(value(key)),
        TagCondition::And(members) => members.iter().all(|member| tags_fulfil(tags, member)),
        TagCondition::Or(members) => members.iter().any(|member| tags_fulfil(tags, member)),
        TagCondition::Not(inner) => !tags_fulfil(tags, inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::Scalar;

    /// Bounds rule a comparison out exactly if it holds for no number between them, whichever side the literal is on.
    #[test]
    fn bounds_rule_out_what_no_number_fulfils() {
        let operators = [BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt, BinaryOp::Le, BinaryOp::Gt, BinaryOp::Ge];
        let times = TimeRange::ALL;
        for (op, min, width, literal) in operators.into_iter().flat_map(|op| {
            (0..5i64).flat_map(move |min| (0..3i64).flat_map(move |width| (0..8i64).map(move |l| (op, min, width, l))))
        }) {
            let bounds = |_| Bounds::Between(Scalar::Integer(min), Scalar::Integer(min + width));
            let sides = || (Node::Input(0), Node::Literal(Datum::Float(literal as f64)));
            let fulfilled = |holds: &dyn Fn(i64) -> bool| (min..=min + width).any(holds);
            let (input, text) = sides();
            let expected = fulfilled(&|v| passes(op, v.cmp(&literal)));
            assert_eq!(Predicate::Compare(op, input, text).may_pass(&times, &bounds), expected);
            let (input, text) = sides();
            let expected = fulfilled(&|v| passes(op, literal.cmp(&v)));
            assert_eq!(Predicate::Compare(op, text, input).may_pass(&times, &bounds), expected);
        }
    }

    #[test]
    fn what_is_not_known_may_pass_and_what_is_missing_does_not() {
        let compare = |literal| Predicate::Compare(BinaryOp::Ne, Node::Input(0), Node::Literal(literal));
        let one = || Datum::Integer(1);
        assert!(compare(one()).may_pass(&TimeRange::ALL, &|_| Bounds::Unknown));
        assert!(!compare(one()).may_pass(&TimeRange::ALL, &|_| Bounds::Nothing));
        let numbers = |_| Bounds::Between(Scalar::Float(0.0), Scalar::Float(1.0));
        assert!(compare(Datum::Boolean(true)).may_pass(&TimeRange::ALL, &numbers));
        let early = Predicate::Time(TimeRange::new(0, 9));
        assert!(!early.may_pass(&TimeRange::new(10, 20), &numbers));
    }
}
