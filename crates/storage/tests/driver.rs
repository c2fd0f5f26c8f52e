//! An engine on a simulated disk beside a model of what it must hold ([`crate::model`]), and what all tests write and read with.
//! The steps that a history is made of are in [`crate::steps`].

use model::{Batch, Column, FieldType, KeyError, KeySpan, KeyText, Table, TableColumn, TimeRange, Value};
use platform::sim::SimWorld;
use platform::{Random, SeededRandom, Stats};
use std::sync::Arc;
use std::time::Duration;
use storage::{Engine, ErrorKind, Options, ShardSpan, StorageError, TagCondition, View};

pub(crate) use crate::model::{Model, State};
use crate::model::{differences, print};

pub(crate) const SHARDS: [ShardSpan; 3] = [
    ShardSpan { id: 11, range: TimeRange { start: 0, end: 99 } },
    ShardSpan { id: 12, range: TimeRange { start: 100, end: 199 } },
    ShardSpan { id: 15, range: TimeRange { start: 200, end: 299 } },
];

pub(crate) const FIELDS: [(&str, FieldType); 5] = [
    ("b", FieldType::Boolean),
    ("f", FieldType::Float),
    ("i", FieldType::Integer),
    ("s", FieldType::String),
    ("u", FieldType::Unsigned),
];

/// Raw keys are canonical; one with a question mark is none.
pub(crate) struct Plain;

impl KeyText for Plain {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        if raw.contains(&b'?') {
            return Err(KeyError("it asks".into()));
        }
        key.extend_from_slice(raw);
        Ok(())
    }
}

pub(crate) fn options() -> Options {
    options_with(256 << 10, 256 << 10)
}

/// Options with these bounds.
pub(crate) fn options_with(run_bytes: u64, log_bytes: u64) -> Options {
    Options {
        run_bytes,
        log_bytes,
        read_test: |_| None,
        reserve_bytes: log_bytes,
        flush_age: Duration::from_secs(10),
        cache_bytes: 1 << 20,
        cluster_id: [7; 16],
        merges: storage::Merges::default(),
        catalog_version: Arc::default(),
        next_shard: u64::MAX,
        stats: Stats::new(),
    }
}

/// Builds batches row by row.
#[derive(Default)]
pub(crate) struct Builder {
    text: Vec<u8>,
    tables: Vec<Table>,
}

impl Builder {
    pub(crate) fn row(&mut self, measurement: &str, key: &str, time: i64, fields: &[(&str, Value<'_>)]) -> &mut Self {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(key.as_bytes());
        let at = self.tables.iter().position(|table| *table.measurement == *measurement.as_bytes());
        let at = at.unwrap_or_else(|| {
            let measurement = measurement.as_bytes().into();
            self.tables.push(Table { measurement, keys: vec![], times: vec![], columns: vec![] });
            self.tables.len() - 1
        });
        let table = &mut self.tables[at];
        let row = table.times.len() as u32;
        table.keys.push(KeySpan { start, len: key.len() as u32 });
        table.times.push(time);
        for (name, value) in fields {
            let same = |column: &&mut TableColumn| {
                *column.name == *name.as_bytes() && column.column.field_type() == value.field_type()
            };
            if let Some(column) = table.columns.iter_mut().find(same) {
                assert!(column.column.push(row, *value));
            } else {
                let mut column = Column::new(value.field_type());
                assert!(column.push(row, *value));
                table.columns.push(TableColumn { name: name.as_bytes().into(), column });
            }
        }
        self
    }

    pub(crate) fn build(&mut self) -> Batch {
        let text = Arc::new(std::mem::take(&mut self.text));
        let mut batch = Batch { text, tables: std::mem::take(&mut self.tables) };
        for table in &mut batch.tables {
            let rows = table.times.len();
            table.columns.iter_mut().for_each(|column| column.column.seal(rows));
        }
        batch
    }
}

/// All that a view of the shards shows.
pub(crate) fn read(engine: &Engine) -> Result<State, StorageError> {
    read_view(&engine.view(&SHARDS)?)
}

/// All that a view shows.
pub(crate) fn read_view(view: &View) -> Result<State, StorageError> {
    let mut state = State::new();
    let fields: Vec<_> = FIELDS.iter().map(|(name, kind)| (name.as_bytes().into(), *kind)).collect();
    for measurement in view.measurements()? {
        let set = view.series(&measurement, &TagCondition::True)?;
        let mut scan = view.scan(&set, &fields, TimeRange::ALL)?;
        for series in 0..set.len() {
            for shard in 0..view.shards().len() {
                let mut last = i64::MIN;
                for cut in scan.cuts(series, shard)? {
                    let times = cut.times()?;
                    assert!(times.first().is_none_or(|&first| first > last), "cuts overlap");
                    assert!(times.is_sorted_by(|a, b| a < b));
                    last = times.last().copied().unwrap_or(last);
                    for (at, (name, _)) in FIELDS.iter().enumerate() {
                        let column = cut.column(at)?;
                        for (row, &time) in times.iter().enumerate() {
                            if let Some(value) = column.get(row) {
                                let place = (measurement.to_vec(), set.key(series), time, *name);
                                let before = state.insert(place, print(&value));
                                assert_eq!(before, None, "a value is seen twice");
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(state)
}

/// An engine and its model.
pub(crate) struct Driver {
    pub(crate) sim: SimWorld,
    pub(crate) random: SeededRandom,
    pub(crate) engine: Option<Engine>,
    pub(crate) model: Model,
    pub(crate) options: Options,
    /// The shards, as a catalog that loses nothing would have them.
    pub(crate) spans: Vec<ShardSpan>,
    /// Views with what they showed at first, which they must show as long as they are held.
    pub(crate) views: Vec<(View, State)>,
    /// Power cuts so far.
    pub(crate) crashes: usize,
    /// Whether the disk fails now and then, and is full now and then.
    pub(crate) is_faulty: bool,
    /// Whether the power may go, and the disk fail, while the engine starts.
    pub(crate) is_shaky: bool,
    pub(crate) counter: i64,
    tracing: bool,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let (sim, random) = (SimWorld::new(seed), SeededRandom::new(seed ^ 0x5eed));
        // Two of three histories have tight bounds: files of the log are left, trimmed and used again, a start flushes.
        let options = match seed % 3 {
            0 => options(),
            1 => options_with(40 << 10, 96 << 10),
            _ => options_with(24 << 10, 48 << 10),
        };
        let tracing = std::env::var("SIM_TRACE").is_ok();
        if tracing {
            sim.disk.start_trace();
        }
        let (model, views, spans) = (Model::default(), Vec::new(), SHARDS.to_vec());
        Self {
            sim,
            random,
            engine: None,
            model,
            options,
            spans,
            views,
            crashes: 0,
            is_faulty: false,
            is_shaky: false,
            counter: 0,
            tracing,
        }
    }

    /// Tells of a step, if somebody wants to know.
    #[allow(clippy::print_stderr, reason = "a trace for those who look for what went wrong")]
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if self.tracing {
            self.sim.disk.take_trace().iter().for_each(|call| eprintln!("        {call}"));
            eprintln!("    {}", what());
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is open")
    }

    /// Opens the data folder; what it holds must fit the model.
    pub(crate) fn open(&mut self) -> Result<(), StorageError> {
        let engine = Engine::open(self.sim.world(), self.options.clone(), &self.spans)?;
        if let Some(why) = engine.closed_because() {
            assert!(!why.contains("damaged"), "a crash is no damage: {why}");
            // The last write of a flush in the replay failed.
            return Err(StorageError::Closed(why));
        }
        let found = read_view(&engine.view(&self.spans)?)?;
        self.note(|| format!("opened: {} values", found.len()));
        self.model.recover(&found);
        self.engine = Some(engine);
        Ok(())
    }

    /// What is seen must be what was acknowledged.
    pub(crate) fn check(&mut self) -> Result<(), StorageError> {
        self.settle()?;
        let seen = read_view(&self.engine().view(&self.spans)?)?;
        let expected = &self.model.state;
        assert!(seen == *expected, "what is seen is not what was acknowledged: {}", differences(expected, &seen));
        Ok(())
    }

    /// Tells the model what became of batches.
    pub(crate) fn settle(&mut self) -> Result<(), StorageError> {
        if self.model.settle() {
            // A request in several slots was refused on the way: what of it was logged before is there.
            let seen = read_view(&self.engine().view(&self.spans)?)?;
            self.model.recover_refused(&seen);
        }
        Ok(())
    }

    /// Closes in order and opens again.
    pub(crate) fn reopen(&mut self) -> Result<(), StorageError> {
        let closed = self.engine().close();
        self.views.clear();
        let settled = self.settle();
        self.engine = None;
        match closed.and(settled) {
            Err(error) if error.kind() == ErrorKind::Full => {
                self.restart(false);
                return Ok(());
            }
            other => other?,
        }
        assert!(!self.model.is_pending(), "close commits what waits");
        self.open()
    }

    /// The power goes; the engine comes back. The power may go again, and the disk fail, while it does.
    pub(crate) fn crash(&mut self) {
        self.restart(true);
    }

    /// The process ends, with the power or alone, and starts again as often as it takes.
    pub(crate) fn restart(&mut self, power: bool) {
        let mut power = power || self.sim.disk.forgot_names();
        loop {
            self.views.clear();
            self.engine = None;
            self.note(|| if power { "the power goes".into() } else { "killed".into() });
            if power {
                self.sim.crash();
                self.crashes += 1;
            } else {
                self.sim.disk.kill();
            }
            if self.is_shaky {
                self.disturb_start();
            }
            match self.open() {
                Ok(()) => return,
                Err(error) => self.check_error(&error),
            }
            power = self.sim.disk.is_off() || self.sim.disk.forgot_names();
        }
    }

    fn disturb_start(&self) {
        let calls = self.random.below(1 << self.random.below(7));
        match self.random.below(12) {
            0..4 => self.sim.disk.power_off_at(self.sim.disk.ops() + calls),
            4..6 if self.is_faulty => self.sim.disk.fail_after(calls, crate::steps::fault(&self.random)),
            _ => {}
        }
    }

    /// Fails on errors that a disk which loses and refuses, but does not change bytes, must not bring about.
    pub(crate) fn check_error(&self, error: &StorageError) {
        self.note(|| format!("error: {error}"));
        assert!(!matches!(error.kind(), ErrorKind::Bug | ErrorKind::Damaged | ErrorKind::Invalid), "{error}");
        assert!(
            self.engine.is_some() || error.kind() != ErrorKind::Full,
            "a start on a full disk serves reads: {error}"
        );
    }
}
