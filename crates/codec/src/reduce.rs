//! Reductions of a column, or of a part of one, to a single value.
//!
//! Integer sums wrap, as InfluxDB's do. Float sums add in the order of the slice, so that the same rows always give the same
//! bits. Least and greatest come with the place of their first occurrence, as a selector needs the point's own time.

/// The sum of signed integers, wrapping.
#[inline]
pub fn sum_i64(values: &[i64]) -> i64 {
    values.iter().fold(0, |sum, &v| sum.wrapping_add(v))
}

/// The sum of unsigned integers, wrapping.
#[inline]
pub fn sum_u64(values: &[u64]) -> u64 {
    values.iter().fold(0, |sum, &v| sum.wrapping_add(v))
}

/// The sum of floats, added from the first to the last, beginning with 0.
#[inline]
pub fn sum_f64(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, &v| sum + v)
}

/// How many are true.
#[inline]
pub fn count_true(values: &[bool]) -> usize {
    values.iter().filter(|&&v| v).count()
}

/// Values of a slice that is reduced value by value: to look for the place afterwards takes longer.
const SHORT: usize = 16;

/// First the value alone, in a loop that vectorises, then its place.
#[inline]
fn first_of<T: Copy + PartialEq>(values: &[T], pick: impl Fn(T, T) -> T) -> Option<(T, usize)> {
    let &first = values.first()?;
    if values.len() <= SHORT {
        let mut best = (first, 0);
        for (at, &value) in values.iter().enumerate().skip(1) {
            // Two choices that need no branch: values come in any order.
            let better = pick(best.0, value) != best.0;
            best = (if better { value } else { best.0 }, if better { at } else { best.1 });
        }
        return Some(best);
    }
    let value = values.iter().fold(first, |best, &v| pick(best, v));
    let at = values.iter().position(|&v| v == value)?;
    Some((value, at))
}

/// The least value and the place of its first occurrence; `None` of an empty slice.
#[inline]
pub fn min_i64(values: &[i64]) -> Option<(i64, usize)> {
    first_of(values, Ord::min)
}

/// The greatest value and the place of its first occurrence; `None` of an empty slice.
#[inline]
pub fn max_i64(values: &[i64]) -> Option<(i64, usize)> {
    first_of(values, Ord::max)
}

/// The least value and the place of its first occurrence; `None` of an empty slice.
#[inline]
pub fn min_u64(values: &[u64]) -> Option<(u64, usize)> {
    first_of(values, Ord::min)
}

/// The greatest value and the place of its first occurrence; `None` of an empty slice.
#[inline]
pub fn max_u64(values: &[u64]) -> Option<(u64, usize)> {
    first_of(values, Ord::max)
}

/// The least float and the place of its first occurrence, NaNs passed over; `None` if nothing else is there. The two zeros
/// are equal, so the first of them is taken.
#[inline]
pub fn min_f64(values: &[f64]) -> Option<(f64, usize)> {
    extreme_f64(values, f64::INFINITY, |best, v| if v < best { v } else { best })
}

/// The greatest float and the place of its first occurrence, NaNs passed over; `None` if nothing else is there.
#[inline]
pub fn max_f64(values: &[f64]) -> Option<(f64, usize)> {
    extreme_f64(values, f64::NEG_INFINITY, |best, v| if v > best { v } else { best })
}

fn extreme_f64(values: &[f64], start: f64, pick: impl Fn(f64, f64) -> f64) -> Option<(f64, usize)> {
    // Lanes of their own, so that none waits for the one before.
    let (lanes, rest) = values.as_chunks::<8>();
    let mut best = [start; 8];
    for values in lanes {
        best.iter_mut().zip(values).for_each(|(best, &value)| *best = pick(*best, value));
    }
    let best = best.iter().chain(rest).fold(start, |best, &v| pick(best, v));
    let at = values.iter().position(|&v| v == best)?;
    Some((values[at], at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(sum_i64(&[i64::MAX, 1]), i64::MIN);
        assert_eq!(sum_u64(&[u64::MAX, 2]), 1);
        assert_eq!(min_i64(&[3, -1, 5, -1]), Some((-1, 1)));
        assert_eq!(max_i64(&[3, 5, -1, 5]), Some((5, 1)));
        assert_eq!(min_u64(&[9, 2, 2]), Some((2, 1)));
        assert_eq!(max_u64(&[]), None);
        assert_eq!(count_true(&[true, false, true]), 2);
    }

    #[test]
    fn floats() {
        assert_eq!(sum_f64(&[1e16, 1.0, -1e16]), 0.0);
        assert_eq!(max_f64(&[f64::NAN, 1.0, 7.0, 7.0]), Some((7.0, 2)));
        assert_eq!(min_f64(&[f64::INFINITY, f64::INFINITY]), Some((f64::INFINITY, 0)));
        assert_eq!(min_f64(&[f64::NAN]), None);
        for at in 0..37 {
            let mut values: Vec<f64> = (0..37).map(|value| f64::from(value * 7 % 11)).collect();
            values[at] = 20.0;
            values[(at + 9) % 37] = f64::NAN;
            assert_eq!(max_f64(&values), Some((20.0, at)));
            values[at] = -1.0;
            assert_eq!(min_f64(&values), Some((-1.0, at)));
        }
        let (zero, at) = min_f64(&[0.0, -0.0]).unwrap();
        assert_eq!((zero.is_sign_positive(), at), (true, 0));
    }
}
