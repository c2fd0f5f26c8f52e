//! The bounds and switches of the HTTP API, as the configuration gives them.

use std::fmt;
use std::time::Duration;

/// A text that is never printed.
#[derive(Clone, Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[REDACTED]")
    }
}

/// Bounds and switches of the HTTP API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Greatest body as sent (bytes); 0: no bound but 4 GiB.
    pub max_body_bytes: u64,
    /// Greatest body once inflated (bytes).
    pub max_inflated_bytes: u64,
    /// Bodies of all requests under way together, and what is decoded of them (bytes); more get 503. Texts of queries get at most
    /// half of it.
    pub inflight_bytes: u64,
    /// Connections at a time.
    pub max_connections: usize,
    /// Rows of one series in a chunk where the client asks for chunks without a size.
    pub chunk_rows: usize,
    /// Rows in an answer that is not chunked, 0: no bound.
    pub max_rows: usize,
    /// How long a client may take for the head of a request.
    pub header_timeout: Duration,
    /// How long a client may keep silent within a body, and be slower than 4 KiB/s on the whole.
    pub body_timeout: Duration,
    /// How long a client may take to make room for more of an answer; then its query is stopped and the connection closed.
    pub send_timeout: Duration,
    /// Requests whose statements run at a time, each on a thread of its own; more wait.
    pub query_threads: usize,
    /// How long requests under way may take after a stop was asked for.
    pub stop_timeout: Duration,
    /// Whether each request is logged.
    pub log_requests: bool,
    /// Origins of web pages that may call the API; others may not.
    pub allowed_origins: Vec<String>,
    /// Whether requests must say who asks.
    pub auth_enabled: bool,
    /// Whether that holds for `/ping`, `/status`, `/health` and `/metrics` too.
    pub ping_auth: bool,
    /// What tokens are signed with; empty: none are taken.
    pub shared_secret: Secret,
    /// The API level that clients are told, `X-Influxdb-Version`.
    pub api_version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body_bytes: 25_000_000,
            max_inflated_bytes: 250_000_000,
            inflight_bytes: 512 << 20,
            max_connections: 4_096,
            chunk_rows: 10_000,
            max_rows: 0,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(60),
            query_threads: 128,
            stop_timeout: Duration::from_secs(10),
            log_requests: true,
            allowed_origins: Vec::new(),
            auth_enabled: false,
            ping_auth: false,
            shared_secret: Secret::default(),
            api_version: "1.13.2".to_owned(),
        }
    }
}
