//! Replies, with the headers that InfluxDB's clients look for.

use super::{Reply, ReplyBody, Shared};
use crate::encode::Layout;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use platform::budget::Grant;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
const ERROR: HeaderName = HeaderName::from_static("x-influxdb-error");
/// Tells identities of the same instant apart.
static SEQUENCE: uuid::ContextV1 = uuid::ContextV1::new(0);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A body that is whole.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> ReplyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    with_type(status, JSON, body)
}

/// A reply of some type.
pub(crate) fn with_type(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// 204 without a body.
pub(crate) fn no_content() -> Reply {
    json(StatusCode::NO_CONTENT, Bytes::new())
}

/// An error as InfluxDB tells it: `{"error":".."}` and the text in a header.
pub(crate) fn error(status: StatusCode, text: &str) -> Reply {
    error_in(Layout::Json, status, text)
}

/// As [`error`], in the form that the client asked for.
pub(crate) fn error_in(layout: Layout, status: StatusCode, text: &str) -> Reply {
    error_with(status, text, HeaderValue::from_static(layout.media_type()), layout.error(text).into())
}

/// 401: who is there is not known. InfluxDB does not repeat the text in a header here.
pub(crate) fn unauthorized(layout: Layout, text: &str) -> Reply {
    let mut reply =
        with_type(StatusCode::UNAUTHORIZED, HeaderValue::from_static(layout.media_type()), layout.error(text));
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"InfluxDB\""));
    reply
}

/// As [`error`], with memory that is given back when the reply is sent or given up.
pub(crate) fn error_holding(status: StatusCode, text: &str, grant: Grant) -> Reply {
    struct Held(Vec<u8>, #[expect(dead_code, reason = "held")] Grant);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    error_with(status, text, JSON, Bytes::from_owner(Held(Layout::Json.error(text), grant)))
}

/// An error, or an answer without a body, in the form that the client asked for, if it was made in JSON. What memory it holds stays
/// held as long.
pub(crate) async fn in_form(layout: Layout, reply: Reply) -> Reply {
    let is_json = reply.headers().get(CONTENT_TYPE).is_some_and(|found| *found == JSON);
    let is_told = reply.headers().contains_key(ERROR) || reply.headers().contains_key(WWW_AUTHENTICATE);
    let is_empty = reply.status() == StatusCode::NO_CONTENT;
    if matches!(layout, Layout::Json) || !is_json || !(is_told || is_empty) {
        return reply;
    }
    let (mut head, body) = reply.into_parts();
    // It is whole, so that nothing is waited for.
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let told: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let body = match told.as_ref().and_then(|told| told.get("error")?.as_str()) {
        Some(text) => Bytes::from_owner(Beside(layout.error(text), bytes)),
        None if is_empty => bytes,
        None => return Response::from_parts(head, whole(bytes)),
    };
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(layout.media_type()));
    Response::from_parts(head, whole(body))
}

/// Bytes, and others that hold the memory for them.
struct Beside(Vec<u8>, #[expect(dead_code, reason = "held")] Bytes);

impl AsRef<[u8]> for Beside {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn error_with(status: StatusCode, text: &str, media_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = with_type(status, media_type, body);
    if let Some(value) = header_text(text) {
        reply.headers_mut().insert(ERROR, value);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    reply
}

/// The text as a header may carry it: bounded, without line breaks and control characters.
fn header_text(text: &str) -> Option<HeaderValue> {
    let clean: String = text.chars().take(1_024).map(|char| if char.is_control() { ' ' } else { char }).collect();
    HeaderValue::from_bytes(clean.trim().as_bytes()).ok()
}

/// 404 of a path that is none.
pub(crate) fn not_found() -> Reply {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// 405 of a path that has other methods.
pub(crate) fn not_allowed(methods: &[Method]) -> Reply {
    let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        reply.headers_mut().insert(ALLOW, value);
    }
    reply
}

/// A reply in plain text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = with_type(status, PLAIN, text);
    reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// The headers of every reply of a routed request.
pub(crate) fn add_headers(shared: &Shared, id: HeaderValue, reply: &mut Reply) {
    const NAMES: [HeaderName; 5] = [
        HeaderName::from_static("x-influxdb-build"),
        HeaderName::from_static("x-alluvium-version"),
        HeaderName::from_static("x-influxdb-version"),
        HeaderName::from_static("request-id"),
        HeaderName::from_static("x-request-id"),
    ];
    let values = [
        HeaderValue::from_static("OSS"),
        HeaderValue::from_static(VERSION),
        shared.api_version.clone(),
        id.clone(),
        id,
    ];
    let headers = reply.headers_mut();
    // With the date, so that the map does not grow on the way.
    headers.reserve(NAMES.len() + 2);
    headers.extend(NAMES.into_iter().zip(values));
}

/// The client's `X-Request-Id`, else its `Request-Id`, else a new one.
pub(crate) fn request_id(shared: &Shared, request: &HeaderMap) -> HeaderValue {
    let given = ["x-request-id", "request-id"].iter().find_map(|name| request.get(*name).filter(|id| !id.is_empty()));
    given.cloned().unwrap_or_else(|| {
        let now = shared.node.now().unsigned_abs();
        let nanos = u32::try_from(now % 1_000_000_000).unwrap_or(0);
        let time = uuid::Timestamp::from_unix(&SEQUENCE, now / 1_000_000_000, nanos);
        let id = uuid::Uuid::new_v1(time, &[0x02, 0x61, 0x6c, 0x6c, 0x75, 0x76]);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("-"))
    })
}
