//! The technical functions of markets: moving averages that forget, and measures of rises and falls. Each is a machine that takes
//! the values of a sequence in order, of any type, as floats, and gives a float for each; [`super::transform`] feeds it.
//!
//! The first values of a machine are of little worth and are held back: so many as it says itself, or as the query does.
//! Sums and differences are made in the order of InfluxDB's, for the last digits of the results are part of the answer.

use super::elementary;
use std::collections::VecDeque;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technical {
    /// An exponential moving average.
    Average,
    /// Twice it, less the average of it.
    DoubleAverage,
    /// Three times it, less three times the average of it, and the average of that.
    TripleAverage,
    /// The change of the average of the average of the average, in percent.
    TripleDerivative,
    /// How strong rises are against falls, from 0 to 100.
    Strength,
    /// Change against volatility.
    Efficiency,
    /// A mean that adapts to volatility.
    Adaptive,
    /// Rises minus falls over their sum, from -100 to 100.
    Momentum,
}

impl Technical {
    /// What InfluxDB calls it where it refuses a type.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Average => "exponential moving average",
            Self::DoubleAverage => "double exponential moving average",
            Self::TripleAverage => "triple exponential moving average",
            Self::TripleDerivative => "triple exponential derivative",
            Self::Strength => "relative strength index",
            Self::Efficiency => "kaufmans efficiency ratio",
            Self::Adaptive => "kaufmans adaptive moving average",
            Self::Momentum => "chande momentum oscillator",
        }
    }

    /// The ways to begin that it may be told.
    #[must_use]
    pub fn warmups(self) -> &'static [(&'static str, Warmup)] {
        const BOTH: [(&str, Warmup); 3] =
            [("none", Warmup::None), ("exponential", Warmup::Exponential), ("simple", Warmup::Simple)];
        match self {
            Self::Momentum => &BOTH,
            Self::Efficiency | Self::Adaptive => &[],
            _ => BOTH.split_at(1).1,
        }
    }
}

/// How an average begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warmup {
    /// As the function does if nothing is said.
    #[default]
    None,
    /// As if there had been fewer values to average.
    Exponential,
    /// As a plain mean.
    Simple,
}

/// What a call says of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How many values count, more or less.
    pub period: u32,
    /// How many values are held back; `None`: as many as the machine says.
    pub hold: Option<u32>,
    /// How averages begin.
    pub warmup: Warmup,
}

/// An exponential moving average on its way.
#[derive(Clone, Copy, Debug)]
struct Average {
    period: u32,
    /// The weight of a new value once there were enough.
    weight: f64,
    simple: bool,
    last: f64,
    count: u32,
}

impl Average {
    fn new(period: u32, simple: bool) -> Self {
        Self { period, weight: 2.0 / (f64::from(period) + 1.0), simple, last: 0.0, count: 0 }
    }

    /// One that weighs a new value by its part of the period, as of a plain mean.
    fn of_changes(period: u32, simple: bool) -> Self {
        Self { weight: 1.0 / f64::from(period), ..Self::new(period.saturating_add(1), simple) }
    }

    fn is_warm(&self) -> bool {
        self.count == self.period
    }

    fn add(&mut self, value: f64) -> f64 {
        let count = f64::from(self.count);
        self.last = if self.count == 0 {
            value
        } else if self.is_warm() {
            (value - self.last) * self.weight + self.last
        } else if self.simple {
            (self.last * count + value) / (count + 1.0)
        } else {
            let weight = 2.0 / (count + 2.0);
            (value - self.last) * weight + self.last
        };
        self.count = self.period.min(self.count + 1);
        self.last
    }

    /// The average of what `before` gave, which is taken as it is until that one is warm.
    fn follow(&mut self, before: Average, value: f64) -> f64 {
        if before.is_warm() || !before.simple { self.add(value) } else { value }
    }
}

/// Rises and falls, each averaged.
#[derive(Clone, Copy, Debug)]
struct Changes {
    rises: Average,
    falls: Average,
    last: f64,
}

impl Changes {
    fn add(&mut self, value: f64) -> (f64, f64) {
        let (rise, fall) = match value {
            value if value > self.last => (value - self.last, 0.0),
            value if value < self.last => (0.0, self.last - value),
            _ => (0.0, 0.0),
        };
        self.last = value;
        (self.rises.add(rise), self.falls.add(fall))
    }
}

/// The last values and their changes, and how much they moved on the whole.
#[derive(Clone, Debug)]
struct Moves {
    /// The oldest first; so many as the period is long, zeros at the beginning.
    points: VecDeque<(f64, f64)>,
    noise: f64,
    count: usize,
}

impl Moves {
    fn last(&self) -> f64 {
        self.points.back().map_or(0.0, |&(value, _)| value)
    }

    fn is_warm(&self) -> bool {
        self.count > self.points.len()
    }

    /// How much of all the movement has led somewhere.
    fn add(&mut self, value: f64) -> f64 {
        let (oldest, leaves) = self.points.pop_front().unwrap_or_default();
        // With a period of one the oldest value is the last one too.
        let last = self.points.back().map_or(oldest, |&(value, _)| value);
        let signal = (value - oldest).abs();
        let change = (value - last).abs();
        self.noise -= leaves;
        self.noise += change;
        self.points.push_back((value, change));
        if !self.is_warm() {
            self.count += 1;
        }
        if signal == 0.0 || self.noise == 0.0 { 0.0 } else { signal / self.noise }
    }
}

/// Rises and falls among the last values, each summed.
#[derive(Clone, Debug)]
struct Sums {
    /// Values and changes, the oldest first.
    points: VecDeque<(f64, f64)>,
    rises: f64,
    falls: f64,
    begun: bool,
}

impl Sums {
    fn add(&mut self, value: f64) -> f64 {
        let (_, leaves) = self.points.front().copied().unwrap_or_default();
        let mut change = 0.0;
        if self.begun {
            change = value - self.points.back().map_or(value, |&(last, _)| last);
            self.take(change, 1.0);
        }
        self.begun = true;
        let all = self.rises + self.falls;
        let is_still = self.rises == 0.0 && self.falls == 0.0;
        let share = if is_still { 0.0 } else { 100.0 * ((self.rises - self.falls) / all) };
        self.take(leaves, -1.0);
        self.points.pop_front();
        self.points.push_back((value, change));
        share
    }

    fn take(&mut self, change: f64, sign: f64) {
        if change > 0.0 {
            self.rises += sign * change;
        } else if change < 0.0 {
            self.falls -= sign * change;
        }
    }
}

#[derive(Clone, Debug)]
enum State {
    Averages([Average; 3]),
    Changes(Changes),
    Moves(Moves, f64),
    Sums(Sums),
}

/// A function on its way through a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    kernel: Technical,
    state: State,
    /// The last average, of which the change is asked for.
    last: f64,
    /// How many values are held back yet.
    hold: u32,
}

impl Machine {
    /// At the beginning.
    pub(crate) fn new(kernel: Technical, settings: Settings) -> Self {
        let Settings { period, hold, warmup } = settings;
        let simple = warmup == Warmup::Simple;
        let points = |count: u32| VecDeque::from(vec![(0.0, 0.0); count.max(1) as usize]);
        let changes = Average::of_changes(period, simple);
        let state = match kernel {
            Technical::Strength => State::Changes(Changes { rises: changes, falls: changes, last: 0.0 }),
            Technical::Momentum if warmup != Warmup::None => {
                State::Changes(Changes { rises: changes, falls: changes, last: 0.0 })
            }
            Technical::Momentum => {
                let points = points(period.saturating_sub(1));
                State::Sums(Sums { points, rises: 0.0, falls: 0.0, begun: false })
            }
            Technical::Efficiency | Technical::Adaptive => {
                State::Moves(Moves { points: points(period), noise: 0.0, count: 0 }, 0.0)
            }
            _ => State::Averages([Average::new(period, simple); 3]),
        };
        let average = period.saturating_sub(1);
        let own = match (kernel, &state) {
            (Technical::Average, _) | (_, State::Sums(_)) => average,
            (Technical::DoubleAverage, _) => average.saturating_mul(if simple { 2 } else { 1 }),
            (Technical::TripleAverage, _) => average.saturating_mul(if simple { 3 } else { 1 }),
            (Technical::TripleDerivative, _) => average.saturating_mul(if simple { 3 } else { 1 }).saturating_add(1),
            _ => period,
        };
        Self { kernel, state, last: 0.0, hold: hold.unwrap_or(own) }
    }

    /// Memory of a machine with such a period (bytes).
    pub(crate) fn bytes(kernel: Technical, settings: Settings) -> usize {
        let keeps = match kernel {
            Technical::Efficiency | Technical::Adaptive => true,
            Technical::Momentum => settings.warmup == Warmup::None,
            _ => false,
        };
        if keeps { settings.period as usize * size_of::<(f64, f64)>() } else { 0 }
    }

    /// Takes the next value, and gives one once enough were held back; changes without a measure are no values.
    pub(crate) fn add(&mut self, value: f64) -> Option<f64> {
        let given = self.step(value);
        if self.hold > 0 {
            self.hold -= 1;
            return None;
        }
        let drops = matches!(self.kernel, Technical::TripleDerivative | Technical::Efficiency | Technical::Adaptive);
        (!drops || !given.is_infinite()).then_some(given)
    }

    fn step(&mut self, value: f64) -> f64 {
        match &mut self.state {
            State::Averages([first, second, third]) => {
                let one = first.add(value);
                if self.kernel == Technical::Average {
                    return one;
                }
                let two = second.follow(*first, one);
                if self.kernel == Technical::DoubleAverage {
                    return 2.0 * one - two;
                }
                let begun = first.is_warm() || !first.simple;
                let three =
                    if begun || self.kernel == Technical::TripleAverage { third.follow(*second, two) } else { two };
                if self.kernel == Technical::TripleAverage {
                    return 3.0 * one - 3.0 * two + three;
                }
                let change = ((three / self.last) - 1.0) * 100.0;
                self.last = three;
                change
            }
            State::Changes(changes) => {
                let (rises, falls) = changes.add(value);
                match self.kernel {
                    Technical::Momentum => 100.0 * ((rises - falls) / (rises + falls)),
                    _ => 100.0 - (100.0 / (1.0 + rises / falls)),
                }
            }
            State::Moves(moves, mean) if self.kernel == Technical::Adaptive => {
                if !moves.is_warm() {
                    *mean = moves.last();
                }
                // Between the weights of averages over 2 and over 30 values.
                let (slow, wide) = (2.0 / 31.0, 56.0 / 93.0);
                let weight = elementary::pow(moves.add(value) * wide + slow, 2.0);
                *mean += weight * (value - *mean);
                *mean
            }
            State::Moves(moves, _) => moves.add(value),
            State::Sums(sums) => sums.add(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: Technical, settings: Settings) -> Vec<Option<f64>> {
        let mut machine = Machine::new(kernel, settings);
        [1.5, 2.5, -3.25, 4.0, 6.125, 2.5, 1.5].into_iter().map(|value| machine.add(value)).collect()
    }

    fn settings(period: u32) -> Settings {
        Settings { period, ..Settings::default() }
    }

    /// What a real InfluxDB gave for these values.
    #[test]
    fn values_are_influxdbs() {
        let average =
            [2.1666666666666665, -1.4444444444444442, 2.1851851851851856, 4.811728395061728, 3.2705761316872426];
        assert_eq!(run(Technical::Average, settings(2))[1..6], average.map(Some));
        let strength = [16.86746987951807, 73.15175097276264, 80.77994428969359, 41.01838755304102, 32.25806451612904];
        assert_eq!(run(Technical::Strength, settings(2))[2..], strength.map(Some));
        let momentum = [100.0, -70.37037037037037, 11.538461538461538, 100.0, -26.08695652173913, -100.0];
        assert_eq!(run(Technical::Momentum, settings(2))[1..], momentum.map(Some));
        let change = [66.66666666666667, -229.99999999999997, -223.0769230769231, 53.125, -59.183673469387756, -40.0];
        assert_eq!(run(Technical::TripleDerivative, settings(1))[1..], change.map(Some));
        assert_eq!(run(Technical::Efficiency, settings(1))[1..], [Some(1.0); 6]);
    }

    #[test]
    fn values_are_held_back() {
        let none = |kernel, settings| run(kernel, settings).iter().filter(|value| value.is_none()).count();
        let simple = |period| Settings { warmup: Warmup::Simple, ..settings(period) };
        assert_eq!(none(Technical::TripleAverage, settings(3)), 2);
        assert_eq!(none(Technical::TripleAverage, simple(3)), 6);
        assert_eq!(none(Technical::TripleDerivative, simple(2)), 4);
        assert_eq!(none(Technical::Momentum, settings(3)), 2);
        assert_eq!(none(Technical::Momentum, simple(3)), 3);
        assert_eq!(none(Technical::Average, Settings { hold: Some(5), ..settings(2) }), 5);
        // A measure of nothing is left out.
        assert_eq!(none(Technical::TripleDerivative, Settings { hold: Some(0), ..settings(2) }), 1);
    }
}
