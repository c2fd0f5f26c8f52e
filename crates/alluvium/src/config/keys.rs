//! The registry of keys: section, name, what it sets. A key that `influxd` has and that means nothing here has no setter.

use super::{Config, Value};
use anyhow::{Result, bail};
use std::path::PathBuf;

type Set = fn(&mut Config, &Value) -> Result<()>;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its section; empty: before the first one.
    pub(crate) section: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What it sets, if it means something here.
    pub(crate) set: Option<Set>,
    /// Whether who switches it on must be told that nothing happens.
    pub(crate) warned: bool,
}

const fn key(section: &'static str, name: &'static str, set: Set) -> Key {
    Key { section, name, set: Some(set), warned: false }
}

const fn unused(section: &'static str, name: &'static str) -> Key {
    Key { section, name, set: None, warned: false }
}

const fn missed(section: &'static str, name: &'static str) -> Key {
    Key { section, name, set: None, warned: true }
}

/// Sections of services that `influxd` has; their keys are not checked.
const SERVICES: &[&str] = &[
    "meta",
    "data",
    "coordinator",
    "retention",
    "shard-precreation",
    "monitor",
    "http",
    "logging",
    "subscriber",
    "graphite",
    "collectd",
    "opentsdb",
    "udp",
    "continuous_queries",
    "tls",
    "ifql",
];

/// Whether the section is one of InfluxDB's or ours.
#[must_use]
pub(crate) fn is_section(section: &str) -> bool {
    section == "alluvium" || SERVICES.contains(&section)
}

/// Whether every key of the section is in the registry, so that another one is a mistake.
#[must_use]
pub(crate) fn is_ours(section: &str) -> bool {
    matches!(section, "" | "alluvium" | "http" | "data" | "meta" | "coordinator" | "retention" | "logging")
}

/// The key of that name, if there is one.
#[must_use]
pub(crate) fn find(section: &str, name: &str) -> Option<Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name).copied()
}

/// All keys.
pub(crate) const KEYS: &[Key] = &[
    key("alluvium", "data-dir", |config, value| {
        config.data_dir = PathBuf::from(value.text()?);
        Ok(())
    }),
    key("alluvium", "run-memory", |config, value| {
        config.run_memory = value.size()?;
        Ok(())
    }),
    key("alluvium", "cache-memory", |config, value| {
        config.cache_memory = value.size()?;
        Ok(())
    }),
    key("alluvium", "query-memory", |config, value| {
        config.query_memory = value.size()?;
        Ok(())
    }),
    key("alluvium", "one-query-memory", |config, value| {
        config.one_query_memory = value.size()?;
        Ok(())
    }),
    key("alluvium", "log-size", |config, value| {
        config.log_size = value.size()?;
        Ok(())
    }),
    key("alluvium", "disk-reserve", |config, value| {
        config.disk_reserve = Some(value.size()?);
        Ok(())
    }),
    key("alluvium", "flush-age", |config, value| {
        config.flush_age = value.duration()?;
        Ok(())
    }),
    key("alluvium", "allowed-origins", |config, value| {
        config.http.allowed_origins = value.list()?;
        Ok(())
    }),
    key("alluvium", "max-inflated-body-size", |config, value| {
        config.http.max_inflated_bytes = value.size()?;
        Ok(())
    }),
    key("alluvium", "inflight-body-memory", |config, value| {
        config.http.inflight_bytes = value.size()?;
        Ok(())
    }),
    key("alluvium", "answer-timeout", |config, value| {
        config.http.send_timeout = value.duration()?;
        Ok(())
    }),
    key("alluvium", "query-threads", |config, value| {
        config.http.query_threads = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("alluvium", "api-version", |config, value| {
        config.http.api_version = value.text()?;
        Ok(())
    }),
    key("http", "bind-address", |config, value| {
        let address = value.text()?;
        config.bind_address = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address };
        Ok(())
    }),
    key("http", "auth-enabled", |config, value| {
        config.auth_enabled = Some(value.boolean()?);
        config.http.auth_enabled = config.auth_enabled == Some(true);
        Ok(())
    }),
    key("http", "ping-auth-enabled", |config, value| {
        config.http.ping_auth = value.boolean()?;
        Ok(())
    }),
    key("http", "shared-secret", |config, value| {
        config.http.shared_secret = server::Secret(value.text()?);
        Ok(())
    }),
    key("http", "https-enabled", |config, value| {
        config.https_enabled = value.boolean()?;
        Ok(())
    }),
    key("http", "log-enabled", |config, value| {
        config.http.log_requests = value.boolean()?;
        Ok(())
    }),
    key("http", "max-body-size", |config, value| {
        config.http.max_body_bytes = value.size()?;
        Ok(())
    }),
    key("http", "max-row-limit", |config, value| {
        config.http.max_rows = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("http", "max-connection-limit", |config, value| {
        let limit = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        config.http.max_connections = if limit == 0 { config.http.max_connections } else { limit };
        Ok(())
    }),
    key("data", "dir", |config, value| {
        config.data_dir = PathBuf::from(value.text()?);
        Ok(())
    }),
    key("data", "compact-throughput", |config, value| {
        config.merges.rate = value.size()?;
        Ok(())
    }),
    key("data", "compact-throughput-burst", |config, value| {
        config.merges.burst = value.size()?;
        Ok(())
    }),
    key("data", "compact-full-write-cold-duration", |config, value| {
        config.merges.cold_after = value.duration()?;
        Ok(())
    }),
    key("retention", "enabled", |config, value| {
        config.retention_enabled = value.boolean()?;
        Ok(())
    }),
    key("retention", "check-interval", |config, value| {
        config.retention_interval = value.duration()?;
        Ok(())
    }),
    key("data", "max-series-per-database", |config, value| {
        config.limits.series = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("data", "max-values-per-tag", |config, value| {
        config.limits.values = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("coordinator", "max-concurrent-queries", |config, value| {
        config.max_queries = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("coordinator", "query-timeout", |config, value| {
        config.query_timeout = value.duration()?;
        Ok(())
    }),
    key("coordinator", "log-queries-after", |config, value| {
        config.log_queries_after = value.duration()?;
        Ok(())
    }),
    key("coordinator", "log-timedout-queries", |config, value| {
        config.log_timed_out = value.boolean()?;
        Ok(())
    }),
    key("coordinator", "max-select-series", |config, value| {
        config.select_limits.series = usize::try_from(value.count()?).unwrap_or(usize::MAX);
        Ok(())
    }),
    key("coordinator", "max-select-point", |config, value| {
        config.select_limits.points = value.count()?;
        Ok(())
    }),
    key("coordinator", "max-select-buckets", |config, value| {
        config.select_limits.buckets = value.count()?;
        Ok(())
    }),
    key("coordinator", "write-timeout", |config, value| {
        config.write_wait = value.duration()?;
        Ok(())
    }),
    key("logging", "level", |config, value| {
        let level = value.text()?.to_ascii_lowercase();
        if !["error", "warn", "info", "debug", "trace", "off"].contains(&level.as_str()) {
            bail!("error, warn, info, debug, trace or off is expected");
        }
        config.log_level = level;
        Ok(())
    }),
    unused("", "reporting-disabled"),
    unused("", "bind-address"),
    unused("meta", "dir"),
    unused("meta", "retention-autocreate"),
    unused("meta", "logging-enabled"),
    unused("data", "wal-dir"),
    unused("data", "wal-fsync-delay"),
    unused("data", "index-version"),
    unused("data", "trace-logging-enabled"),
    unused("data", "query-log-enabled"),
    unused("data", "validate-keys"),
    unused("data", "strict-error-handling"),
    unused("data", "cache-max-memory-size"),
    unused("data", "cache-snapshot-memory-size"),
    unused("data", "cache-snapshot-write-cold-duration"),
    unused("data", "max-concurrent-compactions"),
    unused("data", "max-index-log-file-size"),
    unused("data", "series-id-set-cache-size"),
    unused("data", "series-file-max-concurrent-snapshot-compactions"),
    unused("data", "tsm-use-madv-willneed"),
    unused("data", "max-concurrent-deletes"),
    unused("coordinator", "termination-query-log"),
    key("http", "enabled", |_, value| if value.boolean()? { Ok(()) } else { bail!("HTTP is the only way in") }),
    unused("shard-precreation", "enabled"),
    unused("subscriber", "enabled"),
    missed("http", "flux-enabled"),
    unused("http", "flux-log-enabled"),
    unused("http", "realm"),
    unused("http", "suppress-write-log"),
    missed("http", "access-log-path"),
    unused("http", "access-log-status-filters"),
    missed("http", "write-tracing"),
    unused("http", "pprof-enabled"),
    unused("http", "pprof-auth-enabled"),
    unused("http", "debug-pprof-enabled"),
    unused("http", "prom-read-auth-enabled"),
    unused("http", "https-certificate"),
    unused("http", "https-private-key"),
    missed("http", "unix-socket-enabled"),
    unused("http", "unix-socket-permissions"),
    unused("http", "bind-socket"),
    missed("http", "max-concurrent-write-limit"),
    unused("http", "max-enqueued-write-limit"),
    unused("http", "enqueued-write-timeout"),
    unused("logging", "format"),
    unused("logging", "suppress-logo"),
];
