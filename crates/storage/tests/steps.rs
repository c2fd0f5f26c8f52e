//! The steps of a history: a seeded scheduler draws what happens next.

use crate::driver::{Builder, Driver, FIELDS, Plain, read_view};
use crate::model::{Change, Fate, Wipe, Written, differences, print};
use model::{Batch, FieldType, TimeRange, Value};
use platform::sim::Fault;
use platform::{Random, SeededRandom};
use std::sync::atomic::Ordering;
use std::time::Duration;
use storage::engine::Step;
use storage::{Deletion, ErrorKind, Outcome, ShardId, ShardSpan, StorageError, TagCondition};

const MEASUREMENTS: [&str; 2] = ["cpu", "mem"];
/// Times that are written in each shard: few, so that writes meet.
const TIMES: u64 = 12;
/// Views held at once.
const VIEWS: usize = 3;

/// A fault of the disk.
pub(crate) fn fault(random: &dyn Random) -> Fault {
    [Fault::Read, Fault::Write, Fault::Full, Fault::ShortWrite, Fault::Sync][random.below(5) as usize]
}

impl Driver {
    /// One random step.
    pub(crate) fn step(&mut self) -> Result<(), StorageError> {
        let draw = self.random.below(200);
        match draw {
            0..80 => self.write(false)?,
            80..83 => self.write(true)?,
            83..125 => {
                self.note(|| "commit".into());
                self.engine().commit_step()?;
            }
            125..132 => {
                self.note(|| "flush step".into());
                self.engine().flush_step()?;
            }
            132..140 => {
                self.note(|| "merge step".into());
                self.engine().merge_step()?;
            }
            140..150 => self.delete()?,
            150..156 => while self.engine().background_step()? == Step::Worked {},
            156..162 => {
                self.note(|| "flush".into());
                self.engine().flush()?;
            }
            162..170 => self.sim.clock.advance(Duration::from_secs(11)),
            170..176 => self.check()?,
            176..182 => self.look()?,
            182..185 => self.drop_shard()?,
            185..188 => {
                self.note(|| "close".into());
                self.reopen()?;
            }
            188..190 => {
                self.engine().commit_step()?;
                self.restart(false);
            }
            _ if self.is_faulty => self.disturb(),
            _ => drop(self.engine().commit_step()?),
        }
        self.settle()
    }

    /// Goes on until an error, at most `steps`.
    pub(crate) fn run(&mut self, steps: usize) -> Result<(), StorageError> {
        (0..steps).try_for_each(|_| self.step())
    }

    /// Goes on until the process must end, at most `steps`. Whether it must.
    pub(crate) fn live(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            if let Err(error) = self.step() {
                self.check_error(&error);
                if self.engine.is_none() || error.kind() == ErrorKind::Closed {
                    return true;
                }
            }
        }
        false
    }

    fn write(&mut self, large: bool) -> Result<(), StorageError> {
        match self.submit_some(large) {
            Err(error) if matches!(error.kind(), ErrorKind::Retry | ErrorKind::Full) => Ok(()),
            other => other,
        }
    }

    /// A disk that will fail, gets full or has room again.
    fn disturb(&mut self) {
        let disk = &self.sim.disk;
        match self.random.below(3) {
            0 => disk.fail_after(self.random.below(20), fault(&self.random)),
            1 => disk.set_capacity(Some(disk.used_bytes() + self.random.below(30_000))),
            _ => disk.set_capacity(None),
        }
        self.note(|| "the disk changes".into());
    }

    /// Takes a view or looks at those that are held: they show what they showed.
    fn look(&mut self) -> Result<(), StorageError> {
        if self.views.len() < VIEWS && self.random.below(2) == 0 {
            self.settle()?;
            let view = self.engine().view(&self.spans)?;
            // Read only later, when files of it may have gone.
            self.views.push((view, self.model.state.clone()));
        }
        for (view, state) in &self.views {
            let seen = read_view(view)?;
            assert!(seen == *state, "a view shows something else: {}", differences(state, &seen));
        }
        if self.views.len() == VIEWS {
            self.views.remove(self.random.below(VIEWS as u64) as usize);
        }
        Ok(())
    }

    /// Deletes some rows.
    fn delete(&mut self) -> Result<(), StorageError> {
        let random = &self.random;
        let measurement = [None, Some(MEASUREMENTS[0]), Some(MEASUREMENTS[1])][random.below(3) as usize];
        let host = (random.below(2) == 0).then(|| format!("h{}", random.below(4)));
        let ShardSpan { range, .. } = self.spans[random.below(self.spans.len() as u64) as usize];
        let range = match random.below(3) {
            0 => TimeRange::ALL,
            1 => range,
            _ => TimeRange { start: range.start + random.below(TIMES) as i64, end: range.end },
        };
        let wipe = Wipe { measurement, host, range };
        self.note(|| format!("delete {wipe:?}"));
        let condition = match &wipe.host {
            Some(host) => TagCondition::Equal(b"host".as_slice().into(), host.as_bytes().into()),
            None => TagCondition::True,
        };
        let measurements = measurement.map(|name| vec![name.as_bytes().into()]);
        let fate = Fate::default();
        let told = fate.clone();
        let done = Box::new(move |result| *told.lock() = Some(result));
        let shards: Vec<ShardId> = self.spans.iter().map(|span| span.id).collect();
        match self.engine().delete(&shards, vec![Deletion { measurements, condition, range }], done) {
            Ok(()) => self.model.take(Change::Delete(wipe), fate),
            Err(error) if matches!(error.kind(), ErrorKind::Retry | ErrorKind::Full) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Retention takes a shard; the next write there goes to a new one.
    fn drop_shard(&mut self) -> Result<(), StorageError> {
        let at = self.random.below(self.spans.len() as u64) as usize;
        let ShardSpan { id, range } = self.spans[at];
        self.note(|| format!("drop shard {id}"));
        self.settle()?;
        self.model.drop_range(&range);
        self.spans[at].id = self.spans.iter().map(|span| span.id).max().unwrap_or(0) + 1;
        self.options.catalog_version.fetch_add(1, Ordering::SeqCst);
        self.engine().drop_shards(&[id])
    }

    /// A small batch.
    pub(crate) fn submit(&mut self) -> Result<(), StorageError> {
        self.submit_some(false)
    }

    fn submit_some(&mut self, large: bool) -> Result<(), StorageError> {
        let (batch, written) = if large { self.large_batch() } else { self.batch() };
        let fate = Fate::default();
        let told = fate.clone();
        let done = Box::new(move |result| *told.lock() = Some(result));
        let rows = batch.rows();
        self.note(|| format!("write {rows} rows, value {}", self.counter));
        let outcome = self.engine().submit(batch, &Plain, &self.spans, done)?;
        assert_eq!(outcome, Outcome { accepted: rows, ..Outcome::default() });
        self.model.take(Change::Rows { written, in_pieces: large }, fate);
        Ok(())
    }

    /// A random batch, and what it writes.
    fn batch(&mut self) -> (Batch, Vec<Written>) {
        let random = &self.random;
        let (most, longest) = if self.options.log_bytes < 100 << 10 { (14, 120) } else { (40, 30) };
        let mut rows = Rows::default();
        let count = if random.below(12) == 0 { most } else { 1 + random.below(6) };
        for _ in 0..count {
            self.counter += 1;
            let span = &self.spans[random.below(self.spans.len() as u64) as usize];
            let time = span.range.start + random.below(TIMES / (1 + random.below(3))) as i64;
            let measurement = MEASUREMENTS[random.below(2) as usize];
            rows.add(random, measurement, time, self.counter, longest);
        }
        rows.end()
    }

    /// A batch of one shard and measurement that takes several slots in a short log.
    fn large_batch(&mut self) -> (Batch, Vec<Written>) {
        let mut rows = Rows::default();
        let span = self.spans[self.random.below(self.spans.len() as u64) as usize];
        let measurement = MEASUREMENTS[self.random.below(2) as usize];
        for _ in 0..60 {
            self.counter += 1;
            let time = span.range.start + self.random.below(TIMES) as i64;
            rows.add(&self.random, measurement, time, self.counter, 400);
        }
        rows.end()
    }
}

/// Rows of a batch, and what they write.
#[derive(Default)]
struct Rows {
    builder: Builder,
    written: Vec<Written>,
}

impl Rows {
    /// A row of a random series with random fields, whose values show `counter`.
    fn add(&mut self, random: &SeededRandom, measurement: &str, time: i64, counter: i64, longest: u64) {
        let key = format!("{measurement},host=h{}", random.below(4));
        let text = format!("{counter}{}", "x".repeat(random.below(longest) as usize));
        let mut fields = Vec::new();
        for (name, kind) in FIELDS.iter().filter(|_| random.below(2) == 0) {
            let value = match kind {
                FieldType::Float => Value::Float(counter as f64 / 8.0),
                FieldType::Integer => Value::Integer(-counter),
                FieldType::Unsigned => Value::Unsigned(counter as u64),
                FieldType::String => Value::String(text.as_bytes()),
                FieldType::Boolean => Value::Boolean(counter % 2 == 0),
            };
            fields.push((*name, value));
        }
        if fields.is_empty() {
            fields.push(("i", Value::Integer(counter)));
        }
        self.builder.row(measurement, &key, time, &fields);
        for (name, value) in fields {
            let place = (measurement.as_bytes().to_vec(), key.clone().into_bytes(), time, name);
            self.written.push(Written { place, value: print(&value) });
        }
    }

    fn end(mut self) -> (Batch, Vec<Written>) {
        (self.builder.build(), self.written)
    }
}
