//! The counters behind `/metrics`, SHOW STATS and `/debug/vars`.
//!
//! A part of the program asks the registry once for a handle and then only adds to an atomic; readers take a snapshot. The same
//! module and name give the same number, whoever asks. Nothing here knows the texts in which numbers are shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

/// A number that only rises, such as points written.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that rises and falls, such as open connections.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a sample only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises until a restart.
    Counter,
    /// Rises and falls.
    Gauge,
}

/// One number at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The part of the program, such as "write".
    pub module: &'static str,
    /// The number's name in it, such as "pointReq".
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Its value; a counter above `i64::MAX` stays there.
    pub value: i64,
}

#[derive(Debug, Clone)]
enum Number {
    Counter(Counter),
    Gauge(Gauge),
}

#[derive(Debug)]
struct Entry {
    help: &'static str,
    number: Number,
}

/// By module and name.
type Entries = BTreeMap<(&'static str, &'static str), Entry>;

/// The registry. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Mutex<Entries>>);

impl Stats {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name, made if new. If the name is a gauge's, the handle counts but is not shown.
    pub fn counter(&self, module: &'static str, name: &'static str, help: &'static str) -> Counter {
        match self.entry(module, name, help, || Number::Counter(Counter::default())) {
            Number::Counter(counter) => counter,
            Number::Gauge(_) => Counter::default(),
        }
    }

    /// The gauge of this name, made if new. If the name is a counter's, the handle works but is not shown.
    pub fn gauge(&self, module: &'static str, name: &'static str, help: &'static str) -> Gauge {
        match self.entry(module, name, help, || Number::Gauge(Gauge::default())) {
            Number::Gauge(gauge) => gauge,
            Number::Counter(_) => Gauge::default(),
        }
    }

    fn entry(
        &self,
        module: &'static str,
        name: &'static str,
        help: &'static str,
        new: impl FnOnce() -> Number,
    ) -> Number {
        self.0.lock().entry((module, name)).or_insert_with(|| Entry { help, number: new() }).number.clone()
    }

    /// All numbers, sorted by module, then name.
    pub fn snapshot(&self) -> Vec<Sample> {
        let entries = self.0.lock();
        let sample = |(&(module, name), entry): (&(&'static str, &'static str), &Entry)| {
            let (kind, value) = match &entry.number {
                Number::Counter(counter) => (Kind::Counter, i64::try_from(counter.get()).unwrap_or(i64::MAX)),
                Number::Gauge(gauge) => (Kind::Gauge, gauge.get()),
            };
            Sample { module, name, help: entry.help, kind, value }
        };
        entries.iter().map(sample).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_one_name_share_a_number_and_snapshots_are_sorted() {
        let stats = Stats::new();
        stats.gauge("write", "active", "Writes under way.").set(-3);
        stats.counter("write", "points", "Points written.").add(2);
        stats.clone().counter("write", "points", "Points written.").inc();
        stats.counter("query", "done", "Queries answered.");
        let shown: Vec<_> = stats.snapshot().into_iter().map(|s| (s.module, s.name, s.kind, s.value)).collect();
        let expected = [
            ("query", "done", Kind::Counter, 0),
            ("write", "active", Kind::Gauge, -3),
            ("write", "points", Kind::Counter, 3),
        ];
        assert_eq!(shown, expected);
    }
}
