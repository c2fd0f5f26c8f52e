//! What SHOW DIAGNOSTICS says of the configuration: the settings that mean here what they mean in InfluxDB, under its names and printed as
//! it prints them.

use super::Config;
use node::{Configured, Setting};
use std::time::Duration;

impl Config {
    /// The settings, by InfluxDB's modules.
    pub(crate) fn told(&self) -> Vec<Configured> {
        let modules = [
            ("config-coordinator", self.of_coordinator()),
            ("config-data", self.of_data()),
            ("config-httpd", self.of_httpd()),
            ("config-retention", self.of_retention()),
        ];
        modules.map(|(module, settings)| Configured { module, settings }).to_vec()
    }

    fn of_coordinator(&self) -> Vec<(&'static str, Setting)> {
        vec![
            ("log-queries-after", duration(self.log_queries_after)),
            ("log-timedout-queries", Setting::Flag(self.log_timed_out)),
            ("max-concurrent-queries", Setting::Number(self.max_queries as u64)),
            ("max-select-buckets", Setting::Number(self.select_limits.buckets)),
            ("max-select-point", Setting::Number(self.select_limits.points)),
            ("max-select-series", Setting::Number(self.select_limits.series as u64)),
            ("query-timeout", duration(self.query_timeout)),
            ("write-timeout", duration(self.write_wait)),
        ]
    }

    fn of_data(&self) -> Vec<(&'static str, Setting)> {
        vec![
            ("compact-full-write-cold-duration", duration(self.merges.cold_after)),
            ("compact-throughput", size(self.merges.rate)),
            ("compact-throughput-burst", size(self.merges.burst)),
            ("dir", Setting::Text(self.data_dir.display().to_string())),
            ("max-series-per-database", Setting::Number(self.limits.series as u64)),
            ("max-values-per-tag", Setting::Number(self.limits.values as u64)),
        ]
    }

    fn of_httpd(&self) -> Vec<(&'static str, Setting)> {
        vec![
            ("bind-address", Setting::Text(self.bind_address.clone())),
            ("enabled", Setting::Flag(true)),
            ("flux-enabled", Setting::Flag(false)),
            ("https-enabled", Setting::Flag(false)),
            ("max-connection-limit", Setting::Number(self.http.max_connections as u64)),
            ("max-row-limit", Setting::Number(self.http.max_rows as u64)),
        ]
    }

    fn of_retention(&self) -> Vec<(&'static str, Setting)> {
        let enabled = ("enabled", Setting::Flag(self.retention_enabled));
        match self.retention_enabled {
            true => vec![("check-interval", duration(self.retention_interval)), enabled],
            false => vec![enabled],
        }
    }
}

fn duration(span: Duration) -> Setting {
    Setting::Text(model::duration::go(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
}

/// Bytes with a letter, where none are left over.
fn size(bytes: u64) -> Setting {
    let units = [(30, 'g'), (20, 'm'), (10, 'k')];
    let unit = units.into_iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    Setting::Text(unit.map_or_else(|| bytes.to_string(), |(shift, letter)| format!("{}{letter}", bytes >> shift)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_they_are_written() {
        for (bytes, text) in [(0, "0"), (48 << 20, "48m"), (4 << 30, "4g"), (1_025, "1025"), (3 << 10, "3k")] {
            assert_eq!(size(bytes), Setting::Text(text.to_owned()));
        }
    }

    #[test]
    fn names_are_sorted_as_influxdbs_are() {
        for Configured { module, settings } in Config::default().told() {
            assert!(settings.is_sorted_by_key(|(name, _)| *name), "{module}");
        }
    }
}
