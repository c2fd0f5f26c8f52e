//! Keeps web pages of others out. Without authentication, any page that a person visits could otherwise send
//! `DROP DATABASE` to the server on their machine: browsers name the page in `Origin` or say `Sec-Fetch-Site`, other clients
//! send neither.

use super::Shared;
use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};

/// Whether the request may go on: it comes from no web page, from a page that the server itself was asked for by that name,
/// or from an allowed one.
pub(crate) fn admits(shared: &Shared, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return headers.get("sec-fetch-site").is_none_or(|site| site != "cross-site");
    };
    allowed(shared, origin) || own(headers, origin)
}

/// Whether the origin is on the list.
pub(crate) fn allowed(shared: &Shared, origin: &HeaderValue) -> bool {
    shared.settings.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
}

/// A page of this very server: origin and host agree, and the host is a loopback name (else a foreign name that was made to
/// point here would pass).
fn own(headers: &HeaderMap, origin: &HeaderValue) -> bool {
    let (Some(host), Ok(origin)) = (headers.get(HOST).and_then(|host| host.to_str().ok()), origin.to_str()) else {
        return false;
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    loopback && origin.split_once("://").is_some_and(|(_, rest)| rest == host)
}
