//! The figures of the program, as JSON for InfluxDB's monitors and as text for Prometheus.

use super::Shared;
use crate::encode::push_string;
use platform::stats::{Counter, Gauge, Kind, Sample, Stats};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the HTTP API counts.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Requests of any kind.
    pub(crate) requests: Counter,
    /// Requests to `/write`.
    pub(crate) writes: Counter,
    /// Bytes of bodies written, inflated.
    pub(crate) write_bytes: Counter,
    /// Requests to `/query`.
    pub(crate) queries: Counter,
    /// Statements that failed.
    pub(crate) query_errors: Counter,
    /// Requests of which it is not known who asks.
    pub(crate) auth_failures: Counter,
    /// Replies with a status of 4xx.
    pub(crate) client_errors: Counter,
    /// Replies with a status of 5xx.
    pub(crate) server_errors: Counter,
    /// Connections that are open.
    pub(crate) connections: Gauge,
}

impl Counters {
    /// The counters, in the registry.
    pub(crate) fn new(stats: &Stats) -> Self {
        let counter = |name, help| stats.counter("httpd", name, help);
        Self {
            requests: counter("req", "Requests."),
            writes: counter("writeReq", "Requests to write."),
            write_bytes: counter("writeReqBytes", "Bytes of line protocol, inflated."),
            queries: counter("queryReq", "Requests to query."),
            query_errors: counter("queryErrors", "Statements that failed."),
            auth_failures: counter("authFail", "Requests without credentials, or with wrong ones."),
            client_errors: counter("clientError", "Replies with a status of 4xx."),
            server_errors: counter("serverError", "Replies with a status of 5xx."),
            connections: stats.gauge("httpd", "connActive", "Connections that are open."),
        }
    }
}

/// `{"module":{"name":..,"tags":{},"values":{..}},..}`, databases and shards among them.
pub(crate) fn vars(shared: &Shared) -> Vec<u8> {
    let mut modules: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for sample in shared.node.stats() {
        modules.entry(sample.module).or_default().push(sample);
    }
    let mut out = b"{".to_vec();
    push_system(shared, &mut out);
    for (module, samples) in modules {
        let values: Vec<(&str, i64)> = samples.iter().map(|sample| (sample.name, sample.value)).collect();
        push_module(module, module, &[], &values, &mut out);
    }
    for figures in shared.node.database_figures() {
        let key = format!("database:{}", figures.name);
        let values = [("numMeasurements", figures.measurements), ("numSeries", figures.series)];
        push_module(&key, "database", &[("database", &figures.name)], &values, &mut out);
    }
    for figures in shared.node.shard_figures() {
        let id = figures.id.to_string();
        let key = format!("shard:{}:{}:{id}", figures.database, figures.policy);
        let tags = [("database", figures.database.as_str()), ("retentionPolicy", &figures.policy), ("id", &id)];
        let values =
            [("diskBytes", figures.disk_bytes), ("segments", figures.segments), ("runBytes", figures.run_bytes)];
        push_module(&key, "shard", &tags, &values, &mut out);
    }
    out.extend_from_slice(b"\n}\n");
    out
}

fn push_system(shared: &Shared, out: &mut Vec<u8>) {
    let usage = platform::process::own_usage().ok();
    let cpu = usage.as_ref().map_or(0.0, |usage| usage.cpu_seconds);
    let resident = usage.as_ref().map_or(0, |usage| usage.resident_bytes);
    let version = &shared.settings.api_version;
    let text = format!(
        "\n\"cmdline\": [\"alluvium\"],\n\"system\": {{\"currentTime\":\"{}\",\"uptime\":{}}},\n\
         \"build\": {{\"Version\":\"{version}\",\"AlluviumVersion\":\"{}\"}},\n\
         \"memstats\": {{\"Sys\":{resident},\"HeapAlloc\":{resident},\"CPUSeconds\":{cpu}}}",
        model::time::rfc3339(shared.node.now()),
        shared.node.uptime().as_secs(),
        super::reply::VERSION
    );
    out.extend_from_slice(text.as_bytes());
}

fn push_module(key: &str, name: &str, tags: &[(&str, &str)], values: &[(&str, i64)], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\n");
    push_string(key.as_bytes(), out);
    out.extend_from_slice(b": {\"name\":");
    push_string(name.as_bytes(), out);
    out.extend_from_slice(b",\"tags\":{");
    for (index, (key, value)) in tags.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b"," });
        push_string(key.as_bytes(), out);
        out.push(b':');
        push_string(value.as_bytes(), out);
    }
    out.extend_from_slice(b"},\"values\":{");
    for (index, (key, value)) in values.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b"," });
        push_string(key.as_bytes(), out);
        out.extend_from_slice(format!(":{value}").as_bytes());
    }
    out.extend_from_slice(b"}}");
}

/// Prometheus' text format: `alluvium_<module>_<name>`, in snake case.
pub(crate) fn prometheus(shared: &Shared) -> String {
    let mut out = String::new();
    for sample in shared.node.stats() {
        let counter = sample.kind == Kind::Counter;
        let name =
            format!("alluvium_{}_{}{}", snake(sample.module), snake(sample.name), if counter { "_total" } else { "" });
        push_metric(&name, sample.help, if counter { "counter" } else { "gauge" }, &sample.value.to_string(), &mut out);
    }
    if let Ok(usage) = platform::process::own_usage() {
        let cpu = usage.cpu_seconds.to_string();
        push_metric("process_cpu_seconds_total", "CPU time used.", "counter", &cpu, &mut out);
        let resident = usage.resident_bytes.to_string();
        push_metric("process_resident_memory_bytes", "Memory in use.", "gauge", &resident, &mut out);
    }
    out
}

fn push_metric(name: &str, help: &str, kind: &str, value: &str, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        match char {
            'A'..='Z' => {
                if !out.is_empty() {
                    out.push('_');
                }
                out.push(char.to_ascii_lowercase());
            }
            'a'..='z' | '0'..='9' => out.push(char),
            _ => out.push('_'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_snake_case() {
        assert_eq!(snake("writeReqBytes"), "write_req_bytes");
        assert_eq!(snake("log-syncs"), "log_syncs");
    }
}
