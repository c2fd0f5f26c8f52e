//! Values as `MessagePack`, in the forms that InfluxDB's writer (Go's `msgp`) takes.

use super::cells::Print;
use super::{Clock, TimeForm};
use model::Text;

/// Number of the extension that is an instant.
const INSTANT: i8 = 5;

// Writing to a vector cannot fail: so all that `rmp` returns is dropped.

pub(super) fn push_list(length: u32, out: &mut Vec<u8>) {
    let _ = rmp::encode::write_array_len(out, length);
}

pub(super) fn push_map(entries: usize, out: &mut Vec<u8>) {
    let _ = rmp::encode::write_map_len(out, u32::try_from(entries).unwrap_or(u32::MAX));
}

pub(super) fn push_boolean(value: bool, out: &mut Vec<u8>) {
    let _ = rmp::encode::write_bool(out, value);
}

/// Appends bytes as a string: as they are, be they UTF-8 or not, as InfluxDB does.
pub(super) fn push_text(text: &[u8], out: &mut Vec<u8>) {
    let _ = rmp::encode::write_str_len(out, u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(text);
}

/// Appends an integer in the shortest of the signed forms, as Go's `msgp` does it: `rmp` would take unsigned ones too.
pub(super) fn push_signed(value: i64, out: &mut Vec<u8>) {
    use rmp::encode::{write_i8, write_i16, write_i32, write_i64, write_nfix, write_pfix};
    let _ = match (i8::try_from(value), i16::try_from(value), i32::try_from(value)) {
        (Ok(short), ..) if short >= 0 => write_pfix(out, short.unsigned_abs()).ok(),
        (Ok(short), ..) if short >= -32 => write_nfix(out, short).ok(),
        (Ok(short), ..) => write_i8(out, short).ok(),
        (_, Ok(value), _) => write_i16(out, value).ok(),
        (.., Ok(value)) => write_i32(out, value).ok(),
        _ => write_i64(out, value).ok(),
    };
}

/// Writes values as `MessagePack`.
pub(super) struct Packed(pub(super) Clock);

impl Print for Packed {
    fn between(&self, _: &mut Vec<u8>) {}

    fn time(&self, time: i64, out: &mut Vec<u8>) {
        match self.0.form {
            TimeForm::Native => push_instant(time, out),
            TimeForm::Epoch(unit) => push_signed(time / unit, out),
            TimeForm::Rfc3339 => {
                let mut text = Vec::with_capacity(32);
                self.0.push(time, &mut text);
                push_text(&text, out);
            }
        }
    }

    fn float(&self, value: f64, out: &mut Vec<u8>) {
        let _ = rmp::encode::write_f64(out, value);
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        push_text(text, out);
    }

    fn list(&self, texts: &[Text], out: &mut Vec<u8>) {
        push_list(u32::try_from(texts.len()).unwrap_or(u32::MAX), out);
        texts.iter().for_each(|text| push_text(text, out));
    }

    fn missing(&self, out: &mut Vec<u8>) {
        let _ = rmp::encode::write_nil(out);
    }

    fn integer(&self, value: i64, out: &mut Vec<u8>) {
        push_signed(value, out);
    }

    fn unsigned(&self, value: u64, out: &mut Vec<u8>) {
        let _ = rmp::encode::write_uint(out, value);
    }

    fn boolean(&self, value: bool, out: &mut Vec<u8>) {
        push_boolean(value, out);
    }
}

/// Appends an instant (ns).
fn push_instant(time: i64, out: &mut Vec<u8>) {
    const SECOND: i64 = 1_000_000_000;
    let _ = rmp::encode::write_ext_meta(out, 12, INSTANT);
    out.extend_from_slice(&time.div_euclid(SECOND).to_be_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "below 2^30")]
    out.extend_from_slice(&(time.rem_euclid(SECOND) as u32).to_be_bytes());
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Hexadecimal digits to bytes.
    pub(in super::super) fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
    }

    #[test]
    fn integers_take_the_forms_that_go_takes() {
        for (value, wanted) in [
            (0, "00"),
            (127, "7f"),
            (128, "d1 0080"),
            (32_767, "d1 7fff"),
            (32_768, "d2 0000 8000"),
            (i64::from(i32::MAX) + 1, "d3 0000 0000 8000 0000"),
            (-1, "ff"),
            (-32, "e0"),
            (-33, "d0 df"),
            (-129, "d1 ff7f"),
            (-32_769, "d2 ffff 7fff"),
            (i64::MIN, "d3 8000 0000 0000 0000"),
        ] {
            let mut out = Vec::new();
            push_signed(value, &mut out);
            assert_eq!(out, bytes(wanted), "{value}");
        }
        for (value, wanted) in [
            (127, "7f"),
            (128, "cc 80"),
            (256, "cd 0100"),
            (65_536, "ce 0001 0000"),
            (u64::MAX, "cf ffff ffff ffff ffff"),
        ] {
            let mut out = Vec::new();
            Packed(Clock { form: TimeForm::Native, zone: None }).unsigned(value, &mut out);
            assert_eq!(out, bytes(wanted), "{value}");
        }
    }
}
