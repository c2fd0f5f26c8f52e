//! An engine on a simulated disk beside a model: a map of the acknowledged values, and the list of batches that were taken
//! but not acknowledged. After a crash the engine must hold the acknowledged batches and, of the others, those up to some
//! point in order, each as a whole.

use model::{Batch, Column, FieldType, KeyError, KeySpan, KeyText, Table, TableColumn, TimeRange, Value};
use parking_lot::Mutex;
use platform::sim::SimWorld;
use platform::{Random, SeededRandom, Stats};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::engine::Step;
use storage::{Engine, ErrorKind, Options, Outcome, ShardSpan, StorageError, TagCondition};

/// Measurement, series key, time, field: what a value is stored under.
pub(crate) type Place = (Vec<u8>, Vec<u8>, i64, &'static str);

/// A value, printed, so that floats compare by bits.
pub(crate) type State = BTreeMap<Place, String>;

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

const MEASUREMENTS: [&str; 2] = ["cpu", "mem"];

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
fn options_with(run_bytes: u64, log_bytes: u64) -> Options {
    Options {
        run_bytes,
        log_bytes,
        read_test: |_| None,
        flush_age: Duration::from_secs(10),
        cache_bytes: 1 << 20,
        cluster_id: [7; 16],
        stats: Stats::new(),
    }
}

/// One value of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) place: Place,
    pub(crate) value: String,
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
    let view = engine.view(&SHARDS)?;
    let mut state = State::new();
    let fields: Vec<_> = FIELDS.iter().map(|(name, kind)| (name.as_bytes().into(), *kind)).collect();
    for measurement in view.measurements()? {
        let set = view.series(&measurement, &TagCondition::True)?;
        let mut scan = view.scan(&set, &fields, TimeRange::ALL)?;
        for series in 0..set.len() {
            for shard in 0..SHARDS.len() {
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
                                let before = state.insert(place, format!("{value:?}"));
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

/// What became of a batch.
type Fate = Arc<Mutex<Option<Result<(), StorageError>>>>;

/// An engine and its model.
pub(crate) struct Driver {
    pub(crate) sim: SimWorld,
    pub(crate) random: SeededRandom,
    pub(crate) engine: Option<Engine>,
    /// The acknowledged values.
    pub(crate) state: State,
    /// Batches that were taken, in order, and not acknowledged yet.
    pending: Vec<(Vec<Written>, Fate)>,
    counter: i64,
    pub(crate) options: Options,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let (sim, random) = (SimWorld::new(seed), SeededRandom::new(seed ^ 0x5eed));
        // Every other history has tight bounds: files of the log are left, trimmed and used again, a start flushes.
        let options = if seed.is_multiple_of(2) { options() } else { options_with(40 << 10, 96 << 10) };
        Self { sim, random, engine: None, state: State::new(), pending: Vec::new(), counter: 0, options }
    }

    /// Opens the data folder; what it holds must fit the model.
    pub(crate) fn open(&mut self) -> Result<(), StorageError> {
        let engine = Engine::open(self.sim.world(), self.options.clone(), &SHARDS)?;
        assert_eq!(engine.closed_because(), None, "a crash is no damage");
        let found = read(&engine)?;
        self.settle();
        let mut expected = self.state.clone();
        let mut survivors = self.pending.drain(..);
        while found != expected {
            let Some((written, _)) = survivors.next() else {
                let missing = expected.iter().find(|(place, value)| found.get(*place) != Some(*value));
                let extra = found.iter().find(|(place, value)| expected.get(*place) != Some(*value));
                panic!("the rows found fit no prefix of the batches: missing {missing:?}, found {extra:?}");
            };
            enter(&mut expected, written);
        }
        drop(survivors);
        self.state = expected;
        self.engine = Some(engine);
        Ok(())
    }

    /// Takes acknowledged batches over into the state; forgets those that were refused for want of space.
    fn settle(&mut self) {
        let mut rest = Vec::new();
        for (written, fate) in self.pending.drain(..) {
            let known = fate.lock().clone();
            match known {
                Some(Ok(())) => {
                    assert!(rest.is_empty(), "acknowledged out of order");
                    enter(&mut self.state, written);
                }
                Some(Err(StorageError::Disk(_))) => {}
                // After a failed sync nobody knows.
                Some(Err(_)) | None => rest.push((written, fate)),
            }
        }
        self.pending = rest;
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is open")
    }

    /// A random batch, and what it writes.
    fn batch(&mut self) -> (Batch, Vec<Written>) {
        let random = &self.random;
        let longest = if self.options.log_bytes < 100 << 10 { 160 } else { 30 };
        let mut builder = Builder::default();
        let mut written = Vec::new();
        let rows = if random.below(12) == 0 { 40 } else { 1 + random.below(6) };
        for _ in 0..rows {
            self.counter += 1;
            let measurement = MEASUREMENTS[random.below(2) as usize];
            let key = format!("{measurement},host=h{}", random.below(5));
            let time = random.below(300) as i64 / (1 + random.below(3) as i64);
            let text = format!("{}{}", self.counter, "x".repeat(random.below(longest) as usize));
            let mut fields = Vec::new();
            for (name, kind) in FIELDS.iter().filter(|_| random.below(2) == 0) {
                let value = match kind {
                    FieldType::Float => Value::Float(self.counter as f64 / 8.0),
                    FieldType::Integer => Value::Integer(-self.counter),
                    FieldType::Unsigned => Value::Unsigned(self.counter as u64),
                    FieldType::String => Value::String(text.as_bytes()),
                    FieldType::Boolean => Value::Boolean(self.counter % 2 == 0),
                };
                fields.push((*name, value));
            }
            if fields.is_empty() {
                fields.push(("i", Value::Integer(self.counter)));
            }
            builder.row(measurement, &key, time, &fields);
            for (name, value) in fields {
                let place = (measurement.as_bytes().to_vec(), key.clone().into_bytes(), time, name);
                let name = FIELDS.iter().find(|(other, _)| *other == name).expect("one of the fields").0;
                let value = format!("{value:?}");
                written.push(Written { place: (place.0, place.1, place.2, name), value });
            }
        }
        (builder.build(), written)
    }

    pub(crate) fn submit(&mut self) -> Result<(), StorageError> {
        let (batch, written) = self.batch();
        let fate: Fate = Arc::default();
        let told = fate.clone();
        let done = Box::new(move |result| *told.lock() = Some(result));
        let rows = batch.rows();
        let outcome = self.engine().submit(batch, &Plain, &SHARDS, done)?;
        assert_eq!(outcome, Outcome { accepted: rows, rejected: vec![] });
        self.pending.push((written, fate));
        Ok(())
    }

    /// One random step.
    pub(crate) fn step(&mut self) -> Result<(), StorageError> {
        let draw = self.random.below(100);
        match draw {
            0..45 => match self.submit() {
                Err(StorageError::Busy { .. }) => {}
                other => other?,
            },
            45..75 => drop(self.engine().commit_step()?),
            75..88 => while self.engine().background_step()? == Step::Worked {},
            88..91 => self.engine().flush()?,
            91..95 => self.sim.clock.advance(Duration::from_secs(11)),
            95..98 => self.check()?,
            98 => self.reopen()?,
            _ => {
                self.engine().commit_step()?;
                self.engine = None;
                self.sim.disk.kill();
                self.open()?;
            }
        }
        self.settle();
        Ok(())
    }

    /// What is seen must be what was acknowledged.
    pub(crate) fn check(&mut self) -> Result<(), StorageError> {
        self.settle();
        let seen = read(self.engine())?;
        assert!(seen == self.state, "what is seen is not what was acknowledged");
        Ok(())
    }

    /// Closes in order and opens again.
    pub(crate) fn reopen(&mut self) -> Result<(), StorageError> {
        let closed = self.engine().close();
        self.engine = None;
        self.settle();
        if closed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Full) {
            self.sim.disk.kill();
            return self.open();
        }
        closed?;
        assert!(self.pending.is_empty(), "close commits what waits");
        self.open()
    }

    /// Goes on until an error, at most `steps`.
    pub(crate) fn run(&mut self, steps: usize) -> Result<(), StorageError> {
        (0..steps).try_for_each(|_| self.step())
    }

    /// The power goes; the engine comes back.
    pub(crate) fn crash(&mut self) {
        self.engine = None;
        self.sim.crash();
        self.open().unwrap_or_else(|error| panic!("the engine does not open after a crash: {error}"));
    }
}

fn enter(state: &mut State, written: Vec<Written>) {
    state.extend(written.into_iter().map(|written| (written.place, written.value)));
}
