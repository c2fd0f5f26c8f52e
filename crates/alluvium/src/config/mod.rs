//! The configuration: InfluxDB 1.x's TOML file with its sections and keys, ours under `[alluvium]`; every key also as an
//! environment variable.
//!
//! Values are applied in this order, the later winning: defaults, the file, `INFLUXDB_<SECTION>_<KEY>`,
//! `ALLUVIUM_<SECTION>_<KEY>` (`ALLUVIUM_<KEY>` for our own section), flags. [`keys`] is the registry: a key that is not in
//! it is warned of, never fatal, so that a file written for `influxd` starts as it is.

mod keys;
mod told;
mod value;

pub(crate) use value::Value;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Folder of the data.
    pub(crate) data_dir: PathBuf,
    /// Where HTTP listens.
    pub(crate) bind_address: String,
    /// Whether authentication is wanted; `None` if nobody said.
    pub(crate) auth_enabled: Option<bool>,
    /// Whether encrypted connections are wanted.
    pub(crate) https_enabled: bool,
    /// Bounds and switches of the HTTP API.
    pub(crate) http: server::Settings,
    /// Whether expired shards are dropped.
    pub(crate) retention_enabled: bool,
    /// How often expired shards are sought.
    pub(crate) retention_interval: Duration,
    /// Queries at a time, 0: no bound.
    pub(crate) max_queries: usize,
    /// Longest time of a query, 0: no bound.
    pub(crate) query_timeout: Duration,
    /// What one SELECT may ask for.
    pub(crate) select_limits: node::Limits,
    /// Queries that take longer are told in the log, 0: none are.
    pub(crate) log_queries_after: Duration,
    /// Whether queries that have taken too long are told in the log.
    pub(crate) log_timed_out: bool,
    /// How long a write waits for memory or log space before it is answered 503.
    pub(crate) write_wait: Duration,
    /// Series of a database and values of a tag, 0: no bound.
    pub(crate) limits: node::SeriesLimits,
    /// Memory for rows not yet in segments (bytes).
    pub(crate) run_memory: u64,
    /// Memory for decoded pages and indexes (bytes).
    pub(crate) cache_memory: u64,
    /// Memory for all queries together (bytes).
    pub(crate) query_memory: u64,
    /// Memory for one query (bytes).
    pub(crate) one_query_memory: u64,
    /// Greatest length of the log (bytes).
    pub(crate) log_size: u64,
    /// Space set aside for flushes on a full disk (bytes); `None` for the log's greatest length and a quarter.
    pub(crate) disk_reserve: Option<u64>,
    /// Age at which rows in memory are flushed.
    pub(crate) flush_age: Duration,
    /// How merges of segments are held back.
    pub(crate) merges: storage::Merges,
    /// Level of logging.
    pub(crate) log_level: String,
    /// What was odd about file or environment.
    pub(crate) warnings: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("alluvium-data"),
            bind_address: "127.0.0.1:8086".to_owned(),
            auth_enabled: None,
            https_enabled: false,
            http: server::Settings::default(),
            retention_enabled: true,
            retention_interval: Duration::from_secs(1_800),
            max_queries: 0,
            query_timeout: Duration::ZERO,
            select_limits: node::Limits::default(),
            log_queries_after: Duration::ZERO,
            log_timed_out: false,
            write_wait: Duration::from_secs(30),
            limits: node::SeriesLimits::default(),
            run_memory: 256 << 20,
            cache_memory: 256 << 20,
            query_memory: 1 << 30,
            one_query_memory: 512 << 20,
            log_size: 128 << 20,
            disk_reserve: None,
            flush_age: Duration::from_secs(600),
            merges: storage::Merges::default(),
            log_level: "info".to_owned(),
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a file (if there is one) and the environment.
    ///
    /// # Errors
    /// The file cannot be read or is no TOML, or a known key has a value that makes no sense.
    pub(crate) fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut config = Self::default();
        if let Some(file) = file {
            let text = platform::disk::read_text(file).context("configuration")?;
            config.apply_file(&text).with_context(|| format!("in {}", file.display()))?;
        }
        config.apply_environment(environment)?;
        Ok(config)
    }

    fn apply_file(&mut self, text: &str) -> Result<()> {
        let table: toml::Table = text.parse().context("not a TOML file")?;
        for (section, content) in &table {
            match content {
                toml::Value::Table(content) => {
                    for (key, value) in content {
                        self.set(section, key, &Value::from_toml(value))?;
                    }
                }
                toml::Value::Array(entries) => {
                    for entry in entries.iter().filter_map(toml::Value::as_table) {
                        self.check_listener(section, entry);
                    }
                }
                other => self.set("", section, &Value::from_toml(other))?,
            }
        }
        Ok(())
    }

    fn check_listener(&mut self, section: &str, entry: &toml::Table) {
        if !keys::is_section(section) {
            self.warnings.push(format!("unknown section [[{section}]]"));
        } else if entry.get("enabled").and_then(toml::Value::as_bool) == Some(true) {
            self.warnings.push(format!("[[{section}]] is enabled, but this version has no such listener"));
        }
    }

    fn set(&mut self, section: &str, key: &str, value: &Value) -> Result<()> {
        let shown = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        match keys::find(section, key) {
            Some(keys::Key { set: Some(set), .. }) => set(self, value).with_context(|| format!("{shown} = {value}")),
            Some(key) => {
                if key.warned && !value.is_off() {
                    self.warnings.push(format!("{shown} = {value} has no effect in this version"));
                }
                Ok(())
            }
            None => {
                let service = keys::is_section(section);
                let enabled = key == "enabled" && *value == Value::Boolean(true);
                if service && enabled {
                    self.warnings.push(format!("[{section}] is enabled, but this version has no such service"));
                } else if !service || keys::is_ours(section) {
                    self.warnings.push(format!("unknown key {shown} is ignored"));
                }
                Ok(())
            }
        }
    }

    fn apply_environment(&mut self, environment: impl Iterator<Item = (String, String)>) -> Result<()> {
        let variables: std::collections::BTreeMap<String, String> = environment.collect();
        for prefix in ["INFLUXDB_", "ALLUVIUM_"] {
            for key in keys::KEYS {
                let own = key.section == "alluvium";
                let section = if own && prefix == "ALLUVIUM_" { "" } else { key.section };
                let separator = if section.is_empty() { "" } else { "_" };
                let name = format!("{prefix}{section}{separator}{}", key.name).to_uppercase().replace('-', "_");
                if let Some(text) = variables.get(&name) {
                    let value = Value::Text(text.clone());
                    self.set(key.section, key.name, &value).with_context(|| format!("environment variable {name}"))?;
                }
            }
        }
        Ok(())
    }

    /// Refuses what must not run: TLS that is not built yet, and an open door that nobody asked for.
    ///
    /// # Errors
    /// A text for the operator.
    pub(crate) fn check(&self) -> Result<()> {
        if self.https_enabled {
            bail!("https-enabled = true, but this version has no TLS yet: put a proxy before it, or switch it off");
        }
        if !self.bind_address.contains(':') {
            bail!("bind-address = {:?}: HOST:PORT or :PORT is expected", self.bind_address);
        }
        if self.auth_enabled.is_none() && !is_loopback(&self.bind_address) {
            bail!(
                "{} can be reached from other machines and nobody is asked who they are: switch authentication on with \
                 auth-enabled = true in [http], or say with auth-enabled = false (ALLUVIUM_HTTP_AUTH_ENABLED=false) that you want it so",
                self.bind_address
            );
        }
        Ok(())
    }
}

/// Whether only this machine can reach the address.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
        let mut config = Config::default();
        config.apply_file(text)?;
        config.apply_environment(environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))?;
        Ok(config)
    }

    #[test]
    fn file_then_environment() {
        let text =
            "reporting-disabled = true\n[http]\nbind-address = \":9999\"\nmax-body-size = 1000\n[data]\ndir = \"/a\"\n";
        let config = load(text, &[("INFLUXDB_DATA_DIR", "/b"), ("ALLUVIUM_HTTP_MAX_BODY_SIZE", "25m")]).unwrap();
        assert_eq!((config.bind_address.as_str(), config.http.max_body_bytes), ("0.0.0.0:9999", 25 << 20));
        assert_eq!(config.data_dir, PathBuf::from("/b"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn unknown_keys_warn_and_bad_values_refuse() {
        let config = load("[http]\nnonsense = 1\n[alluvium]\nalso = 2\n[[graphite]]\nenabled = true\n", &[]).unwrap();
        assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
        let config = load("[http]\nflux-enabled = true\n[coordinator]\nlog-queries-after = \"0s\"\n", &[]).unwrap();
        assert_eq!(config.warnings, ["http.flux-enabled = true has no effect in this version"]);
        assert!(load("[http]\nmax-body-size = \"many\"\n", &[]).is_err());
        assert!(load("[http]\nenabled = false\n", &[]).is_err());
        assert!(load("[logging]\nlevel = \"loud\"\n", &[]).is_err());
        assert!(load("[retention]\ncheck-interval = \"1\"\n", &[]).is_err());
    }

    #[test]
    fn an_open_door_must_be_asked_for() {
        assert!(Config::default().check().is_ok());
        let open = Config { bind_address: "0.0.0.0:8086".to_owned(), ..Config::default() };
        assert!(open.check().is_err());
        assert!(Config { auth_enabled: Some(false), ..open.clone() }.check().is_ok());
        assert!(Config { auth_enabled: Some(true), ..open.clone() }.check().is_ok());
        assert!(Config { https_enabled: true, ..Config::default() }.check().is_err());
        let portless = Config { bind_address: "8086".to_owned(), ..Config::default() };
        assert!(portless.check().unwrap_err().to_string().contains("HOST:PORT"));
        assert!(is_loopback("[::1]:8086") && is_loopback("localhost:1") && !is_loopback("192.0.2.1:1"));
    }
}
