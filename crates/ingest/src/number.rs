//! Numbers and booleans as the line protocol writes them.
//!
//! [`quick`] reads the common forms (integers of up to 18 digits, floats without an exponent) in one pass and says how far it
//! came; [`number`] judges a whole token by InfluxDB's rules and names what is wrong. Both read a number alike: whatever
//! `quick` accepts, `number` accepts with the same value.

use crate::error::LineProblem;

/// A number with its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// No suffix.
    Float(f64),
    /// Suffix `i`.
    Integer(i64),
    /// Suffix `u`.
    Unsigned(u64),
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Up to this many digits a mantissa is exact in a double.
const EXACT_DIGITS: usize = 15;

/// Reads a number at the start of `text`: its value and length. `None` does not mean that it is wrong, only that it needs
/// [`number`]; what follows the number is not looked at.
#[inline(always)]
#[must_use]
pub fn quick(text: &[u8]) -> Option<(Number, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mantissa, whole) = digits(&text[start..], 0);
    let at = start + whole;
    if whole > 18 {
        return None;
    }
    let float = |mantissa, whole, fraction, end: usize| {
        let value =
            exact_float(negative, mantissa, whole, fraction).or_else(|| long_float(&text[..end], whole + fraction));
        value.map(|value| (Number::Float(value), end))
    };
    match text.get(at) {
        Some(b'i') if whole > 0 => {
            let value = i64::try_from(mantissa).ok()?;
            Some((Number::Integer(if negative { -value } else { value }), at + 1))
        }
        Some(b'u') if whole > 0 && !negative => Some((Number::Unsigned(mantissa), at + 1)),
        Some(b'.') => {
            let (mantissa, fraction) = digits(&text[at + 1..], mantissa);
            float(mantissa, whole, fraction, at + 1 + fraction)
        }
        _ => float(mantissa, whole, 0, at),
    }
}

/// Reads an integer of one to seven digits with its suffix, without a sign, at the start of `text`: its value and length. `None`
/// for all else, and within the last eight bytes. What follows the suffix is not looked at.
#[inline(always)]
pub(crate) fn short_integer(text: &[u8]) -> Option<(i64, usize)> {
    let word = u64::from_le_bytes(*text.first_chunk::<8>()?);
    let (value, count) = word_digits(word);
    let suffixed = matches!(count, 1..=7) && (word >> (8 * count)).to_le_bytes()[0] == b'i';
    suffixed.then_some((value.cast_signed(), count + 1))
}

/// Integer powers of ten, one for each number of digits in a word.
const SCALES: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Reads digits that continue `value`: the value, right for up to 19 digits altogether, and the number of digits read.
#[inline]
fn digits(text: &[u8], mut value: u64) -> (u64, usize) {
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let (part, count) = word_digits(u64::from_le_bytes(*word));
        value = value.wrapping_mul(SCALES[count]).wrapping_add(part);
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    for byte in &text[at..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The value and number of the digits that eight bytes begin with, without a branch: numbers are of all lengths.
#[inline]
fn word_digits(word: u64) -> (u64, usize) {
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let nibbles = word ^ 0x3030_3030_3030_3030;
    // a digit is 0 to 9 now; adding 0x76 sets the top bit of all that is more
    let others = (((nibbles & !TOPS) + 0x7676_7676_7676_7676) | nibbles) & TOPS;
    let count = others.trailing_zeros() / 8;
    // the digits move to the end of the word, zeros take their place
    let digits = nibbles.checked_shl(64 - 8 * count).unwrap_or(0);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff, count as usize)
}

/// A float of few digits.
#[inline]
fn exact_float(negative: bool, mantissa: u64, whole: usize, fraction: usize) -> Option<f64> {
    let count = whole + fraction;
    if count == 0 || count > EXACT_DIGITS {
        return None;
    }
    // exact operands, so the one division rounds as the decimal does
    #[expect(clippy::cast_precision_loss, reason = "15 digits are below 2^53")]
    let value = mantissa as f64 / POWERS[fraction];
    Some(if negative { -value } else { value })
}

/// A float of many digits: `text` is digits with perhaps a sign and a point.
#[inline(never)]
fn long_float(text: &[u8], count: usize) -> Option<f64> {
    if count == 0 { None } else { fast_float2::parse(text).ok() }
}

/// What a walk over a token saw.
#[derive(Default)]
struct Shape {
    integer: bool,
    unsigned: bool,
    decimal: bool,
    scientific: bool,
}

/// The number that a whole token is.
///
/// # Errors
/// It is none: the first thing that InfluxDB finds wrong.
pub fn number(token: &[u8]) -> Result<Number, LineProblem> {
    let shape = shape(token)?;
    let Shape { integer, unsigned, decimal, scientific } = shape;
    if (integer || unsigned) && (decimal || scientific) {
        return Err(LineProblem::InvalidNumber);
    }
    let negative = token.first() == Some(&b'-');
    let others = usize::from(integer) + usize::from(decimal) + usize::from(negative);
    if token.len() <= others {
        return Err(LineProblem::InvalidNumber);
    }
    // what has the shape of a number is ASCII
    let text = std::str::from_utf8(token).map_err(|_| LineProblem::InvalidNumber)?;
    if integer {
        let digits = text.strip_suffix('i').ok_or(LineProblem::InvalidNumber)?;
        return digits.parse().map(Number::Integer).map_err(|_| LineProblem::IntegerRange(digits.to_owned()));
    }
    if unsigned {
        let digits = text.strip_suffix('u').filter(|_| !negative).ok_or(LineProblem::InvalidNumber)?;
        return digits.parse().map(Number::Unsigned).map_err(|_| LineProblem::UnsignedRange(digits.to_owned()));
    }
    match fast_float2::parse::<f64, _>(token) {
        Ok(value) if value.is_finite() => Ok(Number::Float(value)),
        _ => Err(LineProblem::InvalidFloat),
    }
}

/// Walks over a token as InfluxDB's scanner does, which refuses any byte that no number has at its place.
fn shape(token: &[u8]) -> Result<Shape, LineProblem> {
    let mut shape = Shape::default();
    let start = usize::from(token.first() == Some(&b'-'));
    for index in start..token.len() {
        let suffixed = shape.integer || shape.unsigned;
        match token[index] {
            b'i' if index > 0 && !suffixed => shape.integer = true,
            b'u' if index > 0 && !suffixed => shape.unsigned = true,
            b'.' if !shape.decimal => shape.decimal = true,
            b'e' | b'E' if index > 0 => shape.scientific = true,
            b'+' | b'-' if index > 0 && matches!(token[index - 1], b'e' | b'E') => {}
            b'0'..=b'9' => {}
            _ => return Err(LineProblem::InvalidNumber),
        }
    }
    Ok(shape)
}

/// The boolean that a whole token is.
#[must_use]
pub fn boolean(token: &[u8]) -> Option<bool> {
    match token {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(true),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// The timestamp at the start of `text`, in units of the precision: its value and length. `None` if it has no or more
/// than 18 digits with a sign, 19 without, or does not fit.
#[inline]
#[must_use]
pub(crate) fn quick_timestamp(text: &[u8]) -> Option<(i64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (value, count) = digits(&text[start..], 0);
    if count == 0 || count > 19 {
        return None;
    }
    let value = i64::try_from(value).ok()?;
    Some((if negative { -value } else { value }, start + count))
}

/// The timestamp that a whole token (digits, perhaps after a sign) is.
///
/// # Errors
/// It has no digits or does not fit in 64 bits.
pub(crate) fn timestamp(token: &[u8]) -> Result<i64, LineProblem> {
    if token == b"-" {
        return Err(LineProblem::TimestampSyntax);
    }
    let text = String::from_utf8_lossy(token);
    text.parse().map_err(|_| LineProblem::TimestampRange(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_influxdb_reads() {
        for (text, value) in [
            ("1", Number::Float(1.0)),
            (".5", Number::Float(0.5)),
            ("-5.", Number::Float(-5.0)),
            ("1E+3", Number::Float(1000.0)),
            ("007", Number::Float(7.0)),
            ("-0", Number::Float(-0.0)),
            ("1e-400", Number::Float(0.0)),
            ("007i", Number::Integer(7)),
            ("-9223372036854775808i", Number::Integer(i64::MIN)),
            ("18446744073709551615u", Number::Unsigned(u64::MAX)),
        ] {
            assert_eq!(number(text.as_bytes()), Ok(value), "{text}");
        }
    }

    #[test]
    fn refuses_what_influxdb_refuses() {
        for text in
            ["-", ".", "-.", "1i2", "1ii", "1ui", "0x1", "NaN", "1.5i", "-1u", "1.1.1", "--1", "1-", "1e3i", "i"]
        {
            assert_eq!(number(text.as_bytes()), Err(LineProblem::InvalidNumber), "{text}");
        }
        for text in ["1e", "1e400", "-e5", "1e5.5", ".e1"] {
            assert_eq!(number(text.as_bytes()), Err(LineProblem::InvalidFloat), "{text}");
        }
        let range = LineProblem::IntegerRange("9223372036854775808".to_owned());
        assert_eq!(number(b"9223372036854775808i"), Err(range));
    }

    proptest! {
        #[test]
        fn digits_are_read_in_any_number(number in "[0-9]{0,19}", rest in "([^0-9].{0,9})?") {
            let text = format!("{number}{rest}");
            let value = number.parse::<u64>().unwrap_or(0);
            prop_assert_eq!(digits(text.as_bytes(), 0), (value, number.len()));
        }

        #[test]
        fn short_integers_are_read_as_all_are(text in "-?[0-9]{0,9}[iu.]?[ ,0-9]{0,9}") {
            if let Some((value, length)) = short_integer(text.as_bytes()) {
                prop_assert_eq!(number(&text.as_bytes()[..length]), Ok(Number::Integer(value)));
            }
        }

        #[test]
        fn quick_agrees_with_the_whole(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?[iu]?") {
            if let Some((value, length)) = quick(text.as_bytes()) {
                let whole = number(&text.as_bytes()[..length]);
                prop_assert_eq!(&whole, &Ok(value));
                if let (Number::Float(left), Ok(Number::Float(right))) = (value, whole) {
                    prop_assert_eq!(left.to_bits(), right.to_bits());
                }
            }
        }
    }
}
