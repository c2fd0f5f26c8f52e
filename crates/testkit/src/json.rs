//! JSON as it was written: members keep their order and numbers their text, since both are part of what clients see.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number as written.
    Number(String),
    /// A string, escapes resolved.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, members in order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads documents that follow each other, as a chunked answer has them.
    ///
    /// # Errors
    /// It is not JSON: what is wrong and where.
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        let mut found = Vec::new();
        loop {
            reader.skip_space();
            if reader.at == text.len() {
                return Ok(found);
            }
            found.push(reader.value(0)?);
        }
    }

    /// Reads one document.
    ///
    /// # Errors
    /// It is not JSON, or not one document.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut all = Self::read_all(text)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => Err("not one document".to_owned()),
        }
    }

    /// The member of that name; null if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Self {
        match self {
            Self::Object(members) => {
                members.iter().find(|(found, _)| found == name).map_or(&Self::Null, |(_, value)| value)
            }
            _ => &Self::Null,
        }
    }

    /// The element at that place; null if there is none.
    #[must_use]
    pub fn at(&self, place: usize) -> &Self {
        self.list().get(place).unwrap_or(&Self::Null)
    }

    /// The elements; none if it is no array.
    #[must_use]
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    /// The text of a string or number; empty for others.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            _ => "",
        }
    }

    /// The rows of the first series of the first result.
    #[must_use]
    pub fn rows(&self) -> &[Self] {
        self.get("results").at(0).get("series").at(0).get("values").list()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::Number(text) => out.write_str(text),
            Self::Text(text) => write!(out, "{text:?}"),
            Self::List(values) => {
                out.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(out, "{}{value}", if at == 0 { "" } else { "," })?;
                }
                out.write_str("]")
            }
            Self::Object(members) => {
                out.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    write!(out, "{}{name:?}:{value}", if at == 0 { "" } else { "," })?;
                }
                out.write_str("}")
            }
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at byte {}", self.at))
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == byte && self.at < self.text.len();
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.wrong("an unknown word")
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > 200 {
            return self.wrong("nested too deep");
        }
        self.skip_space();
        match self.peek() {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::Text),
            b't' => self.word("true", Json::Boolean(true)),
            b'f' => self.word("false", Json::Boolean(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => {
                let from = self.at;
                while matches!(self.peek(), b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
                    self.at += 1;
                }
                Ok(Json::Number(String::from_utf8_lossy(&self.text[from..self.at]).into_owned()))
            }
            _ => self.wrong("no value"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut members = Vec::new();
        self.at += 1;
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            if !self.take(b':') {
                return self.wrong("no colon");
            }
            members.push((name, self.value(depth + 1)?));
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return self.wrong("no comma in an object");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, String> {
        let mut values = Vec::new();
        self.at += 1;
        if self.take(b']') {
            return Ok(Json::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Json::List(values));
            }
            if !self.take(b',') {
                return self.wrong("no comma in an array");
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.take(b'"') {
            return self.wrong("no string");
        }
        let mut out = Vec::new();
        loop {
            let byte = self.peek();
            if self.at >= self.text.len() || byte < 0x20 {
                return self.wrong("a string that does not end");
            }
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).map_err(|_| "bad UTF-8".to_owned()),
                b'\\' => {
                    let escape = self.peek();
                    self.at += 1;
                    let resolved = match escape {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'u' => self.code()?,
                        b'"' | b'\\' | b'/' => char::from(escape),
                        _ => return self.wrong("an unknown escape"),
                    };
                    out.extend_from_slice(resolved.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => out.push(byte),
            }
        }
    }

    fn code(&mut self) -> Result<char, String> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) || !self.text[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(high).unwrap_or('\u{fffd}'));
        }
        self.at += 2;
        let low = self.four_digits()?;
        Ok(char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff))
            .unwrap_or('\u{fffd}'))
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return self.wrong("no four digits");
        };
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let text = r#"{"b":[1,-0.5e+21,null,true],"a":{"x":"q\"\\ü"},"e":[],"o":{}}"#;
        assert_eq!(Json::read(text).unwrap().to_string(), text);
        assert_eq!(Json::read(r#""\u003c\ud83d\ude00""#).unwrap(), Json::Text("<😀".to_owned()));
        assert_eq!(Json::read_all("{}\n[1]\n").unwrap().len(), 2);
        for broken in ["{", "[1", "{\"a\"}", "\"a", "nul", "{}{}", "[1,]"] {
            assert!(Json::read(broken).is_err(), "{broken}");
        }
    }
}
