//! The columns of a raw answer: gathered values in the answer's order, tags as labels, expressions, fill.

use super::emit::Made;
use super::gather::Gathered;
use super::{Job, Meter};
use crate::QueryError;
use crate::datum::Datum;
use crate::partial::fill_value;
use crate::plan::{Input, Output};
use crate::vector::{Node, Operand, Vector, evaluate};
use hashbrown::HashMap;
use influxql::ast::Fill;
use model::{FieldType, Labels};
use std::borrow::Cow;
use std::sync::Arc;

/// The columns of the answer in some rows, and the memory of the tags in them; `series` has those of the members.
pub(super) fn shown(
    job: &Job<'_>,
    series: &[usize],
    (gathered, rows): (&Gathered, &[u32]),
    carried: &mut [Option<Datum>],
) -> Result<(Vec<Made>, Meter), QueryError> {
    let mut memory = Meter::new(job.context)?;
    let label = |output: &Output| label_key(job, output);
    let others = job.plan.outputs.iter().filter(|output| label(output).is_none());
    let mut needed = vec![false; gathered.vectors.len()];
    others.for_each(|output| output.node.each_input(&mut |input| needed[input] = true));
    let vectors = shown_vectors(job, series, (gathered, rows), &needed, (carried, &mut memory))?;
    let mut owners = None;
    let mut outputs = Vec::with_capacity(job.plan.outputs.len());
    for output in &job.plan.outputs {
        outputs.push(if let Some(key) = label(output) {
            let (shown, places) = owners.get_or_insert_with(|| shown_members(gathered, rows));
            let shown = shown.iter().map(|&member| series[member as usize]);
            let texts = Arc::new(job.set.tag_of(key, shown, &mut memory)?);
            Made::Labels(Labels { texts, rows: Arc::clone(places) })
        } else {
            let operand = evaluate(&output.node, rows.len(), &mut |input| {
                Ok::<_, QueryError>(Operand::Rows(Cow::Borrowed(&vectors[input])))
            })?;
            Made::Vector(operand.into_vector(rows.len(), output.field_type))
        });
    }
    Ok((outputs, memory))
}

/// The key of the tag that a column of the answer shows, as it is.
fn label_key<'j>(job: &'j Job<'_>, output: &Output) -> Option<&'j [u8]> {
    match (&output.node, job.plan.fill) {
        (Node::Input(input), Fill::Null | Fill::None) => match &job.bound.inputs[*input] {
            Input::Tag(key) => Some(key),
            _ => None,
        },
        _ => None,
    }
}

/// The members that have some rows, in order of their first one, and for each row its member's place there.
fn shown_members(gathered: &Gathered, rows: &[u32]) -> (Vec<u32>, Arc<[u32]>) {
    let (mut shown, mut places) = (Vec::new(), HashMap::with_hasher(ahash::RandomState::new()));
    let place = |&row: &u32| {
        let member = gathered.members[row as usize];
        *places.entry(member).or_insert_with(|| {
            shown.push(member);
            shown.len() as u32 - 1
        })
    };
    let places = rows.iter().map(place).collect();
    (shown, places)
}

/// The references' values in some rows, filled where `fill` says so; of those that are needed.
fn shown_vectors(
    job: &Job<'_>,
    series: &[usize],
    (gathered, rows): (&Gathered, &[u32]),
    needed: &[bool],
    (carried, memory): (&mut [Option<Datum>], &mut Meter),
) -> Result<Vec<Vector>, QueryError> {
    let inputs = gathered.vectors.iter().zip(&job.bound.inputs).zip(needed).zip(carried);
    let shown = |(((vector, input), needed), carried): (((&Vector, &Input), &bool), &mut Option<Datum>)| {
        let vector = match input {
            _ if !needed => Vector::new(vector.values.field_type()),
            Input::Field(..) => vector.take(rows),
            Input::Tag(key) => tag_vector(job, key, series, (gathered, rows), memory)?,
            Input::Missing => Vector::missing(vector.values.field_type(), rows.len()),
        };
        Ok(filled(vector, job.plan.fill, carried))
    };
    inputs.map(shown).collect()
}

fn tag_vector(
    job: &Job<'_>,
    key: &[u8],
    series: &[usize],
    (gathered, rows): (&Gathered, &[u32]),
    memory: &mut Meter,
) -> Result<Vector, QueryError> {
    let mut vector = Vector::new(FieldType::String);
    let member = |&row: &u32| gathered.members[row as usize] as usize;
    let texts = job.set.tag_of(key, rows.iter().map(|row| series[member(row)]), memory)?;
    for row in 0..texts.len() {
        vector.push(texts.get(row).map(model::Value::String));
    }
    Ok(vector)
}

fn filled(vector: Vector, fill: Fill, carried: &mut Option<Datum>) -> Vector {
    let field_type = vector.values.field_type();
    let number = match fill {
        Fill::Integer(number) => fill_value(&Datum::Integer(number), field_type),
        Fill::Number(number) => fill_value(&Datum::Float(number), field_type),
        Fill::Previous => None,
        _ => return vector,
    };
    let mut out = Vector::new(field_type);
    for row in 0..vector.rows() {
        match vector.get(row) {
            Some(value) => {
                out.push(Some(value));
                if fill == Fill::Previous {
                    *carried = Some(value.into());
                }
            }
            None => out.push(number.as_ref().or(carried.as_ref()).map(Datum::value)),
        }
    }
    out
}
