//! Which form of answer the header `Accept` asks for, as InfluxDB reads it: the media types by falling `q`, the first that it knows.

use crate::encode::Layout;
use hyper::header::{ACCEPT, HeaderMap};

/// Media types and what is sent for them.
const KNOWN: [(&str, &str, Layout); 4] = [
    ("application", "json", Layout::Json),
    ("application", "csv", Layout::ApplicationCsv),
    ("text", "csv", Layout::TextCsv),
    ("application", "x-msgpack", Layout::Msgpack),
];

/// The form of the answer.
pub(super) fn layout(headers: &HeaderMap) -> Layout {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut wanted: Vec<(f64, String)> = texts.flat_map(|text| text.split(',')).map(media_type).collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    wanted.iter().find_map(|(_, name)| known(name)).unwrap_or(Layout::Json)
}

/// Its `q` and its name.
fn media_type(part: &str) -> (f64, String) {
    let mut pieces = part.split(';').map(str::trim);
    let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let q = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
    (q.map_or(1.0, |q| q.parse().unwrap_or(0.0)), name)
}

fn known(name: &str) -> Option<Layout> {
    let (main, sub) = if name == "*" { ("*", "*") } else { name.split_once('/')? };
    let fits = |wanted: &str, has: &str| wanted == "*" || wanted == has;
    KNOWN.iter().find(|known| fits(main, known.0) && fits(sub, known.1)).map(|known| known.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn the_best_known_type_is_taken() {
        let of = |texts: &[&str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(ACCEPT, HeaderValue::from_str(text).unwrap());
            }
            layout(&headers)
        };
        for (texts, wanted) in [
            (&[][..], Layout::Json),
            (&["*/*"], Layout::Json),
            (&["*"], Layout::Json),
            (&["text/html, Application/CSV"], Layout::ApplicationCsv),
            (&["text/*"], Layout::TextCsv),
            (&["application/*"], Layout::Json),
            (&["application/csv;q=0.2, application/json; q=0.1"], Layout::ApplicationCsv),
            (&["application/csv;q=0.2", "text/csv;q=0.3"], Layout::TextCsv),
            (&["application/csv;q=x, application/json;q=0.1"], Layout::Json),
            (&["application/x-msgpack, text/csv;q=0.9"], Layout::Msgpack),
            (&["application/x-msgpack, application/json"], Layout::Msgpack),
            (&["application/json, application/x-msgpack"], Layout::Json),
            (&["nonsense, text/csv; charset=utf-8"], Layout::TextCsv),
        ] {
            assert_eq!(of(texts), wanted, "{texts:?}");
        }
    }
}
