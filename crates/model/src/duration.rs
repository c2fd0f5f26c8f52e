//! Printing of durations (ns, `i64`) in the two forms that clients read: InfluxQL's `1h30m`, which parses back, and Go's
//! `168h0m0s`, which SHOW RETENTION POLICIES and error texts use.

const UNITS: [(i64, &str); 8] = [
    (604_800_000_000_000, "w"),
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "m"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "u"),
    (1, "ns"),
];

/// A duration (ns) in InfluxQL: the greatest unit that divides it, `0s` for zero.
#[must_use]
pub fn influxql(duration: i64) -> String {
    if duration == 0 {
        return "0s".to_owned();
    }
    let (size, unit) = UNITS.into_iter().find(|(size, _)| duration % size == 0).unwrap_or((1, "ns"));
    format!("{}{unit}", duration / size)
}

/// A duration (ns) as Go's `time.Duration` prints it: `1h0m0s`, `1.5s`, `0s`.
#[must_use]
pub fn go(duration: i64) -> String {
    let sign = if duration < 0 { "-" } else { "" };
    let ns = duration.unsigned_abs();
    if ns == 0 {
        return "0s".to_owned();
    }
    if ns < 1_000_000_000 {
        let (size, unit) = match ns {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{unit}", decimal(ns, size));
    }
    let seconds = decimal(ns % 60_000_000_000, 1_000_000_000);
    let minutes = ns / 60_000_000_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `number / size` as a decimal fraction without trailing zeros; `size` is a power of ten.
fn decimal(number: u64, size: u64) -> String {
    let (whole, rest) = (number / size, number % size);
    if rest == 0 {
        return whole.to_string();
    }
    let width = size.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_prints() {
        for (ns, text) in [
            (0, "0s"),
            (604_800_000_000_000, "168h0m0s"),
            (90_000_000_000, "1m30s"),
            (1_500_000_000, "1.5s"),
            (1_500, "1.5µs"),
            (14_000, "14µs"),
            (201_000_000, "201ms"),
            (-3_600_000_000_000, "-1h0m0s"),
        ] {
            assert_eq!(go(ns), text);
        }
    }

    #[test]
    fn as_influxql_prints() {
        for (ns, text) in [(0, "0s"), (604_800_000_000_000, "1w"), (5_400_000_000_000, "90m"), (1_001, "1001ns")] {
            assert_eq!(influxql(ns), text);
        }
    }
}
