//! Endpoints that tell how the server is: `/ping`, `/health`, `/debug/vars`, `/metrics`.

use super::reply;
use super::{Reply, Shared, figures};
use crate::encode::push_string;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use node::Health;
use std::sync::Arc;

/// `/ping` and `/status`: 204, or the version where the client is verbose.
pub(crate) fn ping(shared: &Shared, verbose: &str) -> Reply {
    if matches!(verbose, "" | "0" | "false") {
        return reply::no_content();
    }
    reply::json(StatusCode::OK, format!("{{\"version\":\"{}\"}}", shared.settings.api_version))
}

/// `/health`, in the words of InfluxDB, which knows `pass` alone. `warn`, still 200: writes are taken, some queries fail. `fail`, 503: no
/// writes are taken.
pub(crate) fn health(shared: &Shared) -> Reply {
    let (status, code, message) = match shared.node.health() {
        Health::Pass => ("pass", StatusCode::OK, "ready for queries and writes".to_owned()),
        Health::Warn(why) => ("warn", StatusCode::OK, format!("ready for queries and writes, but {why}")),
        Health::Fail(why) => ("fail", StatusCode::SERVICE_UNAVAILABLE, format!("ready for queries, but {why}")),
    };
    let mut body = b"{\"checks\":[],\"message\":".to_vec();
    push_string(message.as_bytes(), &mut body);
    let version = &shared.settings.api_version;
    body.extend_from_slice(
        format!(",\"name\":\"influxdb\",\"status\":\"{status}\",\"version\":\"{version}\"}}").as_bytes(),
    );
    reply::json(code, body)
}

/// `/debug/vars`: the figures as JSON, as InfluxDB's monitors read them. Series are counted for it, which takes a while if they
/// are many; few at a time do so, so that no crowd of monitors takes the threads of others.
pub(crate) async fn vars(shared: &Arc<Shared>) -> Reply {
    let permit = shared.counting.acquire().await;
    let on_thread = Arc::clone(shared);
    let Ok(vars) = tokio::task::spawn_blocking(move || figures::vars(&on_thread)).await else {
        return reply::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error: the figures cannot be told");
    };
    drop(permit);
    let mut reply = reply::json(StatusCode::OK, vars);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    reply
}

/// `/metrics`: the figures in Prometheus' text format.
pub(crate) fn metrics(shared: &Shared) -> Reply {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=values");
    reply::with_type(StatusCode::OK, kind, figures::prometheus(shared))
}
