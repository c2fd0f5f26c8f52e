//! The time part of WHERE: bounds are taken out of the condition, what is left goes on.
//!
//! Time predicates joined by AND are intersected and vanish from the condition. Under OR the range becomes the hull of the
//! members' ranges, and the whole OR stays as a condition in which `time` is compared row by row ([`Part::Time`]).

use crate::QueryError;
use influxql::ast::{BinaryOp, Expr};
use model::time::{Civil, MAX_TIME, MIN_TIME, civil_from_days, days_from_civil};
use model::{TimeRange, Zone, time};

/// A condition whose time predicates are ranges.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// No condition.
    True,
    /// Times in this range (ns).
    Time(TimeRange),
    /// Anything but AND, OR and time.
    Other(Expr),
    /// All hold.
    And(Vec<Part>),
    /// At least one holds.
    Or(Vec<Part>),
}

/// A condition, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct When {
    /// The times that can fulfil it; an open end is `i64::MIN` or `i64::MAX`.
    pub(crate) range: TimeRange,
    /// What else must hold.
    pub(crate) rest: Part,
}

/// What words such as `now()` and times without a zone mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The time (ns) of `now()`.
    pub(crate) now: i64,
    /// The clocks that texts are read by; `None`: UTC.
    pub(crate) zone: Option<&'static Zone>,
}

impl Clock {
    /// UTC.
    pub(crate) fn utc(now: i64) -> Self {
        Self { now, zone: None }
    }
}

/// Takes the time bounds out of a condition.
pub(crate) fn split(condition: Option<&Expr>, clock: Clock) -> Result<When, QueryError> {
    match condition {
        None => Ok(When { range: TimeRange::ALL, rest: Part::True }),
        Some(expr) => part(expr, clock),
    }
}

fn part(expr: &Expr, clock: Clock) -> Result<When, QueryError> {
    match expr {
        Expr::Paren(inner) => part(inner, clock),
        Expr::And(members) => {
            let mut range = TimeRange::ALL;
            let mut rest = Vec::new();
            for member in members {
                let when = part(member, clock)?;
                range = range.intersect(&when.range);
                match when.rest {
                    Part::True => {}
                    Part::And(more) => rest.extend(more),
                    other => rest.push(other),
                }
            }
            let rest = if rest.len() > 1 { Part::And(rest) } else { rest.pop().unwrap_or(Part::True) };
            Ok(When { range, rest })
        }
        Expr::Or(members) => {
            let members = members.iter().map(|member| part(member, clock)).collect::<Result<Vec<_>, _>>()?;
            Ok(either(members))
        }
        Expr::Binary { op, lhs, rhs } if op.is_comparison() => comparison(*op, lhs, rhs, clock, expr),
        Expr::Binary { op, lhs, rhs } if is_time(lhs) || is_time(rhs) => {
            Err(QueryError::Invalid(format!("invalid time comparison operator: {}", op.symbol())))
        }
        Expr::Boolean(_) | Expr::Binary { .. } => Ok(When { range: TimeRange::ALL, rest: Part::Other(expr.clone()) }),
        other => Err(QueryError::Invalid(format!("invalid condition expression: {other}"))),
    }
}

fn either(members: Vec<When>) -> When {
    let hull = members.iter().map(|member| member.range).filter(|range| !range.is_empty());
    let range = hull.reduce(|left, right| left.union(&right)).unwrap_or(TimeRange { start: 1, end: 0 });
    let parts = members.into_iter().map(|member| match (member.range, member.rest) {
        (TimeRange::ALL, rest) => rest,
        (range, Part::True) => Part::Time(range),
        (range, rest) => Part::And(vec![Part::Time(range), rest]),
    });
    When { range, rest: Part::Or(parts.collect()) }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr.without_parens(), Expr::VarRef { name, .. } if name.eq_ignore_ascii_case("time"))
}

fn comparison(op: BinaryOp, lhs: &Expr, rhs: &Expr, clock: Clock, whole: &Expr) -> Result<When, QueryError> {
    let range = if is_time(lhs) {
        bounds(op, rhs, clock)?
    } else if is_time(rhs) {
        bounds(op.mirrored(), lhs, clock)?
    } else {
        return Ok(When { range: TimeRange::ALL, rest: Part::Other(whole.clone()) });
    };
    Ok(When { range, rest: Part::True })
}

fn bounds(op: BinaryOp, value: &Expr, clock: Clock) -> Result<TimeRange, QueryError> {
    let time = instant(value, clock)?;
    let (start, end) = match op {
        BinaryOp::Eq => (time, time),
        BinaryOp::Gt => (time.saturating_add(1), i64::MAX),
        BinaryOp::Ge => (time, i64::MAX),
        BinaryOp::Lt => (i64::MIN, time.saturating_sub(1)),
        BinaryOp::Le => (i64::MIN, time),
        other => return Err(QueryError::Invalid(format!("invalid time comparison operator: {}", other.symbol()))),
    };
    // To InfluxDB, the first time of all is no bound.
    Ok(TimeRange { start: if start == MIN_TIME { i64::MIN } else { start }, end })
}

/// What a time expression comes to.
enum Moment {
    /// An instant (ns).
    Instant(i128),
    /// A span (ns), which alone means since 1970.
    Span(i128),
    /// A plain number.
    Number(i128),
}

/// The instant (ns) that an expression beside `time` means.
fn instant(value: &Expr, clock: Clock) -> Result<i64, QueryError> {
    let time = match evaluate(value, clock)? {
        Moment::Instant(time) | Moment::Span(time) => time,
        // InfluxDB takes any number here.
        Moment::Number(time) => return Ok(i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })),
    };
    let limited = |word: &str| {
        let seconds = i64::try_from(time.div_euclid(i128::from(time::SECOND))).unwrap_or(0);
        let nearest = i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX });
        let offset = clock.zone.map_or(0, |zone| zone.offset(nearest)).div_euclid(time::SECOND);
        QueryError::Invalid(format!("time {} {word} time literal", rfc3339_seconds(seconds, offset)))
    };
    if time > i128::from(MAX_TIME) {
        return Err(limited("overflows"));
    }
    if time <= i128::from(MIN_TIME) {
        return Err(limited("underflows"));
    }
    i64::try_from(time).map_err(|_| limited("overflows"))
}

/// A time by clocks that are `offset` seconds before UTC.
fn rfc3339_seconds(seconds: i64, offset: i64) -> String {
    let shown = seconds.saturating_add(offset);
    let (year, month, day) = civil_from_days(shown.div_euclid(86_400));
    let of_day = shown.rem_euclid(86_400);
    let minutes = offset.abs() / 60;
    let zone = match offset {
        0 => "Z".to_owned(),
        _ => format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60),
    };
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{zone}", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

fn evaluate(value: &Expr, clock: Clock) -> Result<Moment, QueryError> {
    let unfit =
        |name: &str| QueryError::Invalid(format!("invalid operation: time and *influxql.{name} are not compatible"));
    match value {
        Expr::Paren(inner) => match inner.without_parens() {
            text @ Expr::String(_) => evaluate(text, clock).map_err(|_| unfit("StringLiteral")),
            other => evaluate(other, clock),
        },
        Expr::Integer(number) => Ok(Moment::Number(i128::from(*number))),
        #[allow(clippy::cast_possible_truncation)]
        Expr::Number(number) => Ok(Moment::Number(i128::from(*number as i64))),
        Expr::Duration(span) => Ok(Moment::Span(i128::from(*span))),
        Expr::String(text) => match looks_like_time(text) {
            true => parse_time(text, clock.zone)
                .map(Moment::Instant)
                .ok_or_else(|| QueryError::Invalid("invalid timestamp string".into())),
            false => Err(unfit("StringLiteral")),
        },
        Expr::Call { name, args } if name == "now" && args.is_empty() => Ok(Moment::Instant(i128::from(clock.now))),
        Expr::Binary { op, lhs, rhs } => {
            let side = |side: &Expr| evaluate(side, clock).map_err(|_| unfit("BinaryExpr"));
            let (left, right) = (side(lhs)?, side(rhs)?);
            // Whole numbers beside an instant are nanoseconds, others are not.
            let is_fraction = |side: &Expr| matches!(side.without_parens(), Expr::Number(_));
            let is_instant = matches!(left, Moment::Instant(_)) || matches!(right, Moment::Instant(_));
            if is_instant && (is_fraction(lhs) || is_fraction(rhs)) {
                return Err(unfit("BinaryExpr"));
            }
            combine(*op, left, right).ok_or_else(|| unfit("BinaryExpr"))
        }
        Expr::Boolean(_) => Err(unfit("BooleanLiteral")),
        Expr::Unsigned(_) => Err(unfit("UnsignedLiteral")),
        Expr::VarRef { .. } => Err(unfit("VarRef")),
        Expr::Call { .. } => Err(unfit("Call")),
        Expr::Regex(_) => Err(unfit("RegexLiteral")),
        _ => Err(unfit("BinaryExpr")),
    }
}

fn combine(op: BinaryOp, left: Moment, right: Moment) -> Option<Moment> {
    use Moment::{Instant, Number, Span};
    Some(match (op, left, right) {
        (BinaryOp::Add, Instant(left), Span(right)) | (BinaryOp::Add, Span(left), Instant(right)) => {
            Instant(left + right)
        }
        (BinaryOp::Add, Instant(left), Number(right)) | (BinaryOp::Add, Number(left), Instant(right)) => {
            Instant(left + right)
        }
        (BinaryOp::Sub, Instant(left), Span(right) | Number(right)) => Instant(left - right),
        (BinaryOp::Sub, Instant(left), Instant(right)) => Span(left - right),
        (BinaryOp::Add, Span(left), Span(right)) => Span(left + right),
        (BinaryOp::Sub, Span(left), Span(right)) => Span(left - right),
        (BinaryOp::Mul, Span(left), Number(right)) | (BinaryOp::Mul, Number(left), Span(right)) => {
            Span(left.checked_mul(right)?)
        }
        (BinaryOp::Div, Span(left), Number(right)) => Span(left.checked_div(right)?),
        (BinaryOp::Add, Number(left), Number(right)) => Number(left + right),
        (BinaryOp::Sub, Number(left), Number(right)) => Number(left - right),
        (BinaryOp::Mul, Number(left), Number(right)) => Number(left.checked_mul(right)?),
        (BinaryOp::Add, Number(left), Span(right)) => Instant(left + right),
        (BinaryOp::Sub, Number(left), Span(right)) => Instant(left - right),
        _ => return None,
    })
}

fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// An instant (ns) from `2006-01-02`, `2006-01-02 15:04:05[.9]`, or with `T`, and then an offset (`Z`, `+01:00`) or none: then it is what
/// the clocks of `zone` show, or those of UTC.
pub(crate) fn parse_time(text: &str, zone: Option<&Zone>) -> Option<i128> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = bytes.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
    };
    let mut civil = Civil {
        year: i64::from(number(0, 4)?),
        month: number(5, 7)?,
        day: number(8, 10)?,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
    };
    let mut offset = None;
    if bytes.len() > 10 {
        if !matches!(bytes[10], b' ' | b'T') || bytes.get(13) != Some(&b':') || bytes.get(16) != Some(&b':') {
            return None;
        }
        (civil.hour, civil.minute, civil.second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let mut rest = text.get(19..)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            civil.nanosecond = nanoseconds(&fraction[..digits])?;
            rest = &fraction[digits..];
        }
        offset = if rest.is_empty() { None } else { Some(zone_seconds(rest)?) };
    }
    valid(&civil).then(|| {
        let days = i128::from(days_from_civil(civil.year, civil.month, civil.day));
        let of_day = i128::from(civil.hour) * 3_600 + i128::from(civil.minute) * 60 + i128::from(civil.second);
        let shown = (days * 86_400 + of_day) * i128::from(time::SECOND) + i128::from(civil.nanosecond);
        match offset {
            Some(seconds) => shown - i128::from(seconds) * i128::from(time::SECOND),
            None => zone.map_or(shown, |zone| zone.instant(shown)),
        }
    })
}

fn nanoseconds(digits: &str) -> Option<u32> {
    let digits = digits.get(..digits.len().min(9)).filter(|digits| !digits.is_empty())?;
    let scale = 10_u32.pow(u32::try_from(9 - digits.len()).ok()?);
    Some(digits.parse::<u32>().ok()? * scale)
}

/// Seconds east of Greenwich of an offset as RFC 3339 writes it.
fn zone_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if text == "Z" {
        return Some(0);
    }
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let hours: i64 = text.get(1..3)?.parse().ok()?;
    let minutes: i64 = text.get(4..6)?.parse().ok()?;
    let seconds = hours * 3_600 + minutes * 60;
    match bytes[0] {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn valid(civil: &Civil) -> bool {
    (1..=12).contains(&civil.month)
        && civil.day >= 1
        && civil_from_days(days_from_civil(civil.year, civil.month, civil.day)) == (civil.year, civil.month, civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 60
}

#[cfg(test)]
mod tests {
    use super::*;
    use influxql::parse_expr;

    fn when(text: &str) -> When {
        split(Some(&parse_expr(text).unwrap()), Clock::utc(1_000)).unwrap()
    }

    fn error(text: &str) -> String {
        split(Some(&parse_expr(text).unwrap()), Clock::utc(1_000)).unwrap_err().to_string()
    }

    #[test]
    fn bounds_are_intersected() {
        let found = when("time > 10 AND h = 'a' AND time <= now() - 1u + 500ns");
        assert_eq!(found.range, TimeRange::new(11, 500));
        assert!(matches!(found.rest, Part::Other(_)));
        assert_eq!(when("'1970-01-01T00:00:10Z' <= time").range, TimeRange::new(10_000_000_000, i64::MAX));
        assert_eq!(when("time = '1970-01-02'").range.start, 86_400_000_000_000);
        assert_eq!(when("time < '1970-01-01 00:00:00.5'").range.end, 499_999_999);
    }

    #[test]
    fn ranges_under_or_are_kept() {
        let found = when("time = 10 OR time = 30");
        assert_eq!(found.range, TimeRange::new(10, 30));
        assert_eq!(found.rest, Part::Or(vec![Part::Time(TimeRange::new(10, 10)), Part::Time(TimeRange::new(30, 30))]));
    }

    #[test]
    fn errors_are_influxdbs() {
        assert_eq!(error("time != 10"), "invalid time comparison operator: !=");
        assert_eq!(error("time > 'x'"), "invalid operation: time and *influxql.StringLiteral are not compatible");
        assert_eq!(error("time > '2020-01-01Tx'"), "invalid timestamp string");
        assert_eq!(error("time > '1500-01-01T00:00:00Z'"), "time 1500-01-01T00:00:00Z underflows time literal");
        assert_eq!(error("b"), "invalid condition expression: b");
    }
}
