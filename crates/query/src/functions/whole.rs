//! Functions that make a sequence of rows another one as a whole: rows have other times than those that were read, or come when all are
//! known. What they read is executed by itself, and its rows are taken as they come; [`crate::exec::join`] puts the results beside others.

use super::holt_winters::Forecast;
use super::integral::Integral;
use super::transform::Running;
use crate::QueryError;
use crate::datum::Datum;
use model::Value;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The area under raw points.
    Integral,
    /// A forecast of an aggregate.
    Forecast,
    /// The same, and what was fitted.
    ForecastWithFit,
    /// How many values sketches saw.
    CountSketch,
}

impl Whole {
    /// What InfluxDB calls it where it refuses a type.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Integral => "integral",
            Self::CountSketch => "count_hll",
            // Its name for both is that of another function.
            Self::Forecast | Self::ForecastWithFit => "elapsed",
        }
    }
}

/// A function on its way through a sequence of rows.
#[derive(Debug)]
pub(crate) enum Machine {
    /// Points are made points.
    Each(Box<Running>),
    /// An area.
    Area(Integral),
    /// Sketches are counted.
    Count,
    /// A forecast, and the points that are known.
    Forecast(Forecast, Vec<(i64, f64)>),
}

/// Takes a row that was made: its time (ns) and value.
pub(crate) type Give<'a> = dyn FnMut(i64, Value<'_>) -> Result<(), QueryError> + 'a;

#[allow(clippy::cast_precision_loss)]
fn as_f64(value: Value<'_>) -> Option<f64> {
    Datum::from(value).as_f64()
}

impl Machine {
    /// Takes the next value.
    pub(crate) fn step(&mut self, time: i64, value: Value<'_>, give: &mut Give<'_>) -> Result<(), QueryError> {
        let made = match self {
            Self::Each(running) => running.step(time, value).map(|made| (time, made)),
            Self::Area(integral) => {
                let made = as_f64(value).and_then(|value| integral.step(time, value));
                made.map(|(time, area)| (time, Datum::Float(area)))
            }
            Self::Count => match value {
                Value::String(text) => super::sketch::count(text).map(|count| (time, Datum::Unsigned(count))),
                _ => None,
            },
            Self::Forecast(_, points) => {
                points.extend(as_f64(value).map(|value| (time, value)));
                None
            }
        };
        made.map_or(Ok(()), |(time, made)| give(time, made.value()))
    }

    /// Memory that it takes and will take until the end (bytes).
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Forecast(forecast, points) => {
                let buckets = forecast.buckets(points).map_or(0, |buckets| buckets.saturating_add(forecast.ahead));
                points.capacity() * size_of::<(i64, f64)>() + buckets.saturating_mul(4 * size_of::<f64>())
            }
            Self::Each(running) => running.window_bytes(),
            Self::Area(_) | Self::Count => 0,
        }
    }

    /// There are no more values.
    pub(crate) fn finish(
        self,
        check: &mut dyn FnMut() -> Result<(), QueryError>,
        give: &mut Give<'_>,
    ) -> Result<(), QueryError> {
        match self {
            Self::Each(_) | Self::Count => Ok(()),
            Self::Area(mut integral) => match integral.finish() {
                Some((time, area)) => give(time, Value::Float(area)),
                None => Ok(()),
            },
            Self::Forecast(forecast, points) => {
                let made = forecast.of(&points, check)?;
                made.into_iter().try_for_each(|(time, value)| give(time, Value::Float(value)))
            }
        }
    }
}
