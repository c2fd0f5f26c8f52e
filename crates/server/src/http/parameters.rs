//! Parameters of a request: those of a form body first, then those of the URL, as Go's `FormValue` finds them.
//!
//! Unlike Go, a bare `;` belongs to the value it stands in: shells and scripts send statements so.

use percent_encoding::percent_decode;

/// Names and values in the order in which they are searched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    form: Vec<(String, String)>,
    url: Vec<(String, String)>,
}

impl Parameters {
    /// The parameters of a URL's query part.
    pub(crate) fn from_url(query: Option<&str>) -> Self {
        Self { form: Vec::new(), url: parse(query.unwrap_or_default().as_bytes()) }
    }

    /// Adds those of a form body.
    pub(crate) fn add_form(&mut self, body: &[u8]) {
        self.form.extend(parse(body));
    }

    /// Adds one part of a multipart form.
    pub(crate) fn add_part(&mut self, name: String, value: String) {
        self.form.push((name, value));
    }

    /// The first value of `name`, form before URL; empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.form.iter().chain(&self.url).find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The first value of `name` in the URL; empty if there is none.
    pub(crate) fn in_url(&self, name: &str) -> &str {
        self.url.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

fn parse(text: &[u8]) -> Vec<(String, String)> {
    text.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let cut = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            (decode(&pair[..cut]), decode(pair.get(cut + 1..).unwrap_or_default()))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_before_url() {
        let mut parameters = Parameters::from_url(Some("q=a%3Bb;c&db=x+y&pretty=true&empty="));
        assert_eq!((parameters.get("q"), parameters.get("db"), parameters.get("no")), ("a;b;c", "x y", ""));
        parameters.add_form(b"q=form&pretty=false");
        assert_eq!((parameters.get("q"), parameters.in_url("pretty")), ("form", "true"));
    }

    #[test]
    fn broken_escapes_stay() {
        assert_eq!(Parameters::from_url(Some("q=%zz%4")).get("q"), "%zz%4");
    }
}
