//! Indented JSON, as Go's `MarshalIndent` with four spaces prints it: a rewriting of compact JSON.

/// Appends compact JSON, which must be well formed, with line breaks and four spaces a level.
pub(super) fn push_pretty(compact: &[u8], out: &mut Vec<u8>) {
    let mut depth = 0;
    let mut bytes = compact.iter().copied().peekable();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            match byte {
                b'\\' => out.extend(bytes.next()),
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close) = bytes.next_if(|&next| next == b'}' || next == b']') {
                    out.push(close);
                } else {
                    depth += 1;
                    break_line(depth, out);
                }
            }
            b'}' | b']' => {
                depth -= 1;
                break_line(depth, out);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                break_line(depth, out);
            }
            b':' => out.extend_from_slice(b": "),
            b'"' => {
                in_string = true;
                out.push(byte);
            }
            _ => out.push(byte),
        }
    }
}

fn break_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + depth * 4, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents() {
        let mut out = Vec::new();
        push_pretty(br#"{"a":[1,{"b,":"x\"}"}],"c":{},"d":[]}"#, &mut out);
        let wanted = "{\n    \"a\": [\n        1,\n        {\n            \"b,\": \"x\\\"}\"\n        }\n    ],\n    \"c\": {},\n    \"d\": []\n}";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
