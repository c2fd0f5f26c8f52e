//! What a measurement prints: quantiles of latencies, and columns that both a reader and `awk` can take apart.

use anyhow::Result;
use std::io::{self, Write};

/// Latencies, and the figures one asks of them.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    /// Nanoseconds, ascending.
    sorted: Vec<u64>,
}

impl Latencies {
    pub(super) fn new(mut nanoseconds: Vec<u64>) -> Self {
        nanoseconds.sort_unstable();
        Self { sorted: nanoseconds }
    }

    pub(super) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The smallest latency that at least `part` (0 to 1) of all do not exceed, in milliseconds; 0 if there are none.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        let rank = (part * self.sorted.len() as f64).ceil() as usize;
        let at = rank.saturating_sub(1).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(at).map_or(0.0, |&ns| ns as f64 / 1e6)
    }

    /// How many of something are done in a second at the median, if each time is so many; `-` if it is not known.
    pub(super) fn per_second(&self, each: Option<u64>) -> String {
        each.map_or_else(|| "-".to_owned(), |each| format!("{:.0}", each as f64 / self.median_ms() * 1e3))
    }

    pub(super) fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }
}

/// Prints one figure a line: the name, which has no blanks, and the value.
pub(super) fn print_figures(figures: &[(&str, String)]) -> Result<()> {
    let width = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = io::stdout().lock();
    for (name, value) in figures {
        writeln!(out, "{name:width$}  {value}")?;
    }
    Ok(())
}

/// Prints one line of a table at once, so that a long run shows where it is: a name, then cells to the right.
pub(super) fn print_row(name: &str, cells: &[String]) -> Result<()> {
    let mut line = format!("{name:24}");
    for cell in cells {
        line.push_str(&format!(" {cell:>12}"));
    }
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}

/// Milliseconds with as many digits as tell something.
pub(super) fn ms(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_nearest_rank() {
        let latencies = Latencies::new((1..=100).rev().map(|n| n * 1_000_000).collect());
        assert_eq!(latencies.count(), 100);
        let read = [0.0, 0.5, 0.9, 0.99, 0.991, 1.0].map(|part| latencies.quantile_ms(part));
        assert_eq!(read, [1.0, 50.0, 90.0, 99.0, 100.0, 100.0]);
    }

    #[test]
    fn quantiles_of_few_and_of_none() {
        assert_eq!(Latencies::new(vec![2_000_000]).median_ms(), 2.0);
        assert_eq!(Latencies::new(vec![3_000_000, 1_000_000, 2_000_000]).median_ms(), 2.0);
        assert_eq!(Latencies::default().quantile_ms(0.99), 0.0);
    }

    #[test]
    fn how_many_in_a_second() {
        let latencies = Latencies::new(vec![250_000_000]);
        assert_eq!(latencies.per_second(Some(1000)), "4000");
        assert_eq!(latencies.per_second(None), "-");
    }
}
