//! Functions of single values: each row's result depends on its arguments alone. They work on whole vectors, wherever an
//! expression may stand: over stored fields, beside and over calls, and in WHERE.
//!
//! Results are InfluxDB's to the last digit ([`super::elementary`]). What is no number has no result; NaN becomes null where the
//! answer is made.

use super::elementary;
use crate::vector::{Operand, map_floats, map_numbers, zip_floats};

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Math {
    Abs,
    Floor,
    Ceil,
    Round,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Exp,
    Ln,
    Log2,
    Log10,
    Sqrt,
    Atan2,
    Pow,
    Log,
}

impl Math {
    /// Whether the result has the type of the argument.
    #[must_use]
    pub fn keeps_type(self) -> bool {
        matches!(self, Self::Abs | Self::Floor | Self::Ceil | Self::Round)
    }

    fn of_one(self) -> Option<fn(f64) -> f64> {
        Some(match self {
            Self::Abs => f64::abs,
            Self::Floor => f64::floor,
            Self::Ceil => f64::ceil,
            Self::Round => elementary::round,
            Self::Sin => elementary::sin,
            Self::Cos => elementary::cos,
            Self::Tan => elementary::tan,
            Self::Asin => elementary::asin,
            Self::Acos => elementary::acos,
            Self::Atan => elementary::atan,
            Self::Exp => elementary::exp,
            Self::Ln => elementary::ln,
            Self::Log2 => elementary::log2,
            Self::Log10 => elementary::log10,
            Self::Sqrt => f64::sqrt,
            Self::Atan2 | Self::Pow | Self::Log => return None,
        })
    }

    fn of_two(self) -> Option<fn(f64, f64) -> f64> {
        Some(match self {
            Self::Atan2 => elementary::atan2,
            Self::Pow => elementary::pow,
            Self::Log => elementary::log,
            _ => return None,
        })
    }

    /// What it makes of its arguments in so many rows.
    pub(crate) fn apply<'a>(self, arguments: &[Operand<'_>], rows: usize) -> Operand<'a> {
        match (arguments, self.of_one(), self.of_two()) {
            ([argument], Some(function), _) if self.keeps_type() => {
                let of_integers = if self == Self::Abs { i64::wrapping_abs } else { |value| value };
                map_numbers(argument, function, of_integers)
            }
            ([argument], Some(function), _) => map_floats(argument, function),
            ([left, right], _, Some(function)) => zip_floats(left, right, rows, function),
            _ => Operand::One(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::{Datum, is_nan};
    use crate::vector::Vector;
    use model::{FieldType, Values};
    use std::borrow::Cow;

    fn column(values: Values, valid: &[bool]) -> Operand<'static> {
        Operand::Rows(Cow::Owned(Vector { values, valid: Some(valid.to_vec()) }))
    }

    fn results(kernel: Math, arguments: &[Operand<'_>]) -> Vec<Option<Datum>> {
        let vector = kernel.apply(arguments, 2).into_vector(2, FieldType::Float);
        // What is no number is null in an answer.
        (0..2).map(|row| vector.get(row).filter(|&value| !is_nan(value)).map(Datum::from)).collect()
    }

    #[test]
    fn types_are_kept_where_that_makes_sense() {
        let integers = || column(Values::Integer(vec![-4, i64::MIN]), &[true, true]);
        assert_eq!(results(Math::Abs, &[integers()]), [Some(Datum::Integer(4)), Some(Datum::Integer(i64::MIN))]);
        assert_eq!(results(Math::Ceil, &[integers()]), [Some(Datum::Integer(-4)), Some(Datum::Integer(i64::MIN))]);
        assert_eq!(results(Math::Sqrt, &[integers()]), [None, None]);
        let unsigned = column(Values::Unsigned(vec![9, u64::MAX]), &[true, false]);
        assert_eq!(results(Math::Abs, std::slice::from_ref(&unsigned)), [Some(Datum::Unsigned(9)), None]);
        assert_eq!(results(Math::Sqrt, &[unsigned]), [Some(Datum::Float(3.0)), None]);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let halves = column(Values::Float(vec![2.5, -0.5]), &[true, true]);
        assert_eq!(results(Math::Round, &[halves]), [Some(Datum::Float(3.0)), Some(Datum::Float(-1.0))]);
    }

    #[test]
    fn what_is_no_number_has_no_result() {
        let texts = Operand::One(Some(Datum::String(b"1".as_slice().into())));
        let floats = column(Values::Float(vec![2.0, 3.0]), &[true, false]);
        assert_eq!(results(Math::Abs, std::slice::from_ref(&texts)), [None, None]);
        assert_eq!(results(Math::Pow, &[floats.clone(), texts]), [None, None]);
        let three = Operand::One(Some(Datum::Integer(3)));
        assert_eq!(results(Math::Pow, &[floats, three]), [Some(Datum::Float(8.0)), None]);
    }
}
