//! Forecasts by the method of Holt and Winters, with a damped trend and seasons that multiply: level, trend, seasonal factors and the
//! four weights are those that fit the values best, looked for by the simplex of Nelder and Mead from sixteen starts.
//!
//! Steps are those of InfluxDB, down to the order of sums, since its forecasts are compared to the last digit. What it takes longest to
//! do is evaluated through `check`, which may end it.

use super::elementary::pow;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How many values ahead.
    pub(crate) ahead: usize,
    /// How many values a season has; below 2 for none.
    pub(crate) season: usize,
    /// Whether the fitted values are wanted too.
    pub(crate) with_fit: bool,
    /// Time between values (ns).
    pub(crate) interval: i64,
}

/// The most rounds of the simplex.
const ROUNDS: usize = 1_000;
/// It has come to rest when the values at its corners deviate less.
const REST: f64 = 1.0e-4;
/// What each weight starts from.
const STARTS: [f64; 2] = [0.3, 0.3 + 0.4];
/// Where the level and the trend stand among the parameters, and the first seasonal factor.
const LEVEL: usize = 4;
const TREND: usize = 5;
const FACTORS: usize = 6;

impl Forecast {
    fn is_seasonal(&self) -> bool {
        self.season >= 2
    }

    /// The bucket of an instant, the nearest one.
    fn nearest(&self, time: i64) -> i64 {
        let up = time % self.interval > self.interval / 2;
        time / self.interval + i64::from(up)
    }

    /// How many buckets some points take, if they are as many as a forecast needs.
    pub(crate) fn buckets(&self, points: &[(i64, f64)]) -> Option<usize> {
        let ([first, .., last], true) = (points, self.ahead > 0) else { return None };
        if self.is_seasonal() && points.len() < self.season {
            return None;
        }
        let count = self.nearest(last.0).checked_sub(self.nearest(first.0))?;
        usize::try_from(count).ok().filter(|&count| count > 0).map(|count| count + 1)
    }

    /// The forecast of points in order of time: times (ns) and values. `check` is asked now and then.
    pub(crate) fn of<E>(
        &self,
        points: &[(i64, f64)],
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Vec<(i64, f64)>, E> {
        if self.buckets(points).is_none() {
            return Ok(Vec::new());
        }
        let values = self.spread(points);
        if self.is_seasonal() && values.len() < self.season {
            return Ok(Vec::new());
        }
        let mut fit = Fit { values: &values, seasonal: self.is_seasonal(), made: Vec::new() };
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut start = self.start(&values);
        for at in 0..STARTS.len().pow(4) {
            for (weight, bit) in (0..4).rev().enumerate() {
                start[weight] = STARTS[at >> bit & 1];
            }
            let (error, found) = simplex(&mut |x| fit.error(x), &start, check)?;
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, found));
            }
        }
        let (_, mut found) = best.unwrap_or_default();
        fit.forecast(self.ahead, &mut found);
        let (from, time) =
            if self.with_fit { (0, points[0].0) } else { (values.len(), points[points.len() - 1].0 + self.interval) };
        let times = (0..).map(|step: i64| time.wrapping_add(step.wrapping_mul(self.interval)));
        Ok(times.zip(fit.made[from..].iter().copied()).filter(|(_, value)| !value.is_nan()).collect())
    }

    /// A value a bucket, NaN where there is none; of several in one bucket the first.
    fn spread(&self, points: &[(i64, f64)]) -> Vec<f64> {
        let mut bucket = self.nearest(points[0].0);
        let mut values = vec![points[0].1];
        for &(time, value) in &points[1..] {
            let next = self.nearest(time);
            if next <= bucket {
                continue;
            }
            values.extend((bucket + 1..next).map(|_| f64::NAN));
            values.push(value);
            bucket = next;
        }
        values
    }

    /// The level, trend and factors to start from, behind room for the weights.
    #[allow(clippy::cast_precision_loss)]
    fn start(&self, values: &[f64]) -> Vec<f64> {
        const HALF: f64 = 0.5;
        let mut start = vec![0.0; FACTORS];
        if !self.is_seasonal() {
            start[LEVEL] += HALF * values[0];
            if !values[1].is_nan() {
                start[TREND] = HALF * (values[1] - values[0]);
            }
            return start;
        }
        let season = self.season;
        let known = |at: &usize| !values[*at].is_nan();
        for at in (0..season).filter(known) {
            start[LEVEL] += (1.0 / season as f64) * values[at];
        }
        for at in (0..season.min(values.len().saturating_sub(season))).filter(known) {
            if !values[season + at].is_nan() {
                start[TREND] += 1.0 / (season * season) as f64 * (values[season + at] - values[at]);
            }
        }
        let level = start[LEVEL];
        start.extend((0..season).map(|at| if known(&at) { values[at] / level } else { 0.0 }));
        start
    }
}

/// Values, and what parameters make of them.
struct Fit<'a> {
    values: &'a [f64],
    seasonal: bool,
    /// The values that the last parameters gave.
    made: Vec<f64>,
}

impl Fit<'_> {
    /// Makes a value for each that is known, and `ahead` more. Weights are kept between 0 and 1, and factors are changed in place, as by
    /// InfluxDB: the next round starts from them.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn forecast(&mut self, ahead: usize, parameters: &mut [f64]) {
        parameters[..LEVEL].iter_mut().for_each(|weight| *weight = limited(*weight));
        let (weights, factors) = parameters.split_at_mut(FACTORS);
        let [alpha, beta, gamma, phi, mut level, mut trend] = *weights else { return };
        let season = factors.len();
        let mut offset = season.wrapping_sub(1);
        let mut value = self.values[0];
        let mut damped = phi;
        self.made.clear();
        self.made.push(value);
        for step in 1..self.values.len() + ahead {
            let (mut factor, mut ahead_factor) = (1.0, 1.0);
            if self.seasonal {
                factor = factors[(step + offset - season) % season];
                ahead_factor = factors[(step + offset - season + step % season) % season];
            }
            let before = level;
            let base = level + phi * trend;
            level = alpha * (value / factor) + (1.0 - alpha) * base;
            let old = trend;
            trend = beta * (level - before) + (1.0 - beta) * phi * old;
            let new_factor = gamma * (value / base) + (1.0 - gamma) * factor;
            value = (level + damped * trend) * ahead_factor;
            damped += pow(phi, step as f64);
            if self.seasonal {
                factors[(step + offset) % season] = new_factor;
                offset += 1;
            }
            self.made.push(value);
        }
    }

    /// The sum of squares of what is wrong.
    fn error(&mut self, parameters: &mut [f64]) -> f64 {
        self.forecast(0, parameters);
        let mut sum = 0.0;
        for (made, value) in self.made.iter().zip(self.values) {
            if value.is_nan() {
                continue;
            }
            if made.is_nan() {
                return f64::INFINITY;
            }
            let wrong = made - value;
            sum += wrong * wrong;
        }
        sum
    }
}

/// NaN stays.
fn limited(weight: f64) -> f64 {
    weight.clamp(0.0, 1.0)
}

/// The corners of a simplex, and the function's values there.
struct Simplex<'f> {
    function: &'f mut dyn FnMut(&mut [f64]) -> f64,
    corners: Vec<Vec<f64>>,
    values: Vec<f64>,
}

/// The least value of a function that was found, and where: by Nelder and Mead, in the form of M. Hutt. The function may move the place
/// that it is asked about.
fn simplex<E>(
    function: &mut dyn FnMut(&mut [f64]) -> f64,
    start: &[f64],
    check: &mut dyn FnMut() -> Result<(), E>,
) -> Result<(f64, Vec<f64>), E> {
    let mut simplex = Simplex::new(function, start);
    for _ in 0..ROUNDS {
        check()?;
        simplex.round();
        if simplex.deviation() < REST {
            break;
        }
    }
    let least = simplex.least();
    let mut found = simplex.corners[least].clone();
    // The place as the corner has it then is the answer, not the one that this last look moves.
    let place = found.clone();
    Ok(((simplex.function)(&mut found), place))
}

impl<'f> Simplex<'f> {
    #[allow(clippy::cast_precision_loss)]
    fn new(function: &'f mut dyn FnMut(&mut [f64]) -> f64, start: &[f64]) -> Self {
        let count = start.len();
        let n = count as f64;
        let root = (n + 1.0).sqrt() - 1.0;
        let far = 1.0 * (root + n) / (n * std::f64::consts::SQRT_2);
        let near = 1.0 * root / (n * std::f64::consts::SQRT_2);
        let mut corners = vec![start.to_vec()];
        for corner in 0..count {
            let moved = |(at, from): (usize, &f64)| if at == corner { far + from } else { near + from };
            corners.push(start.iter().enumerate().map(moved).collect());
        }
        let values = corners.iter_mut().map(|corner| function(corner)).collect();
        Self { function, corners, values }
    }

    /// The first corner with the least value.
    fn least(&self) -> usize {
        (0..self.values.len()).fold(0, |least, at| if self.values[at] < self.values[least] { at } else { least })
    }

    fn replace(&mut self, corner: usize, (value, place): (f64, Vec<f64>)) {
        self.corners[corner] = place;
        self.values[corner] = value;
    }

    /// The function's value at a place, and the place as it left it.
    fn look(&mut self, mut place: Vec<f64>) -> (f64, Vec<f64>) {
        ((self.function)(&mut place), place)
    }

    #[allow(clippy::cast_precision_loss)]
    fn round(&mut self) {
        let all = 0..self.values.len();
        let least = self.least();
        let worst = all.clone().fold(0, |worst, at| if self.values[at] > self.values[worst] { at } else { worst });
        let second = all.clone().fold(least, |second, at| {
            if self.values[at] > self.values[second] && self.values[at] < self.values[worst] { at } else { second }
        });
        let count = self.values.len() - 1;
        let middle: Vec<f64> = (0..count)
            .map(|axis| {
                let others = all.clone().filter(|&corner| corner != worst);
                others.fold(0.0, |sum, corner| sum + self.corners[corner][axis]) / count as f64
            })
            .collect();
        let away = |from: &[f64]| -> Vec<f64> {
            middle.iter().zip(from).map(|(middle, from)| middle + 1.0 * (middle - from)).collect()
        };
        let (value, place) = self.look(away(&self.corners[worst]));
        let between = |factor: f64| -> Vec<f64> {
            middle.iter().zip(&place).map(|(middle, place)| middle + factor * (place - middle)).collect()
        };
        let best = self.values[least];
        if value < self.values[second] && value >= best {
            self.replace(worst, (value, place.clone()));
        }
        if value < best {
            let further = self.look(between(2.0));
            self.replace(worst, if further.0 < value { further } else { (value, place.clone()) });
        }
        // Where all corners were alike, the second one has another value by now.
        if value < self.values[second] || value.is_nan() {
            return;
        }
        let nearer = if value < self.values[worst] {
            between(0.5)
        } else {
            let from = &self.corners[worst];
            middle.iter().zip(from).map(|(middle, from)| middle - 0.5 * (middle - from)).collect()
        };
        let nearer = self.look(nearer);
        if nearer.0 < self.values[worst] {
            self.replace(worst, nearer);
        } else {
            self.shrink((least, worst, second));
        }
    }

    /// Halves the way of all corners to the least one. Only two of the values are looked at anew, as in InfluxDB.
    fn shrink(&mut self, (least, worst, second): (usize, usize, usize)) {
        let to = self.corners[least].clone();
        for (_, corner) in self.corners.iter_mut().enumerate().filter(|(at, _)| *at != least) {
            corner.iter_mut().zip(&to).for_each(|(place, to)| *place = to + (*place - to) / 2.0);
        }
        for at in [worst, second] {
            self.values[at] = (self.function)(&mut self.corners[at]);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn deviation(&self) -> f64 {
        let count = (self.values.len() - 1) as f64;
        let mean = self.values.iter().fold(0.0, |sum, value| sum + value) / (count + 1.0);
        let squares = self.values.iter().fold(0.0, |sum, value| sum + pow(value - mean, 2.0) / count);
        squares.sqrt()
    }
}

#[cfg(test)]
mod tests;
