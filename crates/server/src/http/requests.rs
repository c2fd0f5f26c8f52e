//! `/debug/requests`: who writes and who asks how often, counted for some seconds from the request on.
//!
//! Nothing is counted while nobody wants to know. Bounded are how long it takes, how many may want to know at a time, and of how many askers
//! each is told; an asker beyond these is not counted.

use super::parameters::Parameters;
use super::router::Asker;
use super::{Reply, Shared, reply};
use crate::encode::push_string;
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long it is counted if nothing is said, and at most (s).
const DEFAULT: i64 = 10;
const LONGEST: i64 = 6 * 3_600;
/// Who may want to know at a time.
const WATCHES: usize = 8;
/// Askers of which each is told.
const ASKERS: usize = 4_096;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A request to `/write`.
    Write,
    /// A request to `/query`.
    Query,
}

/// For each user and address the writes and the queries.
type Counts = BTreeMap<(Option<String>, IpAddr), (u64, u64)>;

/// Those who want to know.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// How many there are: mostly nobody.
    open: AtomicUsize,
    all: Mutex<Vec<Arc<Mutex<Counts>>>>,
}

impl Watches {
    /// Counts a request for those who want to know.
    pub(super) fn count(&self, kind: Kind, asker: &Asker) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        for counts in self.all.lock().iter() {
            let mut counts = counts.lock();
            let key = (asker.user.clone(), asker.client);
            if counts.len() >= ASKERS && !counts.contains_key(&key) {
                continue;
            }
            let (writes, queries) = counts.entry(key).or_default();
            match kind {
                Kind::Write => *writes += 1,
                Kind::Query => *queries += 1,
            }
        }
    }

    /// Begins to count; `None` if too many others want to know.
    fn watch(&self) -> Option<Watch<'_>> {
        let mut all = self.all.lock();
        if all.len() >= WATCHES {
            return None;
        }
        let counts = Arc::<Mutex<Counts>>::default();
        all.push(counts.clone());
        self.open.store(all.len(), Ordering::Relaxed);
        Some(Watch { watches: self, counts })
    }
}

/// Counting under way; it ends with this, also where the client goes away.
struct Watch<'w> {
    watches: &'w Watches,
    counts: Arc<Mutex<Counts>>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut all = self.watches.all.lock();
        all.retain(|counts| !Arc::ptr_eq(counts, &self.counts));
        self.watches.open.store(all.len(), Ordering::Relaxed);
    }
}

/// Serves `/debug/requests?seconds=`.
pub(crate) async fn serve(shared: &Shared, parameters: &Parameters) -> Reply {
    let seconds = match seconds(parameters.in_url("seconds")) {
        Ok(seconds) => seconds,
        Err(text) => return reply::error(StatusCode::BAD_REQUEST, &text),
    };
    let Some(watch) = shared.watches.watch() else {
        return reply::error(StatusCode::SERVICE_UNAVAILABLE, "requests are counted for too many others");
    };
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let told = told(&watch.counts.lock());
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    let mut answer = reply::with_type(StatusCode::OK, kind, told);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// How long is counted (s), by the parameter.
fn seconds(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(DEFAULT.unsigned_abs());
    }
    let seconds: i64 = text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why =
            if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
        format!("strconv.ParseInt: parsing {text:?}: {why}")
    })?;
    if seconds > LONGEST {
        let shown = |seconds: i64| model::duration::influxql(seconds.saturating_mul(model::time::SECOND));
        return Err(format!("exceeded maximum interval time: {} > {}", shown(seconds), shown(LONGEST)));
    }
    Ok(u64::try_from(seconds).unwrap_or(0))
}

/// The counts, as InfluxDB tells them.
fn told(counts: &Counts) -> Vec<u8> {
    let mut out = b"{\n".to_vec();
    for (index, ((user, address), (writes, queries))) in counts.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b",\n" });
        let name = user.as_ref().map_or_else(|| address.to_string(), |user| format!("{user}:{address}"));
        push_string(name.as_bytes(), &mut out);
        out.extend_from_slice(format!(": {{\"writes\":{writes},\"queries\":{queries}}}").as_bytes());
    }
    out.extend_from_slice(b"\n}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(user: Option<&str>, last: u8) -> Asker {
        Asker { user: user.map(str::to_owned), client: IpAddr::from([127, 0, 0, last]) }
    }

    #[test]
    fn requests_are_counted_for_each_that_wants_to_know() {
        let watches = Watches::default();
        watches.count(Kind::Write, &asker(None, 1));
        let first = watches.watch().unwrap();
        watches.count(Kind::Write, &asker(None, 1));
        let second = watches.watch().unwrap();
        watches.count(Kind::Query, &asker(None, 1));
        watches.count(Kind::Query, &asker(Some("bob"), 2));
        let text = |watch: &Watch<'_>| String::from_utf8(told(&watch.counts.lock())).unwrap();
        let bob = "\"bob:127.0.0.2\": {\"writes\":0,\"queries\":1}";
        assert_eq!(text(&first), format!("{{\n\"127.0.0.1\": {{\"writes\":1,\"queries\":1}},\n{bob}\n}}\n"));
        assert_eq!(text(&second), format!("{{\n\"127.0.0.1\": {{\"writes\":0,\"queries\":1}},\n{bob}\n}}\n"));
        drop((first, second));
        assert_eq!(watches.open.load(Ordering::Relaxed), 0);
        assert_eq!(told(&Counts::default()), b"{\n\n}\n");
    }

    #[test]
    fn watches_and_askers_are_bounded() {
        let watches = Watches::default();
        let all: Vec<Watch<'_>> = std::iter::from_fn(|| watches.watch()).collect();
        assert_eq!(all.len(), WATCHES);
        for number in 0..ASKERS + 10 {
            watches.count(Kind::Write, &asker(Some(&format!("u{number}")), 1));
        }
        assert_eq!(all[0].counts.lock().len(), ASKERS);
    }

    #[test]
    fn seconds_are_read_as_go_reads_them() {
        assert_eq!((seconds(""), seconds("3"), seconds("-1"), seconds("21600")), (Ok(10), Ok(3), Ok(0), Ok(21_600)));
        let error = |text| seconds(text).unwrap_err();
        assert_eq!(error("1.5"), "strconv.ParseInt: parsing \"1.5\": invalid syntax");
        assert_eq!(
            error("99999999999999999999"),
            "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"
        );
        assert_eq!(error("25200"), "exceeded maximum interval time: 7h > 6h");
    }
}
