//! Functions that keep what they read: their memory is the query's, and what cannot change the answer is not read.

use super::*;
use platform::Stats;

/// So many rows of one series in large pages, the values of which rise.
fn rising(stats: Stats, rows: usize) -> Stored {
    let names = Stored(counting_engine(stats));
    write(&names.0, (0..rows).map(|row| format!("m,host=a v={row}i,few={}i {row}\n", row % 10)).collect());
    names.0.flush().unwrap();
    names
}

#[test]
fn kept_values_are_charged_to_the_query_as_they_grow() {
    let names = rising(Stats::default(), 200_000);
    for query in ["SELECT median(v) FROM m", "SELECT distinct(v) FROM m", "SELECT percentile(v, 90), few FROM m"] {
        assert!(matches!(count(&names, query, 1 << 20), Err(QueryError::Memory(_))), "{query}");
        assert!(count(&names, query, 256 << 20).is_ok(), "{query}");
    }
    // What is kept is bounded by the answer, not by what was read.
    for query in ["SELECT top(v, 5) FROM m", "SELECT distinct(few) FROM m", "SELECT count(distinct(few)) FROM m"] {
        assert!(count(&names, query, 1 << 20).is_ok(), "{query}");
    }
    let top = ask(&names, "SELECT top(v, 2), few FROM m");
    assert_eq!(top, "[] 199998 199998 8; 199999 199999 9;");
}

#[test]
fn the_best_points_pass_over_pages_that_have_none() {
    let stats = Stats::default();
    let names = rising(stats.clone(), 200_000);
    let pages = |query: &str| statistics::ask_counting(&names, &stats, query).1;
    // Times come in ascending order, so the least values come first.
    let few = pages("SELECT bottom(v, 2) FROM m");
    let all = pages("SELECT median(v) FROM m");
    assert!(few > 0 && few * 5 < all, "{few} pages of {all}");
}

/// InfluxDB gives them in an order of its own, which differs from run to run.
#[test]
fn areas_of_groups_come_in_order() {
    let names = Stored(engine());
    let line = |row: i64| format!("m,h=h{} v={} {}\n", row % 4, row % 4 * 2, row / 4 * 1_000_000_000);
    write(&names.0, (0..12).map(line).collect());
    write(&names.0, "m,h=h9 w=1 0\n".to_owned());
    let groups = "[h0] 0 0;[h1] 0 4;[h2] 0 8;[h3] 0 12;";
    for _ in 0..2 {
        assert_eq!(ask(&names, "SELECT integral(v) FROM m GROUP BY h"), groups);
        let both = ask(&names, "SELECT integral(v), count(v) FROM m GROUP BY h");
        assert_eq!(both.matches('[').count(), 4, "{both}");
        names.0.flush().unwrap();
    }
}
