//! One memory budget, cut into named parts, kept in atomics.
//!
//! Whoever is about to hold memory takes a [`Grant`] first and gives it back by dropping it. A part's grants count in every
//! budget above it, so that the sum never passes the whole although the parts may add up to more. Nothing waits here: a budget
//! that is used up says so at once, and the caller flushes, spills or refuses.
//!
//! Always: `used` is the sum of living grants (and, for an instant, of takes about to be undone), and at most `limit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// A budget in bytes. Clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Part>);

#[derive(Debug)]
struct Part {
    name: String,
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    above: Option<Budget>,
}

/// A budget has not enough left.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("memory budget `{budget}` is used up: {wanted} bytes wanted, {used} of {limit} in use")]
pub struct Exhausted {
    /// The name of the part that had no room: the one asked, or one above it.
    pub budget: String,
    /// Bytes asked for.
    pub wanted: u64,
    /// Bytes in use when asked.
    pub used: u64,
    /// Bytes that there are.
    pub limit: u64,
}

impl Budget {
    /// The whole: `bytes`, by the name of "memory".
    pub fn new(bytes: u64) -> Self {
        Self::part("memory", bytes, None)
    }

    /// A part with a limit of its own, counted in this budget too.
    pub fn child(&self, name: &str, bytes: u64) -> Self {
        Self::part(name, bytes, Some(self.clone()))
    }

    fn part(name: &str, limit: u64, above: Option<Self>) -> Self {
        let (used, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Part { name: name.to_owned(), limit, used, peak, above }))
    }

    /// Takes `n` bytes. A take that races with one about to fail may be refused although there would have been room.
    pub fn try_take(&self, n: u64) -> Result<Grant, Exhausted> {
        self.charge(n)?;
        Ok(Grant { budget: self.clone(), bytes: n })
    }

    /// The name given to [`Budget::child`].
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes in use, parts included.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes that there are.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// The most that was ever in use.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Adds `n` here and above, or nowhere.
    fn charge(&self, n: u64) -> Result<(), Exhausted> {
        let part = &*self.0;
        let room = |used: u64| used.checked_add(n).filter(|sum| *sum <= part.limit);
        let before = part.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).map_err(|used| Exhausted {
            budget: part.name.clone(),
            wanted: n,
            used,
            limit: part.limit,
        })?;
        if let Some(above) = &part.above {
            above.charge(n).inspect_err(|_| self.discharge_here(n))?;
        }
        part.peak.fetch_max(before + n, Ordering::Relaxed);
        Ok(())
    }

    fn discharge_here(&self, n: u64) {
        self.0.used.fetch_sub(n, Ordering::Relaxed);
    }

    fn discharge(&self, n: u64) {
        let mut part = Some(self);
        while let Some(budget) = part {
            budget.discharge_here(n);
            part = budget.0.above.as_ref();
        }
    }
}

/// Bytes taken from a budget, given back on drop.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    bytes: u64,
}

impl Grant {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `n` more; unchanged if there are not.
    pub fn grow(&mut self, n: u64) -> Result<(), Exhausted> {
        self.budget.charge(n)?;
        self.bytes += n;
        Ok(())
    }

    /// Gives back `n`, or all if that is less.
    pub fn shrink(&mut self, n: u64) {
        let n = n.min(self.bytes);
        self.bytes -= n;
        self.budget.discharge(n);
    }

    /// Grows or shrinks to `bytes`.
    pub fn resize(&mut self, bytes: u64) -> Result<(), Exhausted> {
        if bytes > self.bytes {
            return self.grow(bytes - self.bytes);
        }
        self.shrink(self.bytes - bytes);
        Ok(())
    }

    /// Cuts `n` bytes (or all, if that is less) off into a grant of their own.
    pub fn split(&mut self, n: u64) -> Self {
        let n = n.min(self.bytes);
        self.bytes -= n;
        Self { budget: self.budget.clone(), bytes: n }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.budget.discharge(self.bytes);
    }
}

#[cfg(test)]
mod tests;
