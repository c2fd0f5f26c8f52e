//! Every endpoint with its methods. What is not in the table is 404, another method is 405.

use super::requests::{self, Kind};
use super::{Reply, Shared, accept, auth, body, origin, query, reply, status, v2, write};
use crate::encode::Layout;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Ping,
    Health,
    Write,
    WriteV2,
    Query,
    QueryV2,
    Delete,
    Buckets,
    Bucket,
    Vars,
    Requests,
    Metrics,
}

/// Path, endpoint, its methods.
const ROUTES: &[(&str, Endpoint, &[Method])] = &[
    ("/ping", Endpoint::Ping, &[Method::GET, Method::HEAD]),
    ("/status", Endpoint::Ping, &[Method::GET, Method::HEAD]),
    ("/health", Endpoint::Health, &[Method::GET, Method::OPTIONS]),
    ("/write", Endpoint::Write, &[Method::POST, Method::OPTIONS]),
    ("/query", Endpoint::Query, &[Method::GET, Method::POST, Method::OPTIONS]),
    ("/api/v2/write", Endpoint::WriteV2, &[Method::POST, Method::OPTIONS]),
    ("/api/v2/query", Endpoint::QueryV2, &[Method::POST, Method::OPTIONS]),
    ("/api/v2/delete", Endpoint::Delete, &[Method::POST]),
    (BUCKETS, Endpoint::Buckets, &[Method::GET, Method::POST]),
    ("/debug/vars", Endpoint::Vars, &[Method::GET]),
    ("/debug/requests", Endpoint::Requests, &[Method::GET]),
    ("/metrics", Endpoint::Metrics, &[Method::GET]),
];

const BUCKETS: &str = "/api/v2/buckets";
/// The methods of one bucket, whose path is below that of all.
const BUCKET_METHODS: &[Method] = &[Method::PATCH, Method::GET, Method::DELETE];

const FLUX_OFF: &str =
    "Flux query service disabled. Verify flux-enabled=true in the [http] section of the InfluxDB config.";

/// Serves one request of a client.
pub(crate) async fn route(shared: Arc<Shared>, client: IpAddr, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    let (endpoint, methods) = match ROUTES.iter().find(|route| route.0 == path) {
        Some(&(_, endpoint, methods)) => (endpoint, methods),
        None if below_bucket(path).is_some() => (Endpoint::Bucket, BUCKET_METHODS),
        None => return reply::not_found(),
    };
    // What is not there has no method, and is told by its name.
    let is_named = endpoint == Endpoint::Bucket && below_bucket(path).is_some_and(|(_, below)| below.is_some());
    if !methods.contains(request.method()) && !is_named {
        return reply::not_allowed(methods);
    }
    let id = reply::request_id(&shared, request.headers());
    // Queries see to it themselves, and what these two say is always JSON.
    let is_own = matches!(endpoint, Endpoint::Query | Endpoint::Requests | Endpoint::Vars);
    let layout = if is_own { Layout::Json } else { accept::layout(request.headers()) };
    let page = request.headers().get(ORIGIN).filter(|page| origin::allowed(&shared, page)).cloned();
    let mut answer = if !origin::admits(&shared, request.headers()) {
        discard(request).await;
        reply::error(StatusCode::FORBIDDEN, "requests from this web page are not allowed, see allowed-origins")
    } else if request.method() == Method::OPTIONS {
        hyper::Response::new(reply::whole(""))
    } else {
        serve(&shared, endpoint, client, request).await
    };
    answer = reply::in_form(layout, answer).await;
    if !matches!(endpoint, Endpoint::Vars) {
        reply::add_headers(&shared, id, &mut answer);
    }
    if let Some(page) = page {
        allow_page(page, &mut answer);
    }
    answer
}

/// The name of a bucket that a path names, and what of it, if the path is one of these: as they are sent, since a name may have a slash that
/// is escaped.
fn below_bucket(path: &str) -> Option<(&str, Option<&str>)> {
    let id = path.strip_prefix(BUCKETS)?.strip_prefix('/')?;
    match id.split_once('/') {
        None if id.is_empty() => None,
        None => Some((id, None)),
        Some((id, below)) => {
            let kind = below.split('/').next().filter(|kind| matches!(*kind, "labels" | "members" | "owners"))?;
            Some((id, Some(kind)))
        }
    }
}

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// The user, if anybody has to say so.
    pub(super) user: Option<String>,
    /// The address.
    pub(super) client: IpAddr,
}

async fn serve(shared: &Arc<Shared>, endpoint: Endpoint, client: IpAddr, request: Request<Incoming>) -> Reply {
    let mut asker = Asker { user: None, client };
    if needs_user(shared, endpoint) {
        let layout = match endpoint {
            Endpoint::Query => accept::layout(request.headers()),
            _ => Layout::Json,
        };
        match auth::user(shared, request.uri().query(), request.headers(), layout).await {
            Ok(user) => asker.user = user,
            Err(reply) => {
                discard(request).await;
                return reply;
            }
        }
    }
    match endpoint {
        Endpoint::Write => shared.watches.count(Kind::Write, &asker),
        Endpoint::Query => shared.watches.count(Kind::Query, &asker),
        _ => {}
    }
    match endpoint {
        Endpoint::Ping => {
            let parameters = super::parameters::Parameters::from_url(request.uri().query());
            status::ping(shared, parameters.in_url("verbose"))
        }
        Endpoint::Health => status::health(shared),
        Endpoint::Write => write::serve(shared, request, asker.user, write::Version::One).await,
        Endpoint::WriteV2 => write::serve(shared, request, asker.user, write::Version::Two).await,
        Endpoint::Query => query::serve(shared, request, asker).await,
        Endpoint::QueryV2 => {
            discard(request).await;
            reply::error(StatusCode::FORBIDDEN, FLUX_OFF)
        }
        Endpoint::Delete => v2::delete(shared, asker.user, request).await,
        Endpoint::Buckets => v2::buckets(shared, asker.user, request).await,
        Endpoint::Bucket => {
            let path = request.uri().path().to_owned();
            let (id, kind) = below_bucket(&path).unwrap_or_default();
            match kind {
                Some(kind) => {
                    let text = format!("bucket {kind} not supported in this version");
                    reply::error(StatusCode::METHOD_NOT_ALLOWED, &text)
                }
                None => v2::bucket(shared, asker.user, id, request).await,
            }
        }
        Endpoint::Vars => status::vars(shared).await,
        Endpoint::Requests => {
            let parameters = super::parameters::Parameters::from_url(request.uri().query());
            requests::serve(shared, &parameters).await
        }
        Endpoint::Metrics => status::metrics(shared),
    }
}

/// Reads the body of a request that is answered without it.
async fn discard(request: Request<Incoming>) {
    let (parts, incoming) = request.into_parts();
    body::discard(&parts.headers, incoming).await;
}

/// Whether who asks must say so, once authentication is on.
fn needs_user(shared: &Shared, endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Query | Endpoint::QueryV2 | Endpoint::Write | Endpoint::WriteV2 => true,
        Endpoint::Delete | Endpoint::Buckets | Endpoint::Bucket | Endpoint::Requests => true,
        Endpoint::Ping | Endpoint::Health | Endpoint::Metrics => shared.settings.ping_auth,
        Endpoint::Vars => false,
    }
}

/// Status and text for a body that could not be read.
pub(super) fn body_error(error: &body::BodyError) -> Reply {
    reply::error(body_status(error), &error.to_string())
}

/// The status for a body that could not be read.
pub(super) fn body_status(error: &body::BodyError) -> StatusCode {
    match error {
        body::BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        body::BodyError::Gzip(_) | body::BodyError::Broken => StatusCode::BAD_REQUEST,
        body::BodyError::Slow => StatusCode::REQUEST_TIMEOUT,
        body::BodyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn allow_page(page: HeaderValue, answer: &mut Reply) {
    const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, OPTIONS, POST, PUT, PATCH");
    const HEADERS: HeaderValue = HeaderValue::from_static(
        "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, User-Agent, X-CSRF-Token, X-HTTP-Method-Override",
    );
    let headers = answer.headers_mut();
    headers.insert("access-control-allow-origin", page);
    headers.insert("access-control-allow-methods", METHODS);
    headers.insert("access-control-allow-headers", HEADERS);
    headers.insert(
        "access-control-expose-headers",
        HeaderValue::from_static("Date, X-InfluxDB-Version, X-InfluxDB-Build"),
    );
}
