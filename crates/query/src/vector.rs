//! Values of some rows as a dense vector with a mask, and the arithmetic and comparisons over them.
//!
//! An expression is evaluated over whole vectors: a leaf is a vector of the rows at hand or one value for all of them
//! (a literal, a tag of a series), an operator makes a new vector in one loop. Where the mask says "missing" the slot of the
//! vector holds any value. The length of `values` is always the number of rows, and so is that of the mask.

use crate::datum::{self, Datum};
use crate::functions::math::Math;
use influxql::ast::BinaryOp;
use model::{Column, FieldType, Presence, Value, Values};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// Values of rows, some of which may be missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vector {
    /// One slot a row.
    pub(crate) values: Values,
    /// Which rows have a value; `None`: all.
    pub(crate) valid: Option<Vec<bool>>,
}

/// What an expression comes to: a vector, or one value (or none) for all rows.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    /// A value a row.
    Rows(Cow<'a, Vector>),
    /// The same for all rows.
    One(Option<Datum>),
}

/// An expression over the inputs of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A literal.
    Literal(Datum),
    /// An input, by its number.
    Input(usize),
    /// An operator.
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// A division in a condition: of integers it is whole.
    Quotient(Box<Node>, Box<Node>),
    /// A bitwise operator of a SELECT with a truth on one side.
    Truth(BinaryOp, Box<Node>, Box<Node>),
    /// A function of single values.
    Math(Math, Box<[Node]>),
}

impl Node {
    /// Roughly the memory of a copy (bytes).
    pub(crate) fn bytes(&self) -> usize {
        let inner = match self {
            Node::Literal(Datum::String(text)) => text.len(),
            Node::Binary(_, left, right) | Node::Truth(_, left, right) | Node::Quotient(left, right) => {
                left.bytes() + right.bytes()
            }
            Node::Math(_, arguments) => arguments.iter().map(Node::bytes).sum(),
            _ => 0,
        };
        size_of::<Self>() + inner
    }

    /// Gives the inputs that it reads, perhaps several times.
    pub(crate) fn each_input(&self, give: &mut dyn FnMut(usize)) {
        match self {
            Node::Literal(_) => {}
            Node::Input(input) => give(*input),
            Node::Binary(_, left, right) | Node::Truth(_, left, right) | Node::Quotient(left, right) => {
                left.each_input(give);
                right.each_input(give);
            }
            Node::Math(_, arguments) => arguments.iter().for_each(|argument| argument.each_input(give)),
        }
    }
}

impl Vector {
    /// A vector in which every row is missing.
    pub(crate) fn missing(field_type: FieldType, rows: usize) -> Self {
        Self { values: zeros(field_type, rows), valid: Some(vec![false; rows]) }
    }

    /// A vector without rows.
    pub(crate) fn new(field_type: FieldType) -> Self {
        Self { values: Values::new(field_type), valid: None }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.values.len()
    }

    /// Whether the row has a value.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid[row])
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<Value<'_>> {
        if self.has(row) { self.values.get(row) } else { None }
    }

    /// Appends a row; a value of another type counts as missing.
    pub(crate) fn push(&mut self, value: Option<Value<'_>>) {
        let rows = self.rows();
        let pushed = value.is_some_and(|value| self.values.push(value));
        if !pushed {
            push_zero(&mut self.values);
            self.valid.get_or_insert_with(|| vec![true; rows]);
        }
        if let Some(valid) = &mut self.valid {
            valid.push(pushed);
        }
    }

    /// Appends some rows of a column.
    pub(crate) fn append(&mut self, column: &Column, rows: &Rows<'_>) {
        let before = self.rows();
        match (&column.presence, rows) {
            (Presence::Dense, Rows::Range(start, end)) if *end <= column.values.len() => {
                self.values.extend_range(&column.values, *start..*end);
                self.extend_valid(before, None);
            }
            (Presence::Dense, Rows::At(rows))
                if rows.last().is_none_or(|&row| (row as usize) < column.values.len()) =>
            {
                self.values.extend_at(&column.values, rows);
                self.extend_valid(before, None);
            }
            _ => self.append_sparse(column, rows),
        }
    }

    /// Appends the rows of another vector of the same type.
    pub(crate) fn extend(&mut self, other: Vector) {
        let before = self.rows();
        self.values.extend_range(&other.values, 0..other.rows());
        self.extend_valid(before, other.valid);
    }

    /// Appends missing rows until there are so many.
    pub(crate) fn pad(&mut self, rows: usize) {
        let before = self.rows();
        if before < rows {
            (before..rows).for_each(|_| push_zero(&mut self.values));
            self.valid.get_or_insert_with(|| vec![true; before]).resize(rows, false);
        }
    }

    fn append_sparse(&mut self, column: &Column, rows: &Rows<'_>) {
        let before = self.rows();
        let mut valid = Vec::with_capacity(rows.len());
        let mut finder = Finder::new(column);
        for row in rows.iter() {
            match finder.find(row).and_then(|position| column.values.get(position)) {
                Some(value) => valid.push(self.values.push(value)),
                None => {
                    push_zero(&mut self.values);
                    valid.push(false);
                }
            }
        }
        self.extend_valid(before, Some(valid));
    }

    fn extend_valid(&mut self, before: usize, added: Option<Vec<bool>>) {
        let rows = self.rows();
        match added {
            Some(added) if added.iter().any(|&valid| !valid) => {
                self.valid.get_or_insert_with(|| vec![true; before]).extend(added);
            }
            _ => {
                if let Some(valid) = &mut self.valid {
                    valid.resize(rows, true);
                }
            }
        }
    }

    /// The rows at some places, in that order.
    pub(crate) fn take(&self, rows: &[u32]) -> Vector {
        let mut values = Values::new(self.values.field_type());
        values.extend_at(&self.values, rows);
        let valid = self.valid.as_ref().map(|valid| rows.iter().map(|&row| valid[row as usize]).collect());
        Vector { values, valid }
    }

    /// The rows of a range.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Vector {
        let mut values = Values::new(self.values.field_type());
        values.extend_range(&self.values, rows.clone());
        Vector { values, valid: self.valid.as_ref().map(|valid| valid[rows].to_vec()) }
    }

    /// The vector as a column of a frame.
    pub(crate) fn into_column(self) -> Column {
        match self.valid {
            Some(valid) if valid.iter().any(|&valid| !valid) => {
                let rows: Vec<u32> = (0u32..).zip(&valid).filter_map(|(row, &valid)| valid.then_some(row)).collect();
                let mut values = Values::new(self.values.field_type());
                values.extend_at(&self.values, &rows);
                Column { values, presence: Presence::Sparse(rows) }
            }
            _ => Column::dense(self.values),
        }
    }
}

/// Some rows of a cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// From the first number up to, not including, the second.
    Range(usize, usize),
    /// These, ascending.
    At(&'a [u32]),
}

impl Rows<'_> {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(start, end) => end - start,
            Self::At(rows) => rows.len(),
        }
    }

    /// The row with number `index` among these.
    pub(crate) fn at(&self, index: usize) -> usize {
        match self {
            Self::Range(start, _) => start + index,
            Self::At(rows) => rows[index] as usize,
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).map(|index| self.at(index))
    }
}

/// Finds positions of ascending rows in a column, each from where the last one was.
struct Finder<'a> {
    column: &'a Column,
    next: usize,
}

impl<'a> Finder<'a> {
    fn new(column: &'a Column) -> Self {
        Self { column, next: 0 }
    }

    fn find(&mut self, row: usize) -> Option<usize> {
        let Presence::Sparse(rows) = &self.column.presence else { return self.column.position(row) };
        let row = u32::try_from(row).ok()?;
        if rows.get(self.next).is_some_and(|&at| at < row) {
            let ahead = &rows[self.next..];
            let near = ahead.len().min(16);
            self.next += if ahead[near - 1] >= row {
                ahead[..near].partition_point(|&at| at < row)
            } else {
                ahead.partition_point(|&at| at < row)
            };
        }
        (rows.get(self.next) == Some(&row)).then_some(self.next)
    }
}

fn push_zero(values: &mut Values) {
    match values {
        Values::Float(values) => values.push(0.0),
        Values::Integer(values) => values.push(0),
        Values::Unsigned(values) => values.push(0),
        Values::String(values) => values.push(b""),
        Values::Boolean(values) => values.push(false),
    }
}

fn zeros(field_type: FieldType, rows: usize) -> Values {
    match field_type {
        FieldType::Float => Values::Float(vec![0.0; rows]),
        FieldType::Integer => Values::Integer(vec![0; rows]),
        FieldType::Unsigned => Values::Unsigned(vec![0; rows]),
        FieldType::Boolean => Values::Boolean(vec![false; rows]),
        FieldType::String => {
            let mut values = Values::new(FieldType::String);
            (0..rows).for_each(|_| push_zero(&mut values));
            values
        }
    }
}

impl<'a> Operand<'a> {
    /// The operand as a vector of `rows` rows; `field_type` says what a column of nothing is.
    pub(crate) fn into_vector(self, rows: usize, field_type: FieldType) -> Vector {
        match self {
            Self::Rows(vector) => vector.into_owned(),
            Self::One(None) => Vector::missing(field_type, rows),
            Self::One(Some(datum)) => {
                let mut vector = Vector::new(datum.field_type());
                (0..rows).for_each(|_| vector.push(Some(datum.value())));
                vector
            }
        }
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<Value<'_>> {
        match self {
            Self::Rows(vector) => vector.get(row),
            Self::One(datum) => datum.as_ref().map(Datum::value),
        }
    }

    fn field_type(&self) -> Option<FieldType> {
        match self {
            Self::Rows(vector) => Some(vector.values.field_type()),
            Self::One(datum) => datum.as_ref().map(Datum::field_type),
        }
    }

    fn valid(&self) -> Option<&[bool]> {
        match self {
            Self::Rows(vector) => vector.valid.as_deref(),
            Self::One(_) => None,
        }
    }
}

/// Evaluates an expression; `input` gives the operand of an input.
pub(crate) fn evaluate<'a, E>(
    node: &Node,
    rows: usize,
    input: &mut impl FnMut(usize) -> Result<Operand<'a>, E>,
) -> Result<Operand<'a>, E> {
    match node {
        Node::Literal(datum) => Ok(Operand::One(Some(datum.clone()))),
        Node::Input(index) => input(*index),
        Node::Binary(op, left, right) => {
            let left = evaluate(left, rows, input)?;
            let right = evaluate(right, rows, input)?;
            Ok(arithmetic(*op, &left, &right, rows))
        }
        Node::Quotient(left, right) => {
            let left = evaluate(left, rows, input)?;
            let right = evaluate(right, rows, input)?;
            Ok(quotient(&left, &right, rows))
        }
        Node::Truth(op, left, right) => {
            let left = evaluate(left, rows, input)?;
            let right = evaluate(right, rows, input)?;
            Ok(truths(*op, &left, &right, rows))
        }
        Node::Math(kernel, arguments) => {
            let mut operands = Vec::with_capacity(arguments.len());
            for argument in arguments {
                operands.push(evaluate(argument, rows, input)?);
            }
            Ok(kernel.apply(&operands, rows))
        }
    }
}

/// A function of floats, row by row; what is no number is missing.
pub(crate) fn map_floats<'a>(operand: &Operand<'_>, f: impl Fn(f64) -> f64) -> Operand<'a> {
    let (values, valid) = match floats(operand) {
        None => return Operand::One(None),
        Some(Side::One(value)) => return Operand::One(Some(Datum::Float(f(value)))),
        Some(Side::Slice(values)) => (values.iter().map(|&value| f(value)).collect(), operand.valid()),
    };
    Operand::Rows(Cow::Owned(Vector { values: Values::Float(values), valid: valid.map(<[bool]>::to_vec) }))
}

/// A function that keeps the type of numbers, row by row; unsigned ones stay as they are, and what is no number is missing.
pub(crate) fn map_numbers<'a>(
    operand: &Operand<'_>,
    of_floats: impl Fn(f64) -> f64,
    of_integers: impl Fn(i64) -> i64,
) -> Operand<'a> {
    match operand {
        Operand::One(Some(Datum::Integer(value))) => Operand::One(Some(Datum::Integer(of_integers(*value)))),
        Operand::One(Some(Datum::Unsigned(value))) => Operand::One(Some(Datum::Unsigned(*value))),
        Operand::Rows(vector) => match &vector.values {
            Values::Integer(values) => {
                let values = Values::Integer(values.iter().map(|&value| of_integers(value)).collect());
                Operand::Rows(Cow::Owned(Vector { values, valid: vector.valid.clone() }))
            }
            Values::Unsigned(_) => Operand::Rows(Cow::Owned(vector.clone().into_owned())),
            _ => map_floats(operand, of_floats),
        },
        Operand::One(_) => map_floats(operand, of_floats),
    }
}

/// A function of two floats, row by row; where one of both is no number the result is missing.
pub(crate) fn zip_floats<'a>(
    left: &Operand<'_>,
    right: &Operand<'_>,
    rows: usize,
    f: impl Fn(f64, f64) -> f64,
) -> Operand<'a> {
    let (Some(first), Some(second)) = (floats(left), floats(right)) else { return Operand::One(None) };
    if let (Side::One(left), Side::One(right)) = (&first, &second) {
        return Operand::One(Some(Datum::Float(f(*left, *right))));
    }
    let values = Values::Float(zip(&first, &second, rows, f));
    Operand::Rows(Cow::Owned(Vector { values, valid: both_valid(left.valid(), right.valid()) }))
}

/// One side of an operator as a slice or as one value.
enum Side<'a, T: Copy> {
    Slice(Cow<'a, [T]>),
    One(T),
}

fn zip<T: Copy, R>(left: &Side<'_, T>, right: &Side<'_, T>, rows: usize, f: impl Fn(T, T) -> R) -> Vec<R> {
    match (left, right) {
        (Side::Slice(left), Side::Slice(right)) => left.iter().zip(right.iter()).map(|(&l, &r)| f(l, r)).collect(),
        (Side::Slice(left), Side::One(right)) => left.iter().map(|&l| f(l, *right)).collect(),
        (Side::One(left), Side::Slice(right)) => right.iter().map(|&r| f(*left, r)).collect(),
        (Side::One(left), Side::One(right)) => (0..rows).map(|_| f(*left, *right)).collect(),
    }
}

#[allow(clippy::cast_precision_loss)]
fn floats<'a>(operand: &'a Operand<'_>) -> Option<Side<'a, f64>> {
    Some(match operand {
        Operand::One(datum) => Side::One(datum.as_ref()?.as_f64()?),
        Operand::Rows(vector) => Side::Slice(match &vector.values {
            Values::Float(values) => Cow::Borrowed(values.as_slice()),
            Values::Integer(values) => Cow::Owned(values.iter().map(|&value| value as f64).collect()),
            Values::Unsigned(values) => Cow::Owned(values.iter().map(|&value| value as f64).collect()),
            Values::String(_) | Values::Boolean(_) => return None,
        }),
    })
}

fn integers<'a>(operand: &'a Operand<'_>) -> Option<Side<'a, i64>> {
    match operand {
        Operand::One(Some(Datum::Integer(value))) => Some(Side::One(*value)),
        Operand::Rows(vector) => match &vector.values {
            Values::Integer(values) => Some(Side::Slice(Cow::Borrowed(values.as_slice()))),
            _ => None,
        },
        Operand::One(_) => None,
    }
}

/// Unsigned values, and integers as these: beside unsigned ones those below zero begin again at the other end.
#[allow(clippy::cast_sign_loss)]
fn unsigned<'a>(operand: &'a Operand<'_>) -> Option<Side<'a, u64>> {
    match operand {
        Operand::One(Some(Datum::Unsigned(value))) => Some(Side::One(*value)),
        Operand::One(Some(Datum::Integer(value))) => Some(Side::One(*value as u64)),
        Operand::Rows(vector) => match &vector.values {
            Values::Unsigned(values) => Some(Side::Slice(Cow::Borrowed(values.as_slice()))),
            Values::Integer(values) => Some(Side::Slice(values.iter().map(|&value| value as u64).collect())),
            _ => None,
        },
        Operand::One(_) => None,
    }
}

fn booleans<'a>(operand: &'a Operand<'_>) -> Option<Side<'a, bool>> {
    match operand {
        Operand::One(Some(Datum::Boolean(value))) => Some(Side::One(*value)),
        Operand::Rows(vector) => match &vector.values {
            Values::Boolean(values) => Some(Side::Slice(Cow::Borrowed(values.as_slice()))),
            _ => None,
        },
        Operand::One(_) => None,
    }
}

/// Applies an arithmetic or bitwise operator. What cannot be computed is missing.
fn arithmetic<'a>(op: BinaryOp, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Operand<'a> {
    let constant = matches!((left, right), (Operand::One(_), Operand::One(_)));
    let rows = if constant { 1 } else { rows };
    let Some(values) = compute(op, left, right, rows) else { return Operand::One(None) };
    let vector = Vector { values, valid: both_valid(left.valid(), right.valid()) };
    if constant {
        return Operand::One(vector.get(0).map(Datum::from));
    }
    Operand::Rows(Cow::Owned(vector))
}

/// Divides as conditions do: integers without a rest.
fn quotient<'a>(left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Operand<'a> {
    let (Some(dividends), Some(divisors)) = (integers(left), integers(right)) else {
        return arithmetic(BinaryOp::Div, left, right, rows);
    };
    let whole = |left: i64, right: i64| if right == 0 { 0 } else { left.wrapping_div(right) };
    let values = Values::Integer(zip(&dividends, &divisors, rows, whole));
    Operand::Rows(Cow::Owned(Vector { values, valid: both_valid(left.valid(), right.valid()) }))
}

/// Applies a bitwise operator to truths: what is missing beside one is false, and with anything else the answer is.
fn truths<'a>(op: BinaryOp, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Operand<'a> {
    let of_row = |row: usize| {
        let (left, right) = match (left.get(row), right.get(row)) {
            (Some(Value::Boolean(left)), Some(Value::Boolean(right))) => (left, right),
            (Some(Value::Boolean(left)), None) => (left, false),
            (None, Some(Value::Boolean(right))) => (false, right),
            (Some(Value::Boolean(_)), Some(_)) => return Some(Value::Boolean(false)),
            _ => return None,
        };
        Some(Value::Boolean(match op {
            BinaryOp::BitAnd => left & right,
            BinaryOp::BitOr => left | right,
            _ => left ^ right,
        }))
    };
    if let (Operand::One(_), Operand::One(_)) = (left, right) {
        return Operand::One(of_row(0).map(Datum::from));
    }
    let mut vector = Vector::new(FieldType::Boolean);
    (0..rows).for_each(|row| vector.push(of_row(row)));
    Operand::Rows(Cow::Owned(vector))
}

fn both_valid(left: Option<&[bool]>, right: Option<&[bool]>) -> Option<Vec<bool>> {
    match (left, right) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one.to_vec()),
        (Some(left), Some(right)) => Some(left.iter().zip(right).map(|(&l, &r)| l && r).collect()),
    }
}

fn compute(op: BinaryOp, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Option<Values> {
    if let (Some(left), Some(right)) = (integers(left), integers(right)) {
        return integer_values(op, &left, &right, rows);
    }
    if (left.field_type() == Some(FieldType::Unsigned) || right.field_type() == Some(FieldType::Unsigned))
        && let (Some(left), Some(right)) = (unsigned(left), unsigned(right))
    {
        return unsigned_values(op, &left, &right, rows);
    }
    if let (Some(left), Some(right)) = (booleans(left), booleans(right)) {
        return match op {
            BinaryOp::BitAnd => Some(Values::Boolean(zip(&left, &right, rows, |l, r| l & r))),
            BinaryOp::BitOr => Some(Values::Boolean(zip(&left, &right, rows, |l, r| l | r))),
            BinaryOp::BitXor => Some(Values::Boolean(zip(&left, &right, rows, |l, r| l ^ r))),
            _ => None,
        };
    }
    let (left, right) = (floats(left)?, floats(right)?);
    Some(Values::Float(match op {
        BinaryOp::Add => zip(&left, &right, rows, |l, r| l + r),
        BinaryOp::Sub => zip(&left, &right, rows, |l, r| l - r),
        BinaryOp::Mul => zip(&left, &right, rows, |l, r| l * r),
        BinaryOp::Div => zip(&left, &right, rows, divide),
        BinaryOp::Mod => zip(&left, &right, rows, |l, r| l % r),
        _ => return None,
    }))
}

/// Division as InfluxQL has it: by zero it gives zero.
fn divide(left: f64, right: f64) -> f64 {
    if right == 0.0 { 0.0 } else { left / right }
}

#[allow(clippy::cast_precision_loss)]
fn integer_values(op: BinaryOp, left: &Side<'_, i64>, right: &Side<'_, i64>, rows: usize) -> Option<Values> {
    Some(Values::Integer(match op {
        BinaryOp::Add => zip(left, right, rows, i64::wrapping_add),
        BinaryOp::Sub => zip(left, right, rows, i64::wrapping_sub),
        BinaryOp::Mul => zip(left, right, rows, i64::wrapping_mul),
        BinaryOp::Mod => zip(left, right, rows, |l, r| if r == 0 { 0 } else { l.wrapping_rem(r) }),
        BinaryOp::BitAnd => zip(left, right, rows, |l, r| l & r),
        BinaryOp::BitOr => zip(left, right, rows, |l, r| l | r),
        BinaryOp::BitXor => zip(left, right, rows, |l, r| l ^ r),
        BinaryOp::Div => return Some(Values::Float(zip(left, right, rows, |l, r| divide(l as f64, r as f64)))),
        _ => return None,
    }))
}

fn unsigned_values(op: BinaryOp, left: &Side<'_, u64>, right: &Side<'_, u64>, rows: usize) -> Option<Values> {
    Some(Values::Unsigned(match op {
        BinaryOp::Add => zip(left, right, rows, u64::wrapping_add),
        BinaryOp::Sub => zip(left, right, rows, u64::wrapping_sub),
        BinaryOp::Mul => zip(left, right, rows, u64::wrapping_mul),
        BinaryOp::Div => zip(left, right, rows, |l, r| l.checked_div(r).unwrap_or(0)),
        BinaryOp::Mod => zip(left, right, rows, |l, r| l.checked_rem(r).unwrap_or(0)),
        BinaryOp::BitAnd => zip(left, right, rows, |l, r| l & r),
        BinaryOp::BitOr => zip(left, right, rows, |l, r| l | r),
        BinaryOp::BitXor => zip(left, right, rows, |l, r| l ^ r),
        _ => return None,
    }))
}

/// Compares row by row; a missing side, or sides that have no order, give false. Booleans have only `=` and `!=`.
pub(crate) fn compare(op: BinaryOp, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Vec<bool> {
    let mut mask = match (left.field_type(), right.field_type()) {
        (None, _) | (_, None) => return vec![false; rows],
        (Some(FieldType::Integer), Some(FieldType::Integer)) => match (integers(left), integers(right)) {
            (Some(left), Some(right)) => compare_sides(op, &left, &right, rows),
            _ => vec![false; rows],
        },
        (Some(l), Some(r)) if is_float_pair(l, r) => match (floats(left), floats(right)) {
            (Some(left), Some(right)) => compare_sides(op, &left, &right, rows),
            _ => vec![false; rows],
        },
        (Some(FieldType::Boolean), Some(_)) if !matches!(op, BinaryOp::Eq | BinaryOp::Ne) => return vec![false; rows],
        _ => {
            let holds = |row| Some(passes(op, datum::order(left.get(row)?, right.get(row)?)?));
            return (0..rows).map(|row| holds(row).unwrap_or(false)).collect();
        }
    };
    for valid in [left.valid(), right.valid()].into_iter().flatten() {
        mask.iter_mut().zip(valid).for_each(|(mask, &valid)| *mask &= valid);
    }
    mask
}

fn is_float_pair(left: FieldType, right: FieldType) -> bool {
    (left == FieldType::Float || right == FieldType::Float) && datum::is_number(left) && datum::is_number(right)
}

fn compare_sides<T: Copy + PartialOrd>(
    op: BinaryOp,
    left: &Side<'_, T>,
    right: &Side<'_, T>,
    rows: usize,
) -> Vec<bool> {
    match op {
        BinaryOp::Eq => zip(left, right, rows, |l, r| l == r),
        BinaryOp::Ne => zip(left, right, rows, |l, r| l != r),
        BinaryOp::Lt => zip(left, right, rows, |l, r| l < r),
        BinaryOp::Le => zip(left, right, rows, |l, r| l <= r),
        BinaryOp::Gt => zip(left, right, rows, |l, r| l > r),
        BinaryOp::Ge => zip(left, right, rows, |l, r| l >= r),
        _ => vec![false; rows],
    }
}

/// Whether an order fulfils a comparison.
pub(crate) fn passes(op: BinaryOp, order: Ordering) -> bool {
    match op {
        BinaryOp::Eq => order == Ordering::Equal,
        BinaryOp::Ne => order != Ordering::Equal,
        BinaryOp::Lt => order == Ordering::Less,
        BinaryOp::Le => order != Ordering::Greater,
        BinaryOp::Gt => order == Ordering::Greater,
        BinaryOp::Ge => order != Ordering::Less,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: Values, valid: Option<Vec<bool>>) -> Operand<'static> {
        Operand::Rows(Cow::Owned(Vector { values, valid }))
    }

    fn calculate(op: BinaryOp, left: &Operand<'_>, right: &Operand<'_>) -> Vec<Option<Datum>> {
        let vector = arithmetic(op, left, right, 2).into_vector(2, FieldType::Float);
        (0..2).map(|row| vector.get(row).map(Datum::from)).collect()
    }

    #[test]
    fn division_and_remainder() {
        let ints = rows(Values::Integer(vec![1, 7]), None);
        let zero = Operand::One(Some(Datum::Integer(0)));
        let two = Operand::One(Some(Datum::Integer(2)));
        assert_eq!(calculate(BinaryOp::Div, &ints, &two), [Some(Datum::Float(0.5)), Some(Datum::Float(3.5))]);
        assert_eq!(calculate(BinaryOp::Div, &ints, &zero), [Some(Datum::Float(0.0)), Some(Datum::Float(0.0))]);
        assert_eq!(calculate(BinaryOp::Mod, &ints, &zero), [Some(Datum::Integer(0)), Some(Datum::Integer(0))]);
        let floats = rows(Values::Float(vec![1.5, 2.0]), Some(vec![true, false]));
        assert!(
            matches!(calculate(BinaryOp::Mod, &floats, &zero)[..], [Some(Datum::Float(nan)), None] if nan.is_nan())
        );
        assert_eq!(calculate(BinaryOp::Add, &floats, &ints), [Some(Datum::Float(2.5)), None]);
    }

    #[test]
    fn comparisons_of_unlike_types_are_false() {
        let floats = rows(Values::Float(vec![1.0, 2.0]), Some(vec![true, false]));
        let one = Operand::One(Some(Datum::Integer(1)));
        let text = Operand::One(Some(Datum::String(b"1".as_slice().into())));
        assert_eq!(compare(BinaryOp::Eq, &floats, &one, 2), [true, false]);
        assert_eq!(compare(BinaryOp::Ne, &floats, &text, 2), [false, false]);
        assert_eq!(compare(BinaryOp::Ne, &floats, &Operand::One(None), 2), [false, false]);
    }

    #[test]
    fn sparse_columns_are_spread() {
        let column = Column { values: Values::Integer(vec![5, 6]), presence: Presence::Sparse(vec![1, 40]) };
        let mut vector = Vector::new(FieldType::Integer);
        vector.append(&column, &Rows::Range(0, 41));
        assert_eq!(vector.get(0), None);
        assert_eq!((vector.get(1), vector.get(40)), (Some(Value::Integer(5)), Some(Value::Integer(6))));
        vector.append(&column, &Rows::At(&[1, 2]));
        assert_eq!(vector.take(&[41, 42, 40]).into_column().presence, Presence::Sparse(vec![0, 2]));
    }
}
