//! Forecasts are those of a real InfluxDB; too few values give none.

use super::*;

fn forecast(ahead: usize, season: usize, with_fit: bool, values: &[f64]) -> Vec<(i64, f64)> {
    let points: Vec<(i64, f64)> =
        (0..).map(|at: i64| at * 10).zip(values.iter().copied()).filter(|(_, value)| !value.is_nan()).collect();
    let asked = Forecast { ahead, season, with_fit, interval: 10 };
    asked.of(&points, &mut || Ok::<(), ()>(())).unwrap()
}

#[test]
fn too_few_values_give_none() {
    assert_eq!(forecast(3, 0, true, &[]), []);
    assert_eq!(forecast(3, 0, true, &[1.0]), []);
    assert_eq!(forecast(3, 4, true, &[1.0, 2.0, 3.0]), []);
    assert_eq!(forecast(0, 0, true, &[1.0, 2.0, 3.0]), []);
}

#[test]
fn the_fit_begins_with_the_first_value_and_the_forecast_follows_the_last() {
    let values = [2.0, 4.0, 6.0, f64::NAN, 10.0];
    let fitted = forecast(2, 0, true, &values);
    assert_eq!(fitted.iter().map(|&(time, _)| time).collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50, 60]);
    assert_eq!(fitted[0].1.to_bits(), 2.0_f64.to_bits());
    assert_eq!(forecast(2, 0, false, &values), fitted[5..]);
}

#[test]
fn asked_to_stop_it_stops() {
    let asked = Forecast { ahead: 1, season: 0, with_fit: false, interval: 1 };
    assert_eq!(asked.of(&[(0, 1.0), (1, 2.0), (2, 4.0)], &mut || Err("stop")), Err("stop"));
}
