//! Multipart forms (RFC 7578), as far as a query needs them: small text fields and a file part with the statements.

/// The boundary of a multipart form's content type.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/form-data")?;
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
    (!boundary.is_empty()).then_some(boundary)
}

/// Names and values of the parts that are text.
pub(crate) fn parts(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let mark = format!("--{boundary}");
    text.split(mark.as_str()).skip(1).filter_map(part).collect()
}

fn part(text: &str) -> Option<(String, String)> {
    let (head, value) = text.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
    let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = disposition.split(';').find_map(|item| item.trim().strip_prefix("name="))?;
    let value = value.strip_suffix("\r\n").unwrap_or(value);
    Some((name.trim_matches('"').to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_fields_and_files() {
        let body = "--xx\r\nContent-Disposition: form-data; name=\"db\"\r\n\r\nd\r\n\
                    --xx\r\nContent-Disposition: form-data; name=\"q\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\nSHOW\nX\r\n--xx--\r\n";
        let boundary = boundary("multipart/form-data; boundary=xx").unwrap();
        let found = parts(body.as_bytes(), boundary);
        assert_eq!(found, [("db".to_owned(), "d".to_owned()), ("q".to_owned(), "SHOW\nX".to_owned())]);
        assert!(parts(b"junk", boundary).is_empty() && super::boundary("text/plain").is_none());
    }
}
