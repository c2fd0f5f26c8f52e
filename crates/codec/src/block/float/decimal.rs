//! Floats as integers over a power of ten.

/// Powers of ten, all of them exact.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// 1.5 x 2^52: a float of at most 2^51 that is added to it is rounded to an integer, which then stands in the low bits.
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// Magnitude below which the above holds.
const LIMIT: f64 = 2_251_799_813_685_248.0;
/// So many values are looked at to choose the exponent.
const LOOK: usize = 256;
/// One value in so many may be an exception.
const EXCEPTIONS: usize = 8;

/// A block's floats as integers over 10^exponent.
pub(super) struct Decimals {
    pub(super) exponent: u8,
    /// One for each float; that of an exception is the one before it.
    pub(super) integers: Vec<i64>,
    /// The places of floats that are no such quotient, ascending.
    pub(super) exceptions: Vec<usize>,
}

impl Decimals {
    /// The floats with the smallest exponent that fits; `None` if too many are no decimals.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let step = (values.len() / LOOK).max(1);
        let sample: Vec<f64> = values.iter().step_by(step).copied().collect();
        let exponent = best(&sample, 0)?;
        let decimals = Self::with(values, exponent);
        if decimals.exceptions.is_empty() {
            return Some(decimals);
        }
        // The sample may have missed the values with the most decimals.
        let odd: Vec<f64> = decimals.exceptions.iter().take(4 * LOOK).map(|&at| values[at]).collect();
        let decimals = match best(&odd, exponent) {
            Some(more) if more > exponent => Self::with(values, more),
            _ => decimals,
        };
        (decimals.exceptions.len() <= values.len() / EXCEPTIONS).then_some(decimals)
    }

    fn with(values: &[f64], exponent: usize) -> Self {
        let mut exceptions = Vec::new();
        let mut integers = Vec::with_capacity(values.len());
        let mut last = 0;
        for (at, &value) in values.iter().enumerate() {
            match to_decimal(value, exponent) {
                Some(integer) => last = integer,
                None => exceptions.push(at),
            }
            integers.push(last);
        }
        Self { exponent: exponent as u8, integers, exceptions }
    }
}

/// The exponent from `least` on that makes the fewest bits of these values; `None` if more than a few are no decimals with any.
fn best(values: &[f64], least: usize) -> Option<usize> {
    let few = values.len() / EXCEPTIONS;
    let mut best = (usize::MAX, None);
    for exponent in least..POWERS.len() {
        let odd = values.iter().filter(|&&value| to_decimal(value, exponent).is_none()).count();
        // An exception takes ten bytes, a digit more takes a third of a byte of every value.
        let cost = odd * 30 + exponent * values.len();
        if cost < best.0 && odd <= few {
            best = (cost, Some(exponent));
        }
        if odd == 0 {
            break;
        }
    }
    best.1
}

/// `value` as an integer over 10^exponent, if that is exact to the bit.
#[inline]
fn to_decimal(value: f64, exponent: usize) -> Option<i64> {
    let scaled = value * POWERS[exponent];
    let shifted = scaled + SHIFT;
    let exact = (shifted - SHIFT) / POWERS[exponent];
    // Not a number compares as false.
    let holds = scaled.abs() < LIMIT && exact.to_bits() == value.to_bits();
    holds.then(|| shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64)
}

/// Appends what the integers stand for. `exponent` is below 16; integers of 2^51 and above come out as something else.
pub(super) fn from_decimals(integers: &[i64], exponent: u8, out: &mut Vec<f64>) {
    let power = POWERS[usize::from(exponent) % POWERS.len()];
    // The conversion that machines of any age do on several values at once.
    let float = |&integer: &i64| f64::from_bits(SHIFT.to_bits().wrapping_add(integer as u64)) - SHIFT;
    if exponent == 0 {
        out.extend(integers.iter().map(float));
    } else {
        out.extend(integers.iter().map(|integer| float(integer) / power));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_called_a_decimal_comes_back(value: f64, mantissa in -1i64 << 51..1i64 << 51, exponent in 0usize..16) {
            for value in [value, mantissa as f64 / POWERS[exponent], mantissa as f64] {
                if let Some(integer) = to_decimal(value, exponent) {
                    let mut back = Vec::new();
                    from_decimals(&[integer], exponent as u8, &mut back);
                    prop_assert_eq!(back[0].to_bits(), value.to_bits());
                }
            }
        }

        #[test]
        fn short_decimals_are_found(mantissa in -1i64 << 40..1i64 << 40, exponent in 0usize..12) {
            let value: f64 = format!("{mantissa}e-{exponent}").parse().unwrap();
            prop_assert_eq!(to_decimal(value, exponent).is_some(), mantissa != 0 || value.is_sign_positive());
        }
    }

    #[test]
    fn a_few_odd_values_are_exceptions() {
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 10.0).collect();
        values[7] = f64::NAN;
        values[900] = -0.0;
        values[901] = 1.0 / 3.0;
        let decimals = Decimals::of(&values).unwrap();
        assert_eq!((decimals.exponent, decimals.exceptions), (1, vec![7, 900, 901]));
        values[501] = 0.125;
        assert_eq!(Decimals::of(&values).unwrap().exceptions.len(), 4);
        assert!(Decimals::of(&values.iter().map(|v| v.sqrt()).collect::<Vec<_>>()).is_none());
    }
}
