//! Queries on a thread that has other work to do: they end by their deadline wherever they are, before anything that may take long, and the same
//! query without one gives the whole answer.

use super::*;
use platform::clock::Clock;
use query::Deadline;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Each look at it is an instant later.
#[derive(Debug, Default)]
struct Steps(AtomicU64);

impl Clock for Steps {
    fn wall_ns(&self) -> i64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn sleep(&self, _: Duration) {}
}

/// The answer by an instant; `None` if that has passed.
fn by(names: &Stored, query: &str, at: u64) -> Option<String> {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let deadline = Deadline { clock: Arc::new(Steps::default()), at };
    let context = Context { deadline: Some(deadline), ..context(64 << 20) };
    let mut text = Text::default();
    match query::select(&select, names, &context, &mut text) {
        Ok(()) => Some(text.0),
        Err(QueryError::Late) => None,
        Err(error) => panic!("{query}: {error}"),
    }
}

#[test]
fn a_query_ends_by_its_deadline_wherever_it_is() {
    let names = Stored(engine());
    let line = |row: usize| format!("m,h=h{},p=p{} v={row}i,w={} {}\n", row % 40, row % 3, row % 7, row * 10);
    write(&names.0, (0..400).map(line).collect());
    names.0.flush().unwrap();
    write(&names.0, (350..500).map(line).collect());
    // At least so many looks at the clock.
    for (query, least) in [
        ("SELECT v FROM m", 40),
        ("SELECT v FROM m ORDER BY time DESC LIMIT 1", 3),
        ("SELECT * FROM m GROUP BY h ORDER BY time DESC LIMIT 1", 3),
        ("SELECT v FROM m GROUP BY h LIMIT 2", 40),
        ("SELECT max(v) FROM m WHERE time >= 0 AND time < 5000 GROUP BY time(1u), h", 40),
        ("SELECT count(v), mean(w) FROM m WHERE v > 7 GROUP BY p", 40),
        ("SELECT median(v) FROM m", 40),
        ("SELECT derivative(v) FROM m GROUP BY h", 40),
        ("SELECT max(d) FROM (SELECT difference(v) AS d FROM m GROUP BY h)", 40),
    ] {
        let whole = ask(&names, query);
        let mut late = 0;
        let found = loop {
            match by(&names, query, late) {
                Some(found) => break found,
                // Closer and closer, so that it does not take too long.
                None => late += 1 + late / 8,
            }
        };
        assert_eq!(found, whole, "{query}");
        assert!(late >= least, "{query}: {late}");
    }
}

#[test]
fn what_may_take_long_is_not_begun() {
    let names = Stored(engine());
    write(&names.0, (0..10_000).map(|row| format!("many,h=h{row} v={row}i {row}\n")).collect());
    write(&names.0, (0..9_000).map(|row| format!("long v={row}i {row}\n")).collect());
    let hours = |series: usize| (0..8).map(move |row| format!("hosts,h=h{series:03} v={row}i {}\n", row * 1_000));
    write(&names.0, (0..300).flat_map(hours).collect());
    for (query, is_late) in [
        // The series of a condition are looked for in an index of thousands, in memory or not, until they are in the cache.
        ("SELECT v FROM many WHERE h = 'h7'", true),
        ("SELECT count(v) FROM many", true),
        // Values are kept and sorted.
        ("SELECT median(v) FROM long", true),
        ("SELECT count(v) FROM long", false),
        ("SELECT v FROM hosts WHERE h = 'h007'", false),
    ] {
        for _ in 0..2 {
            assert_eq!(by(&names, query, u64::MAX - 1).is_none(), is_late, "{query}");
            names.0.flush().unwrap();
        }
    }
    let known = "SELECT v FROM many WHERE h = 'h7'";
    assert_eq!(Some(ask(&names, known)), by(&names, known, u64::MAX - 1));
}
