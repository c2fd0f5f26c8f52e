//! Accepts connections and serves them until told to stop.
//!
//! [`run`] takes a bound listener and a future: tests bind port 0 and stop it at will. After the future is ready no connection
//! is accepted, requests under way are finished within [`Settings::stop_timeout`], and then `run` returns.

use crate::Settings;
use crate::http::{Parameters, Shared, route};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use node::Node;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};

/// Greatest head of a request (bytes): InfluxDB's clients put whole queries into the URL.
const LONGEST_HEAD: usize = 256 << 10;

/// What a server needs.
#[derive(Debug)]
pub struct Server {
    /// The database.
    pub node: Arc<Node>,
    /// Bounds and switches.
    pub settings: Settings,
}

/// Serves connections until `stop` is ready, then finishes what is under way.
pub async fn run(server: Server, listener: TcpListener, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(server.settings.max_connections.max(1)));
    let stop_timeout = server.settings.stop_timeout;
    let shared = Arc::new(Shared::new(server));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = &mut stop => break,
        };
        serve(Arc::clone(&shared), accepted, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(stop_timeout, graceful.shutdown()).await.is_err() {
        warn!("requests still under way after {} s are cut off", stop_timeout.as_secs());
    }
}

/// A connection, and its place among those that may be open.
struct Accepted {
    stream: TcpStream,
    client: SocketAddr,
    permit: Option<OwnedSemaphorePermit>,
}

/// The next connection, once there is room for it. An error (too many files, say) is waited out.
async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> Accepted {
    let permit = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => return Accepted { stream, client, permit },
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn serve(shared: Arc<Shared>, accepted: Accepted, graceful: &GracefulShutdown) {
    let Accepted { stream, client, permit } = accepted;
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let for_requests = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&for_requests);
        async move { Ok::<_, Infallible>(logged(shared, client, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.settings.header_timeout)
        .max_buf_size(LONGEST_HEAD)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        shared.counters.connections.add(1);
        if let Err(error) = connection.await {
            debug!("connection ended: {error}");
        }
        shared.counters.connections.add(-1);
        drop(permit);
    });
}

/// How the error about a query begins that is none.
const UNPARSED: &str = "error parsing query";

/// Serves a request, counts it, and writes one line of log. The URL's parameters may hold a password or a statement with one:
/// only the database is told.
async fn logged(
    shared: Arc<Shared>,
    client: SocketAddr,
    request: hyper::Request<hyper::body::Incoming>,
) -> crate::http::Reply {
    let log = shared.settings.log_requests.then(|| {
        let database = Parameters::from_url(request.uri().query()).get("db").to_owned();
        (request.method().clone(), request.uri().path().to_owned(), database)
    });
    let started = shared.node.monotonic();
    let reply = route(Arc::clone(&shared), client.ip(), request).await;
    let status = reply.status();
    shared.counters.requests.inc();
    if status.is_client_error() {
        shared.counters.client_errors.inc();
    } else if status.is_server_error() {
        shared.counters.server_errors.inc();
    }
    if let Some((method, path, db)) = log {
        let took_us = shared.node.monotonic().saturating_sub(started).as_micros();
        let header = |name: &str| reply.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let error = header("x-influxdb-error");
        // A statement that cannot be parsed may have a password where it is not sought.
        let error = if error.starts_with(UNPARSED) { UNPARSED } else { error }.to_owned();
        let (status, id) = (status.as_u16(), header("request-id").to_owned());
        // A task of its own, which this thread turns to when the answer has been sent: no client waits for the line.
        tokio::spawn(async move {
            if error.is_empty() {
                info!(target: "http", %client, %db, took_us, "{method} {path} {status}");
            } else {
                warn!(target: "http", %client, %db, took_us, %id, %error, "{method} {path} {status}");
            }
        });
    }
    reply
}
