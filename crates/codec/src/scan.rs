//! Finding bytes and reading decimal integers in text, eight bytes and more at a time.

mod pairs;

pub use pairs::pairs_end;

use memchr::{memchr, memchr2, memchr3};

/// Where the first `a` stands.
#[inline]
pub fn find(haystack: &[u8], a: u8) -> Option<usize> {
    memchr(a, haystack)
}

/// Where the first of `a` and `b` stands.
#[inline]
pub fn find_any2(haystack: &[u8], a: u8, b: u8) -> Option<usize> {
    memchr2(a, b, haystack)
}

/// Where the first of `a`, `b` and `c` stands.
#[inline]
pub fn find_any3(haystack: &[u8], a: u8, b: u8, c: u8) -> Option<usize> {
    memchr3(a, b, c, haystack)
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The top bit of each byte of `word` that equals `byte`. Bytes above the first hit may be marked wrongly.
#[inline]
fn hits(word: u64, byte: u8) -> u64 {
    let zero = word ^ (LOW * u64::from(byte));
    zero.wrapping_sub(LOW) & !zero & HIGH
}

#[inline]
fn word_at(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Where the first byte of `set` stands at or behind `from`; made for the short distances between the marks of a line of line
/// protocol, where a call of a vector search costs more than it saves.
#[inline]
pub fn find_set<const N: usize>(haystack: &[u8], from: usize, set: [u8; N]) -> Option<usize> {
    let mut at = from;
    while let Some(word) = haystack.get(at..).and_then(word_at) {
        let found = set.iter().fold(0, |found, &byte| found | hits(word, byte));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let tail = haystack.get(at..)?;
    tail.iter().position(|byte| set.contains(byte)).map(|found| at + found)
}

/// Where the first byte that can end or escape a key, a tag or a field stands at or behind `from`: space, comma, equals,
/// backslash, quote or newline.
#[inline]
pub fn find_mark(haystack: &[u8], from: usize) -> Option<usize> {
    find_set(haystack, from, [b' ', b',', b'=', b'\\', b'"', b'\n'])
}

/// The value of eight ASCII digits, first digit lowest byte; `None` if one is no digit.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ 0x3030_3030_3030_3030;
    // A digit is 0-9 now: adding 0x76 sets the top bit of anything above, which no digit has itself.
    if (((digits & !HIGH) + 0x7676_7676_7676_7676) | digits) & HIGH != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff)
}

/// Reads decimal digits, all of `text` and at least one, as an unsigned integer; `None` above `u64::MAX` too.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut value = 0u64;
    while let Some(word) = word_at(rest) {
        value = value.checked_mul(100_000_000)?.checked_add(eight_digits(word)?)?;
        rest = &rest[8..];
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// Reads an integer: an optional `-` (no `+`), then decimal digits, all of `text`; `None` outside i64 too.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text.split_first() {
        Some((b'-', digits)) => 0i64.checked_sub_unsigned(parse_u64(digits)?),
        _ => i64::try_from(parse_u64(text)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'0'), Just(b'9'), Just(b'-'), b'/'..=b':', any::<u8>()], 0..30)
    }

    fn naive(text: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(text).ok()?;
        if text.starts_with('+') { None } else { text.parse().ok() }
    }

    #[test]
    fn numbers_at_the_edges() {
        for text in ["0", "-0", "9223372036854775807", "-9223372036854775808", "00000000000000000000000001", "12345678"]
        {
            assert_eq!(parse_i64(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in ["", "-", "+1", "9223372036854775808", "-9223372036854775809", "1234567a", "12345678 ", "--1", "1i"]
        {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
    }

    proptest! {
        #[test]
        fn any_number_is_read(value: i64) {
            prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn any_text_is_read_as_the_standard_library_does(text in text()) {
            prop_assert_eq!(parse_i64(&text), naive(&text));
        }

        #[test]
        fn any_byte_among_eight_digits_is_seen(at in 0usize..8, byte: u8) {
            let mut text = *b"12345678";
            text[at] = byte;
            prop_assert_eq!(parse_u64(&text).is_some(), text.iter().all(u8::is_ascii_digit));
        }

        #[test]
        fn marks_are_found_where_a_plain_loop_finds_them(text in "[a-f =,\\\\\"\n\u{80}-\u{ff}]{0,40}", from in 0usize..50) {
            let text = text.as_bytes();
            let plain = (from..text.len()).find(|&i| b" ,=\\\"\n".contains(&text[i]));
            prop_assert_eq!(find_mark(text, from), plain);
            prop_assert_eq!(find_any3(text, b' ', b',', b'='), text.iter().position(|b| b" ,=".contains(b)));
        }
    }
}
