//! Durations `1w2d3h4m5s6ms7u8ns` to nanoseconds and back to their shortest single-unit form.

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Nanoseconds of a duration such as `1h30m` (units w d h m s ms u µ ns; a leading `-` is allowed).
///
/// # Errors
/// `invalid duration`, or `overflowed duration ..` beyond 292 years.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    const INVALID: &str = "invalid duration";
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if text.len() < 2 {
        return Err(INVALID.to_owned());
    }
    let mut total = Some(0_i64);
    let mut last = (0_i64, "");
    while !rest.is_empty() {
        let digits = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let count: i64 = rest[..digits].parse().map_err(|_| INVALID.to_owned())?;
        rest = &rest[digits..];
        let (unit, nanos) = leading_unit(rest).ok_or_else(|| INVALID.to_owned())?;
        rest = &rest[unit.len()..];
        total = count.checked_mul(nanos).and_then(|part| total?.checked_add(part));
        last = (count, unit);
    }
    match total {
        Some(total) if negative => Ok(-total),
        Some(total) => Ok(total),
        None => Err(format!("overflowed duration {}{}: choose a smaller duration or INF", last.0, last.1)),
    }
}

/// The unit at the start of `text` and its nanoseconds.
fn leading_unit(text: &str) -> Option<(&str, i64)> {
    const UNITS: [(&str, i64); 9] = [
        ("ns", 1),
        ("ms", MILLISECOND),
        ("u", MICROSECOND),
        ("µ", MICROSECOND),
        ("m", MINUTE),
        ("s", SECOND),
        ("h", HOUR),
        ("d", DAY),
        ("w", WEEK),
    ];
    UNITS.into_iter().find(|(unit, _)| text.starts_with(unit))
}

/// The duration in the largest unit that divides it: `90m`, `0s`.
pub fn format_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    const UNITS: [(i64, &str); 7] =
        [(WEEK, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "u")];
    for (size, unit) in UNITS {
        if nanos % size == 0 {
            return format!("{}{unit}", nanos / size);
        }
    }
    format!("{nanos}ns")
}

/// The duration as hours, minutes and seconds, Go's own form: `168h0m0s`, `1m30s`, `1.5s`, `2ms`, `0s`.
pub fn format_clock(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if size < second {
        let (unit, name) = match size {
            0 => return "0s".to_owned(),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(size, unit));
    }
    let seconds = decimal(size % (60 * second), second);
    let minutes = size / (60 * second);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` in full, `unit` a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        assert_eq!(parse_duration("1w2d3h4m5s6ms7u8ns"), Ok(WEEK + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5_006_007_008));
        assert_eq!(parse_duration("3µ"), Ok(3_000));
        assert_eq!(parse_duration("-2m"), Ok(-2 * MINUTE));
        assert_eq!(parse_duration("-"), Err("invalid duration".to_owned()));
        assert_eq!(parse_duration(""), Err("invalid duration".to_owned()));
        assert_eq!(parse_duration("1x"), Err("invalid duration".to_owned()));
        assert_eq!(parse_duration("10n"), Err("invalid duration".to_owned()));
        assert_eq!(
            parse_duration("16000w"),
            Err("overflowed duration 16000w: choose a smaller duration or INF".to_owned())
        );
    }

    #[test]
    fn printed_in_the_largest_whole_unit() {
        assert_eq!(format_duration(90 * MINUTE), "90m");
        assert_eq!(format_duration(14 * DAY), "2w");
        assert_eq!(format_duration(0), "0s");
        assert_eq!(format_duration(-1_500_000), "-1500u");
        assert_eq!(format_duration(7), "7ns");
    }

    #[test]
    fn clock_form_is_that_of_go() {
        assert_eq!(format_clock(7 * DAY), "168h0m0s");
        assert_eq!(format_clock(90 * SECOND), "1m30s");
        assert_eq!(format_clock(1_500_000_000), "1.5s");
        assert_eq!(format_clock(1_050_000), "1.05ms");
        assert_eq!(format_clock(-3_000), "-3µs");
        assert_eq!(format_clock(0), "0s");
    }
}
