//! The node itself: opens catalog and engine, starts the background threads, and closes everything in order.
//!
//! A write passes the *gate* (shared); whatever takes shards away, and closing, holds it alone: so a batch never goes to a
//! shard that the catalog has dropped, and no batch is taken once closing has begun. Order at the end: gate shut, threads
//! joined, then the engine commits what waits, flushes and closes.

use crate::accounts::Accounts;
use crate::background::Threads;
use crate::catalog::{Catalog, CatalogError, Database, Policy, State};
use crate::figures::{DatabaseFigures, FiguresCache, ShardFigures};
use crate::health;
use crate::queries::Queries;
use crate::read::{self, ExecuteError, QueryRequest};
use crate::reserve;
use crate::write::{self, Counted, SeriesLimits, Write, WriteError, WriteTarget};
use influxql::{Params, ParseError, Statement};
use model::Zone;
use parking_lot::{Mutex, RwLock};
use platform::stats::Sample;
use platform::{Budget, Stats, World};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use storage::{Engine, ShardId, StorageError};
use thiserror::Error;

/// What SHOW DIAGNOSTICS says about the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The version, as clients compare it with InfluxDB's.
    pub version: String,
    /// The commit that it was built from.
    pub commit: String,
    /// The branch.
    pub branch: String,
    /// When it was built.
    pub time: String,
}

/// Settings of one kind, for SHOW DIAGNOSTICS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configured {
    /// InfluxDB's name for them.
    pub module: &'static str,
    /// Their names, sorted, and what they are.
    pub settings: Vec<(&'static str, Setting)>,
}

/// What a setting is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A text, as InfluxDB prints it.
    Text(String),
    /// A number.
    Number(u64),
    /// Whether something is on.
    Flag(bool),
}

/// What the node calls when it cannot go on: a sync of the log failed, or a background thread panicked. The text says what.
/// The process must end with a code other than 0; recovery at the next start finds what is durable.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Bounds and periods of a node.
#[derive(Clone)]
pub struct Options {
    /// Memory for rows that are not yet in segments (bytes).
    pub run_bytes: u64,
    /// Greatest length of the log (bytes).
    pub log_bytes: u64,
    /// Space on the disk that is set aside for flushes (bytes), at most an eighth of it; 0 for none.
    pub reserve_bytes: u64,
    /// Rows older than this are flushed.
    pub flush_age: Duration,
    /// Memory for decoded pages, directories and indexes (bytes).
    pub cache_bytes: u64,
    /// The budget that queries take from.
    pub memory: Budget,
    /// Memory for one query (bytes), part of `memory`.
    pub query_bytes: u64,
    /// Queries that may run at once; 0 for no limit.
    pub max_queries: usize,
    /// How long a query may run; zero for no limit.
    pub query_timeout: Duration,
    /// What one SELECT may ask for.
    pub select_limits: query::Limits,
    /// Queries that take longer are told in the log, zero: none are.
    pub log_queries_after: Duration,
    /// Whether queries that have taken too long are told in the log.
    pub log_timed_out: bool,
    /// How long a write waits for memory or log space before it is refused.
    pub write_wait: Duration,
    /// How many series a database may have, and a tag values.
    pub limits: SeriesLimits,
    /// Whether a new database gets the policy `autogen` if none is described.
    pub retention_autocreate: bool,
    /// How often expired shards are dropped; `None` for never.
    pub retention_interval: Option<Duration>,
    /// How long the background thread rests when nothing is due.
    pub idle_pause: Duration,
    /// Called when the process must end; aborts it by default.
    pub on_fatal: OnFatal,
    /// For SHOW DIAGNOSTICS.
    pub build: Build,
    /// For SHOW DIAGNOSTICS, too.
    pub configured: Vec<Configured>,
    /// How merges of segments are held back.
    pub merges: storage::Merges,
    /// The registry that all counters go to.
    pub stats: Stats,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            run_bytes: 256 << 20,
            log_bytes: 64 << 20,
            reserve_bytes: 80 << 20,
            flush_age: Duration::from_secs(600),
            cache_bytes: 256 << 20,
            memory: Budget::new(1 << 30),
            query_bytes: 256 << 20,
            max_queries: 0,
            query_timeout: Duration::ZERO,
            select_limits: query::Limits::default(),
            log_queries_after: Duration::ZERO,
            log_timed_out: false,
            write_wait: Duration::from_secs(5),
            limits: SeriesLimits::default(),
            retention_autocreate: true,
            retention_interval: Some(Duration::from_secs(1800)),
            idle_pause: Duration::from_millis(75),
            on_fatal: Arc::new(|_| std::process::abort()),
            build: Build::default(),
            configured: Vec::new(),
            merges: storage::Merges::default(),
            stats: Stats::new(),
        }
    }
}

impl Options {
    pub(crate) fn of_engine(&self, catalog: &Catalog) -> storage::Options {
        storage::Options {
            run_bytes: self.run_bytes,
            log_bytes: self.log_bytes,
            reserve_bytes: self.reserve_bytes,
            read_test: query::read_test,
            flush_age: self.flush_age,
            cache_bytes: self.cache_bytes,
            cluster_id: catalog.state().cluster_id,
            merges: self.merges,
            catalog_version: catalog.version_seen(),
            next_shard: catalog.first_new_shard(),
            stats: self.stats.clone(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options").field("run_bytes", &self.run_bytes).finish_non_exhaustive()
    }
}

/// Why a node could not be opened or closed, or could not do its own work.
#[derive(Clone, Debug, Error)]
pub enum NodeError {
    /// The catalog cannot be read or changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(String),
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
    threads: Mutex<Option<Threads>>,
}

/// What the threads and callers of a node share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) world: World,
    pub(crate) options: Options,
    pub(crate) catalog: Catalog,
    pub(crate) engine: Engine,
    pub(crate) gate: RwLock<Gate>,
    pub(crate) queries: Queries,
    pub(crate) accounts: Accounts,
    pub(crate) writes: write::Counters,
    pub(crate) counted: Arc<Counted>,
    pub(crate) figures: FiguresCache,
    /// When it was opened (wall ns, monotonic ns).
    pub(crate) started: (i64, u64),
}

/// Whether batches are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They are.
    Open,
    /// The node is closing or has failed.
    Shut,
}

/// A retention policy, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its database.
    pub database: String,
    /// Its name.
    pub name: String,
    /// How long rows are kept (ns); 0: for ever.
    pub duration: i64,
    /// How long its shards are (ns).
    pub shard_duration: i64,
}

impl Node {
    /// Opens the data folder of `world` and starts the background threads.
    ///
    /// # Errors
    /// The catalog or the log is damaged or missing, the disk refuses, or there is no room for a thread.
    pub fn open(world: World, options: Options) -> Result<Arc<Self>, NodeError> {
        let inner = Arc::new(Inner::open(world, options)?);
        let threads = Threads::start(&inner)?;
        Ok(Arc::new(Self { inner, threads: Mutex::new(Some(threads)) }))
    }

    /// Why no writes are taken; `None` while they are.
    #[must_use]
    pub fn closed_because(&self) -> Option<String> {
        self.inner.engine.closed_because()
    }

    /// Takes no more writes, stops queries, commits what waits, flushes, and joins the threads. A second call does nothing.
    ///
    /// # Errors
    /// Storage could not commit or flush.
    pub fn close(&self) -> Result<(), NodeError> {
        *self.inner.gate.write() = Gate::Shut;
        self.inner.queries.cancel_all();
        let Some(threads) = self.threads.lock().take() else { return Ok(()) };
        self.inner.engine.halt_merges();
        threads.stop();
        Ok(self.inner.engine.close()?)
    }

    /// Whether the target's database exists, so that a request can be refused before its body is read.
    ///
    /// # Errors
    /// [`WriteError::DatabaseNotFound`].
    pub fn check_target(&self, target: &WriteTarget<'_>) -> Result<(), WriteError> {
        write::check_target(&self.inner, target)
    }

    /// Takes a batch. Rows outside the policy's reach or with a wrong type are left out; the write's `done` is called when the
    /// others are durable and visible (at once if there are none). What it returns is InfluxDB's text if not everything in
    /// the request was stored, what could not be decoded included. May block: while memory or log space is short, and to
    /// make shards.
    ///
    /// # Errors
    /// Nothing was taken, and `done` is not called.
    pub fn write(&self, target: &WriteTarget<'_>, write: Write<'_>) -> Result<Option<String>, WriteError> {
        // It comes back only where it may not wait.
        write::write(&self.inner, target, write, true).unwrap_or(Err(WriteError::Closed))
    }

    /// As [`Node::write`], but for threads that must not block.
    ///
    /// # Errors
    /// The write as it was, if it would have to wait.
    pub fn write_at_once<'a>(
        &self,
        target: &WriteTarget<'_>,
        write: Write<'a>,
    ) -> Result<Result<Option<String>, WriteError>, Box<Write<'a>>> {
        write::write(&self.inner, target, write, false)
    }

    /// Memory that one answer may hold back: as much as a query may take, out of the same whole.
    #[must_use]
    pub fn answer_memory(&self) -> Budget {
        self.inner.options.memory.child("answer", self.inner.options.query_bytes)
    }

    /// Takes query text apart.
    ///
    /// # Errors
    /// The text is no list of statements.
    pub fn parse(&self, text: &str, params: &Params) -> Result<Vec<Statement>, ParseError> {
        influxql::parse_query_with_zones(text, params, &|name| Zone::named(name).is_some())
    }

    /// Runs one statement; its answer goes to `sink`, what it returns are warnings. Blocks until it has ended. A sink that
    /// breaks ends it without an error.
    ///
    /// # Errors
    /// The statement failed; the text is InfluxDB's where it has one. Parts of the answer may be in the sink.
    pub fn execute(
        &self,
        statement: &Statement,
        request: &QueryRequest,
        sink: &mut dyn query::Sink,
    ) -> Result<Vec<String>, ExecuteError> {
        read::execute(&self.inner, statement, request, sink)
    }

    /// Drops the shards that have expired by now; the background does so every [`Options::retention_interval`]. Returns how
    /// many there were.
    ///
    /// # Errors
    /// The catalog could not be changed, or storage refused.
    pub fn enforce_retention(&self) -> Result<usize, NodeError> {
        self.inner.enforce_retention()
    }

    /// The names of the databases, in order of creation.
    #[must_use]
    pub fn databases(&self) -> Vec<String> {
        self.inner.catalog.state().databases.iter().map(|database| database.name.clone()).collect()
    }

    /// Every retention policy, in order of creation of databases and of policies in them.
    #[must_use]
    pub fn policies(&self) -> Vec<PolicyInfo> {
        let info = |(database, policy): (&Database, &Policy)| PolicyInfo {
            database: database.name.clone(),
            name: policy.name.clone(),
            duration: policy.duration,
            shard_duration: policy.shard_duration,
        };
        self.inner.catalog.state().policies().map(info).collect()
    }

    /// The registry of counters, for those of the caller.
    #[must_use]
    pub fn registry(&self) -> &Stats {
        &self.inner.options.stats
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Vec<Sample> {
        self.inner.options.stats.snapshot()
    }

    /// Measurements and series of each database, in order of creation; up to ten seconds old.
    #[must_use]
    pub fn database_figures(&self) -> Vec<DatabaseFigures> {
        self.inner.database_figures()
    }

    /// All shards with their figures.
    #[must_use]
    pub fn shard_figures(&self) -> Vec<ShardFigures> {
        self.inner.shard_figures()
    }

    /// Wall time (ns), for points without a timestamp.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.inner.world.clock.wall_ns()
    }

    /// Time since some instant of this process; never goes back.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.inner.world.clock.monotonic_ns())
    }

    /// Time since the node was opened.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.inner.uptime()
    }
}

impl Drop for Node {
    /// Stops the threads without a flush, as a crash would; [`Node::close`] is the orderly way.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get_mut().take() {
            *self.inner.gate.write() = Gate::Shut;
            self.inner.engine.halt_merges();
            threads.stop();
        }
    }
}

impl Inner {
    fn open(world: World, options: Options) -> Result<Self, NodeError> {
        let catalog = Catalog::open(&world)?;
        let state = catalog.state();
        let engine_options = options.of_engine(&catalog);
        let engine = Engine::open(world.clone(), engine_options, &state.all_spans())?;
        if let Some(why) = engine.closed_because() {
            catalog.freeze(why);
        }
        health::tell(&engine, &state)?;
        let (queries, accounts) = (Queries::new(&options), Accounts::new(&world));
        let writes = write::Counters::new(&options.stats);
        let started = (world.clock.wall_ns(), world.clock.monotonic_ns());
        reserve::renew(&*world.disk);
        let gate = RwLock::new(Gate::Open);
        let figures = FiguresCache::default();
        let counted = Arc::new(Counted::new(options.limits));
        Ok(Self { world, options, catalog, engine, gate, queries, accounts, writes, counted, figures, started })
    }

    /// Time since the node was opened.
    pub(crate) fn uptime(&self) -> Duration {
        Duration::from_nanos(self.world.clock.monotonic_ns().saturating_sub(self.started.1))
    }

    /// Makes a change of the catalog that takes shards away, and takes them from the engine too: the catalog first, so that
    /// a crash between the two leaves files that the next start removes, never a shard without its files.
    pub(crate) fn change_and_drop(
        &self,
        mut change: impl FnMut(&mut State) -> Result<Vec<ShardId>, CatalogError>,
    ) -> Result<usize, NodeError> {
        let _alone = self.gate.write();
        let shards = match self.catalog.change(&mut change) {
            Err(error) if error.is_full() && reserve::give_up(&*self.world.disk) => self.catalog.change(change)?,
            other => other?,
        };
        if !shards.is_empty() {
            self.counted.forget();
            self.engine.drop_shards(&shards)?;
        }
        Ok(shards.len())
    }

    /// Drops expired shards.
    pub(crate) fn enforce_retention(&self) -> Result<usize, NodeError> {
        let now = self.world.clock.wall_ns();
        if self.catalog.is_frozen() || self.catalog.state().expired(now).is_empty() {
            return Ok(0);
        }
        self.change_and_drop(|state| {
            let expired = state.expired(now);
            Ok(state.drop_shards(&expired))
        })
    }
}
