//! Strings as Go's `encoding/json` prints them: quotes, backslash and control characters escaped, and `<`, `>`, `&`,
//! U+2028 and U+2029 too; what is not UTF-8 becomes U+FFFD.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a JSON string with its quotes.
pub fn push_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if text.iter().all(|&byte| is_plain(byte)) {
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    match std::str::from_utf8(text) {
        Ok(text) => push_valid(text, out),
        Err(_) => push_lossy(text, out),
    }
    out.push(b'"');
}

/// Whether a byte stands for itself, whatever is beside it.
fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// Every invalid byte becomes one replacement character, as Go does it.
fn push_lossy(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        push_valid(chunk.valid(), out);
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

fn push_valid(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let separator = byte == 0xe2 && matches!(bytes.get(index + 1..index + 3), Some([0x80, 0xa8 | 0xa9]));
        if !separator && byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&') {
            continue;
        }
        out.extend_from_slice(bytes.get(copied..index).unwrap_or_default());
        copied = index + if separator { 3 } else { 1 };
        push_escape(if separator { 0x2020 | u32::from(bytes[index + 2] & 0x0f) } else { u32::from(byte) }, out);
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
}

fn push_escape(code: u32, out: &mut Vec<u8>) {
    let short = match code {
        0x22 => b'"',
        0x5c => b'\\',
        0x0a => b'n',
        0x0d => b'r',
        0x09 => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(HEX[(code >> shift & 0xf) as usize]);
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        for (text, wanted) in [
            ("plain é".as_bytes(), "\"plain é\""),
            (b"a\"b\\c\n\r\t\x08\x0c\x01", "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\""),
            (b"<&>", "\"\\u003c\\u0026\\u003e\""),
            ("\u{2028}x\u{2029}\u{2027}".as_bytes(), "\"\\u2028x\\u2029\u{2027}\""),
            (b"a\xff\xfeb", "\"a\\ufffd\\ufffdb\""),
        ] {
            let mut out = Vec::new();
            push_string(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
