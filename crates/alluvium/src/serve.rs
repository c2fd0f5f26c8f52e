//! `alluvium serve`: opens the database, listens, and stops cleanly on Ctrl-C or SIGTERM: no more connections, requests
//! under way finished, rows flushed, exit code 0. A second signal ends the process at once; what was acknowledged is in the
//! log. When the log cannot be written any more the process exits with code 1, and recovers at the next start.

use crate::config::Config;
use anyhow::{Context, Result};
use node::{Build, Node};
use platform::{Budget, World};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Flags of `serve`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// A configuration file, InfluxDB 1.x's TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the data [default: ./alluvium-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where HTTP listens [default: 127.0.0.1:8086].
    #[arg(long, value_name = "ADDR")]
    pub(crate) http_bind_address: Option<String>,
    /// File to write the process number to.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) pidfile: Option<PathBuf>,
}

/// Bytes below which a secret is short.
const SHORT_SECRET: usize = 32;
/// Open files below which a warning is due: each segment that was read is one, each connection another.
const FEW_FILES: u64 = 8_192;

/// Runs the database until it is told to stop.
///
/// # Errors
/// The configuration is wrong, the data folder cannot be opened or the address is taken.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let config = configuration(arguments)?;
    start_logging(&config.log_level);
    for warning in &config.warnings {
        warn!("configuration: {warning}");
    }
    let files = platform::process::raise_file_limit();
    if files.is_some_and(|files| files < FEW_FILES) {
        warn!("only {} files may be open: raise the limit (ulimit -n, LimitNOFILE)", files.unwrap_or_default());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(config))
}

pub(crate) fn configuration(arguments: &Arguments) -> Result<Config> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(PathBuf::from);
    let file =
        arguments.config.clone().or_else(|| variable("ALLUVIUM_CONFIG")).or_else(|| variable("INFLUXDB_CONFIG_PATH"));
    let mut config = Config::load(file.as_deref(), std::env::vars())?;
    if let Some(folder) = &arguments.data_dir {
        config.data_dir.clone_from(folder);
    }
    if let Some(address) = &arguments.http_bind_address {
        config.bind_address = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.clone() };
    }
    config.check()?;
    Ok(config)
}

fn start_logging(level: &str) {
    let colours = std::io::stderr().is_terminal();
    let filter = tracing_subscriber::EnvFilter::try_new(level).unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}

async fn serve(config: Config) -> Result<()> {
    let listener = TcpListener::bind(&config.bind_address)
        .await
        .with_context(|| format!("cannot listen on {} (HOST:PORT)", config.bind_address))?;
    let address = listener.local_addr().context("cannot tell the address")?;
    let world = World::real(&config.data_dir)?;
    let options = node_options(&config);
    let open = tokio::task::spawn_blocking(move || Node::open(world, options));
    let node = open.await.context("start-up panicked")??;
    greet(&config, &address.to_string());
    advise(&config, &node);
    info!(version = env!("CARGO_PKG_VERSION"), %address, pid = std::process::id(), "started");
    let server = server::Server { node: Arc::clone(&node), settings: config.http };
    server::run(server, listener, stop_signal()?).await;
    info!("stopping");
    let took_writes = node.closed_because().is_none();
    tokio::task::spawn_blocking(move || node.close()).await.context("stopping panicked")??;
    info!("stopped");
    println!("{}", if took_writes { "Stopped; all rows are on disk." } else { "Stopped; no writes were taken." });
    Ok(())
}

pub(crate) fn node_options(config: &Config) -> node::Options {
    node::Options {
        run_bytes: config.run_memory,
        log_bytes: config.log_size,
        reserve_bytes: config.disk_reserve.unwrap_or(config.log_size / 4 * 5),
        flush_age: config.flush_age,
        cache_bytes: config.cache_memory,
        memory: Budget::new(config.query_memory),
        query_bytes: config.one_query_memory,
        write_wait: config.write_wait,
        limits: config.limits,
        merges: config.merges,
        max_queries: config.max_queries,
        query_timeout: config.query_timeout,
        select_limits: config.select_limits,
        log_queries_after: config.log_queries_after,
        log_timed_out: config.log_timed_out,
        retention_interval: config.retention_enabled.then_some(config.retention_interval),
        on_fatal: Arc::new(|text| {
            eprintln!("alluvium: {text}; the process ends, what was acknowledged is in the log");
            std::process::exit(1);
        }),
        build: Build {
            version: config.http.api_version.clone(),
            branch: "alluvium".to_owned(),
            commit: env!("CARGO_PKG_VERSION").to_owned(),
            time: String::new(),
        },
        configured: config.told(),
        ..node::Options::default()
    }
}

/// Tells what is odd about authentication.
fn advise(config: &Config, node: &Node) {
    if config.http.auth_enabled && !node.has_admin() {
        warn!(
            "auth-enabled = true, but there is no administrator: whoever comes first may make one, \
             CREATE USER root WITH PASSWORD '..' WITH ALL PRIVILEGES"
        );
    }
    let length = config.http.shared_secret.0.len();
    if (1..SHORT_SECRET).contains(&length) {
        warn!(
            "shared-secret has {length} bytes: whoever guesses it is let in as any user; take {SHORT_SECRET} random ones"
        );
    }
}

fn greet(config: &Config, address: &str) {
    let folder = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    println!("Alluvium {} listens on http://{address}, data in {}", env!("CARGO_PKG_VERSION"), folder.display());
    // A wide bind is reached from this machine by its loopback name.
    let address = address.replace("0.0.0.0:", "127.0.0.1:");
    println!("Try:  curl -X POST 'http://{address}/query' --data-urlencode 'q=CREATE DATABASE demo'");
    println!("      curl 'http://{address}/write?db=demo' --data-binary 'weather,city=Oslo temperature=4.5'");
    println!("      curl -G 'http://{address}/query?db=demo&pretty=true' --data-urlencode 'q=SELECT * FROM weather'");
}

/// Ready at the first Ctrl-C or SIGTERM; the second one ends the process.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        println!("Stopping: finishing requests and flushing.");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}
