//! One owned value: a literal of a query, the value of an accumulator, a captured column of a selected point.

use model::{FieldType, Text, Value};
use std::cmp::Ordering;
use storage::Scalar;

/// An owned value of one of the five types.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A float.
    Float(f64),
    /// An integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A string.
    String(Text),
    /// A boolean.
    Boolean(bool),
}

impl Datum {
    /// The value, borrowed.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Float(value) => Value::Float(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Unsigned(value) => Value::Unsigned(*value),
            Self::String(value) => Value::String(value),
            Self::Boolean(value) => Value::Boolean(*value),
        }
    }

    /// The type.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        self.value().field_type()
    }

    /// The value as a float, if it is a number.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::String(_) | Self::Boolean(_) => None,
        }
    }

    /// The value as another type: numbers convert (floats are truncated), equal types stay, all else is `None`.
    #[must_use]
    pub fn cast(&self, to: FieldType) -> Option<Datum> {
        cast(self.value(), to)
    }
}

impl From<Value<'_>> for Datum {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Float(value) => Self::Float(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Unsigned(value) => Self::Unsigned(value),
            Value::String(value) => Self::String(value.into()),
            Value::Boolean(value) => Self::Boolean(value),
        }
    }
}

impl From<f64> for Datum {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Datum {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Scalar> for Datum {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Float(value) => Self::Float(value),
            Scalar::Integer(value) => Self::Integer(value),
            Scalar::Unsigned(value) => Self::Unsigned(value),
        }
    }
}

/// Whether the type is one of the three numeric ones.
#[must_use]
pub(crate) fn is_number(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Float | FieldType::Integer | FieldType::Unsigned)
}

/// A value as another type; see [`Datum::cast`].
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]
pub(crate) fn cast(value: Value<'_>, to: FieldType) -> Option<Datum> {
    Some(match (value, to) {
        (value, to) if value.field_type() == to => value.into(),
        (Value::Integer(value), FieldType::Float) => Datum::Float(value as f64),
        (Value::Unsigned(value), FieldType::Float) => Datum::Float(value as f64),
        (Value::Float(value), FieldType::Integer) => Datum::Integer(value as i64),
        (Value::Unsigned(value), FieldType::Integer) => Datum::Integer(value as i64),
        (Value::Float(value), FieldType::Unsigned) => Datum::Unsigned(value as u64),
        (Value::Integer(value), FieldType::Unsigned) => Datum::Unsigned(value as u64),
        _ => return None,
    })
}

/// The order that values are sorted in: as [`order`], and behind all numbers what is none, as a sort wants an order of all.
#[must_use]
pub(crate) fn sort_order(left: Value<'_>, right: Value<'_>) -> Ordering {
    order(left, right).unwrap_or_else(|| is_nan(left).cmp(&is_nan(right)))
}

/// Whether a value is a float that is no number.
#[must_use]
pub(crate) fn is_nan(value: Value<'_>) -> bool {
    matches!(value, Value::Float(value) if value.is_nan())
}

/// The order of two values: numbers of all types compare with each other; `None` where there is no order (other types, NaN).
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub(crate) fn order(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(&right),
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(&right)),
        (Value::Unsigned(left), Value::Unsigned(right)) => Some(left.cmp(&right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(&right)),
        (Value::Integer(left), Value::Unsigned(right)) => Some(i128::from(left).cmp(&i128::from(right))),
        (Value::Unsigned(left), Value::Integer(right)) => Some(i128::from(left).cmp(&i128::from(right))),
        (Value::Float(left), Value::Integer(right)) => left.partial_cmp(&(right as f64)),
        (Value::Float(left), Value::Unsigned(right)) => left.partial_cmp(&(right as f64)),
        (Value::Integer(left), Value::Float(right)) => (left as f64).partial_cmp(&right),
        (Value::Unsigned(left), Value::Float(right)) => (left as f64).partial_cmp(&right),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_and_orders() {
        assert_eq!(cast(Value::Float(7.9), FieldType::Integer), Some(Datum::Integer(7)));
        assert_eq!(cast(Value::Boolean(true), FieldType::Integer), None);
        assert_eq!(order(Value::Integer(-1), Value::Unsigned(u64::MAX)), Some(Ordering::Less));
        assert_eq!(order(Value::Integer(2), Value::Float(2.0)), Some(Ordering::Equal));
        assert_eq!(order(Value::Integer(2), Value::String(b"2")), None);
    }
}
