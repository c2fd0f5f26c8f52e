//! Which queries are short: those of a shape whose last one was.
//!
//! A query that takes less than it costs to wake another thread is run by the thread that has read it. Nobody can tell beforehand
//! how long one takes, but dashboards ask the same again and again, with other times, numbers and hosts. So a query's
//! shape is its text without numbers and without what stands between single quotes, and its database and policy. A shape is short when
//! its last query was. That may be wrong: so one that is tried has a deadline, and begins anew elsewhere when it has passed.

use ahash::RandomState;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a query may keep the thread that serves connections.
pub(super) const DEADLINE: Duration = Duration::from_millis(1);
/// One that took no longer is short.
const SHORT: Duration = Duration::from_micros(700);
/// Shapes that are known at most; a new one takes the place of another.
const SLOTS: usize = 1 << 12;

/// A query's shape; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u64);

/// The shapes that are short.
#[derive(Debug)]
pub(crate) struct Shapes {
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

impl Default for Shapes {
    fn default() -> Self {
        Self { hasher: RandomState::new(), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Shapes {
    /// The shape of a text, asked of a database and a policy.
    pub(super) fn shape(&self, text: &str, database: &str, policy: &str) -> Shape {
        let mut shape = Vec::with_capacity(text.len() + database.len() + policy.len() + 2);
        for name in [database, policy] {
            shape.extend_from_slice(name.as_bytes());
            shape.push(0xff);
        }
        // Where it is cut does not matter: a wrong guess costs time only.
        for plain in text.split('\'').step_by(2) {
            push_without_numbers(plain.as_bytes(), &mut shape);
        }
        Shape(self.hasher.hash_one(&shape).max(1))
    }

    /// Whether the last query of a shape was short.
    pub(super) fn is_short(&self, shape: Shape) -> bool {
        self.slot(shape).load(Ordering::Relaxed) == shape.0
    }

    /// A query of a shape took so long.
    pub(super) fn took(&self, shape: Shape, span: Duration) {
        let slot = self.slot(shape);
        if span <= SHORT {
            slot.store(shape.0, Ordering::Relaxed);
        } else {
            // If another has the place, it is not known to be short anyway.
            let _ = slot.compare_exchange(shape.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn slot(&self, shape: Shape) -> &AtomicU64 {
        &self.slots[shape.0 as usize % SLOTS]
    }
}

/// Appends a text without its numbers; digits of a name stay.
fn push_without_numbers(text: &[u8], out: &mut Vec<u8>) {
    let (mut in_name, mut quoted) = (false, false);
    for &byte in text {
        quoted ^= byte == b'"';
        in_name =
            quoted || byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 || (in_name && byte.is_ascii_digit());
        if in_name || !byte.is_ascii_digit() {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_hosts_make_no_shape() {
        let shapes = Shapes::default();
        let shape = |text: &str| shapes.shape(text, "d", "");
        let one = shape("SELECT max(v) FROM cpu WHERE host = 'a' AND time >= 1s AND time < 20s LIMIT 5");
        assert_eq!(one, shape("SELECT max(v) FROM cpu WHERE host = 'bcd' AND time >= 15s AND time < 2s LIMIT 50"));
        assert_ne!(one, shape("SELECT min(v) FROM cpu WHERE host = 'a' AND time >= 1s AND time < 20s LIMIT 5"));
        assert_ne!(shape("SELECT v FROM cpu1"), shape("SELECT v FROM cpu2"));
        assert_ne!(shape("SELECT v FROM \"cpu 1\""), shape("SELECT v FROM \"cpu 2\""));
        assert_eq!(shape("SELECT v FROM m WHERE time > 15m"), shape("SELECT v FROM m WHERE time > 20m"));
        assert_ne!(shapes.shape("SELECT v FROM m", "a", ""), shapes.shape("SELECT v FROM m", "", "a"));
    }

    #[test]
    fn the_last_query_decides() {
        let shapes = Shapes::default();
        let shape = shapes.shape("SELECT v FROM m", "d", "");
        assert!(!shapes.is_short(shape), "nothing is known of it");
        shapes.took(shape, SHORT);
        assert!(shapes.is_short(shape));
        shapes.took(shape, SHORT + Duration::from_nanos(1));
        assert!(!shapes.is_short(shape));
    }
}
