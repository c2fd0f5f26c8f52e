//! Endpoints that tell how the server is: `/ping`, `/health`, `/debug/vars`, `/metrics`.

use super::reply;
use super::{Reply, Shared, figures};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// `/ping` and `/status`: 204, or the version where the client is verbose.
pub(crate) fn ping(shared: &Shared, verbose: &str) -> Reply {
    if matches!(verbose, "" | "0" | "false") {
        return reply::no_content();
    }
    reply::json(StatusCode::OK, format!("{{\"version\":\"{}\"}}", shared.settings.api_version))
}

/// `/health`, in the words of InfluxDB.
pub(crate) fn health(shared: &Shared) -> Reply {
    let body = format!(
        "{{\"checks\":[],\"message\":\"ready for queries and writes\",\"name\":\"influxdb\",\"status\":\"pass\",\"version\":\"{}\"}}",
        shared.settings.api_version
    );
    reply::json(StatusCode::OK, body)
}

/// `/debug/vars`: the figures as JSON, as InfluxDB's monitors read them.
pub(crate) fn vars(shared: &Shared) -> Reply {
    let mut reply = reply::json(StatusCode::OK, figures::vars(shared));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    reply
}

/// `/metrics`: the figures in Prometheus' text format.
pub(crate) fn metrics(shared: &Shared) -> Reply {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=values");
    reply::with_type(StatusCode::OK, kind, figures::prometheus(shared))
}
