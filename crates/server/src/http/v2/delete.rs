//! `POST /api/v2/delete`: rows between two instants that a predicate names.

use super::{body, find, parts_of, run};
use crate::http::body::{ReadBody, discard, read};
use crate::http::parameters::Parameters;
use crate::http::router::body_error;
use crate::http::{Reply, Shared, reply};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use node::Statement;
use std::sync::Arc;

/// Serves a delete.
pub(crate) async fn serve(shared: &Arc<Shared>, user: Option<String>, request: Request<Incoming>) -> Reply {
    let (parts, incoming) = request.into_parts();
    let parameters = Parameters::from_url(parts.uri.query());
    let (database, policy) = match parts_of(parameters.get("bucket")) {
        Ok(bucket) => bucket,
        Err(text) => {
            discard(&parts.headers, incoming).await;
            return reply::error(StatusCode::NOT_FOUND, &format!("delete - bucket: {text}"));
        }
    };
    if let Err(text) = check_bucket(shared, database, policy) {
        discard(&parts.headers, incoming).await;
        return reply::error(StatusCode::NOT_FOUND, &format!("delete - {text}"));
    }
    let ReadBody { bytes, grant: _grant } = match read(shared, &parts.headers, incoming).await {
        Ok(read) => read,
        Err(error) => return body_error(&error),
    };
    let outcome = match statement(&bytes, (database, policy)) {
        Ok((statement, what)) => {
            let told = |(status, text)| (status, format!("{what}, error: {text}"));
            run(shared, user, statement, database).await.map_err(told)
        }
        Err(text) => Err((StatusCode::BAD_REQUEST, text)),
    };
    match outcome {
        Ok(()) => reply::json(StatusCode::OK, ""),
        Err((status, text)) => reply::error(status, &format!("delete - {text}")),
    }
}

/// Whether there is the bucket.
fn check_bucket(shared: &Shared, database: &str, policy: Option<&str>) -> Result<(), String> {
    if !shared.node.databases().iter().any(|name| name == database) {
        return Err(format!("database not found: \"{database}\""));
    }
    match policy {
        Some(policy) if find(shared, database, policy).is_none() => {
            Err(format!("retention policy not found in \"{database}\": \"{policy}\""))
        }
        _ => Ok(()),
    }
}

/// What a body asks for, and how errors about it name that.
fn statement(bytes: &[u8], (database, policy): (&str, Option<&str>)) -> Result<(Statement, String), String> {
    let parse = |text: String| format!("cannot parse request body: {text}");
    let members = body::object(bytes, "DeleteBody").map_err(parse)?;
    let given = |name: &str| body::text(&members, name, &format!("DeleteBody.{name}")).map_err(parse);
    let (start, stop, predicate) = (given("start")?, given("stop")?, given("predicate")?.unwrap_or_default());
    let start = instant("start", start.unwrap_or_default())?;
    let stop = instant("stop", stop.unwrap_or_default())?;
    let what = format!(
        "database: {database:?}, retention policy: {:?}, start: {start:?}, stop: {stop:?}, predicate: {predicate:?}",
        policy.unwrap_or_default()
    );
    let statement = node::deletion(predicate, (start, stop), policy).map_err(|error| match error {
        node::PredicateError::Parse { .. } => error.to_string(),
        node::PredicateError::NotEquality => format!("{error}. {what}"),
        node::PredicateError::NoCondition(_) => format!("{what}, error: {error}"),
    })?;
    Ok((statement, what))
}

/// An instant of the body, which must be one.
fn instant<'a>(field: &str, text: &'a str) -> Result<&'a str, String> {
    if text.is_empty() {
        return Err(format!("{field} field in RFC3339Nano format required"));
    }
    let layout = "2006-01-02T15:04:05.999999999Z07:00";
    match unread(text) {
        None => Ok(text),
        Some((rest, wanted)) => Err(format!(
            "invalid format for {field} field \"{text}\", please use RFC3339Nano: parsing time \"{text}\" as \"{layout}\": {}",
            if wanted.is_empty() {
                format!("extra text: \"{rest}\"")
            } else {
                format!("cannot parse \"{rest}\" as \"{wanted}\"")
            }
        )),
    }
}

/// What of a text is no instant in RFC 3339, and what Go's layout has there; `None` if the text is one, as far as its form goes.
fn unread(text: &str) -> Option<(&str, &'static str)> {
    const DIGITS: [(usize, &str, &str); 6] =
        [(4, "2006", "-"), (2, "01", "-"), (2, "02", "T"), (2, "15", ":"), (2, "04", ":"), (2, "05", "")];
    let mut rest = text;
    for (digits, number, mark) in DIGITS {
        let is_number = rest.len() >= digits && rest.as_bytes()[..digits].iter().all(u8::is_ascii_digit);
        if !is_number {
            return Some((rest, number));
        }
        rest = &rest[digits..];
        match rest.strip_prefix(mark) {
            Some(behind) => rest = behind,
            None => return Some((rest, mark)),
        }
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let behind = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if behind.len() < fraction.len() {
            rest = behind;
        }
    }
    let zone = rest.as_bytes();
    match zone {
        [b'Z'] => None,
        [b'Z', ..] => Some((&rest[1..], "")),
        [b'+' | b'-', a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) => None,
        _ => Some((rest, "Z07:00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_go_reads_them() {
        for text in ["1970-01-01T00:00:00Z", "2020-02-03T04:05:06.789+01:00", "1970-01-01T00:00:00.1-00:30"] {
            assert_eq!(instant("start", text), Ok(text));
        }
        let told = |text: &str| instant("start", text).unwrap_err().rsplit_once("\": ").unwrap().1.to_owned();
        assert_eq!(told("1970"), "cannot parse \"\" as \"-\"");
        assert_eq!(told("x"), "cannot parse \"x\" as \"2006\"");
        assert_eq!(told("1970-01-01"), "cannot parse \"\" as \"T\"");
        assert_eq!(told("1970-01-01T00:00:00"), "cannot parse \"\" as \"Z07:00\"");
        assert_eq!(told("1970-01-01T00:00:00Zx"), "extra text: \"x\"");
        assert_eq!(instant("stop", "").unwrap_err(), "stop field in RFC3339Nano format required");
    }
}
