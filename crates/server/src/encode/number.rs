//! Numbers as Go's `encoding/json` prints them.

/// Appends a float: shortest digits that read back the same, plain for 1e-6 <= |x| < 1e21, else with an exponent that has
/// a sign if positive and no padding. NaN and infinities, which JSON cannot say, are null.
pub(super) fn push_float(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if !value.is_finite() {
        out.extend_from_slice(b"null");
    } else if size == 0.0 || (1e-6..1e21).contains(&size) {
        push_decimal(value, out);
    } else {
        let mut buffer = zmij::Buffer::new();
        // So small and so large it has an exponent.
        let text = buffer.format_finite(value);
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
        out.extend_from_slice(if exponent.starts_with('-') { b"e" } else { b"e+" });
        out.extend_from_slice(exponent.trim_start_matches('+').as_bytes());
    }
}

/// Appends the shortest digits of a finite float that read back the same, without an exponent. Of two that are as near, it is the
/// even one, as Go's; the standard library takes the one away from zero.
pub(super) fn push_decimal(value: f64, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once('e') {
        None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
        Some((digits, exponent)) => push_shifted(digits, exponent.parse().unwrap_or(0), out),
    }
}

/// Appends digits, which have a point perhaps, times a power of ten, without an exponent.
fn push_shifted(digits: &str, exponent: i32, out: &mut Vec<u8>) {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let zeros =
        |out: &mut Vec<u8>, count: i32| out.extend(std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0)));
    out.extend_from_slice(sign.as_bytes());
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        zeros(out, -exponent - whole.len() as i32);
        out.extend_from_slice(whole.as_bytes());
        out.extend_from_slice(part.as_bytes());
    } else {
        out.extend_from_slice(whole.as_bytes());
        out.extend_from_slice(part.as_bytes());
        zeros(out, exponent - part.len() as i32);
    }
}

/// Appends an integer.
pub(super) fn push_integer<T: itoa::Integer>(value: T, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::Random;

    /// A float's text without an exponent.
    fn decimal(value: f64) -> String {
        let mut out = Vec::new();
        push_decimal(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_the_shortest() {
        let random = platform::SeededRandom::new(7);
        let check = |value: f64| {
            let (text, other) = (decimal(value), format!("{value}"));
            assert!(text == other || (text.len() == other.len() && text.parse() == Ok(value)), "{text} {other}");
        };
        for exponent in -30..40 {
            for digits in [1.0, -1.5, 9.999, 1.234_567_890_123_456_7] {
                check(digits * 10f64.powi(exponent));
            }
        }
        for _ in 0..100_000 {
            let bits = f64::from_bits(random.u64());
            if bits.is_finite() {
                check(bits);
            }
            check(random.below(1 << 40) as f64 / 1e3);
        }
        for value in [0.0, -0.0, 5e-324, f64::MAX, f64::EPSILON] {
            check(value);
        }
    }

    #[test]
    fn of_two_as_near_it_is_the_even_one() {
        assert_eq!(decimal(-7_052_719_334_161_509.0 / 4.0), "-1763179833540377.2");
        assert_eq!(decimal(7_052_719_334_161_511.0 / 4.0), "1763179833540377.8");
    }

    #[test]
    fn floats_as_go_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (123.456, "123.456"),
        ] {
            let mut out = Vec::new();
            push_float(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
