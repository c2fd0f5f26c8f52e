//! Numbers as Go's `encoding/json` prints them.

use std::io::Write;

/// Appends a float: shortest digits that read back the same, plain for 1e-6 <= |x| < 1e21, else with an exponent that has
/// a sign if positive and no padding. NaN and infinities, which JSON cannot say, are null.
pub(super) fn push_float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        out.extend_from_slice(digits.as_bytes());
        out.extend_from_slice(if exponent.starts_with('-') { b"e" } else { b"e+" });
        out.extend_from_slice(exponent.as_bytes());
    } else {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{value}");
    }
}

/// Appends an integer.
pub(super) fn push_integer<T: itoa::Integer>(value: T, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

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
