//! Buckets without rows that are no rows of the answer: however many lie between two rows, they take no time and change nothing.

use super::*;

/// More buckets than any test could go through: 1.8e18.
const ALL: &str = "time >= -900000000000000000 AND time < 900000000000000000";

/// What becomes of times and values.
type Change = dyn Fn(&[(i64, i64)]) -> Vec<(i64, i64)>;

#[test]
fn buckets_without_rows_cost_nothing() {
    let names = Stored(engine());
    let rows: [(&str, i64, i64); 7] = [
        ("a", -800_000_000_000_000_000, 1),
        ("b", -800_000_000_000_000_000, 2),
        ("a", -5, 3),
        ("b", 0, 4),
        ("b", 1_999, 5),
        ("a", 2_000, 6),
        ("a", 899_999_999_999_999_999, 7),
    ];
    write(&names.0, rows.iter().map(|(host, time, v)| format!("m,h={host} v={v}i {time}\n")).collect());
    let of = |host: &str, desc: bool, change: &Change| {
        let own =
            rows_of(&rows.iter().filter(|row| host.is_empty() || row.0 == host).copied().collect::<Vec<_>>(), desc);
        let line = |(time, value): (i64, i64)| format!(" {time} {value};");
        format!("[{host}]{}", change(&own).into_iter().map(line).collect::<String>())
    };
    let plain = |rows: &[(i64, i64)]| rows.to_vec();
    for _ in 0..2 {
        for (calls, order, desc) in [("sum(v)", "", false), ("sum(v)", "ORDER BY time DESC", true)] {
            let by = format!("SELECT {calls} FROM m WHERE {ALL} GROUP BY time(1ns), h fill(none) {order}");
            let mut groups = [of("a", desc, &plain), of("b", desc, &plain)];
            if desc {
                groups.reverse();
            }
            assert_eq!(ask(&names, &by), groups.concat(), "{by}");
            let all = format!("SELECT {calls} FROM m WHERE {ALL} GROUP BY time(1ns) fill(none) {order}");
            assert_eq!(ask(&names, &all), of("", desc, &plain), "{all}");
            let some = format!("{all} LIMIT 2 OFFSET 1");
            assert_eq!(ask(&names, &some), of("", desc, &|rows| rows[1..3].to_vec()), "{some}");
        }
        let twice = format!("SELECT sum(v) FROM m WHERE {ALL} AND v != 4 GROUP BY time(1ns) fill(none)");
        assert_eq!(ask(&names, &twice), of("", false, &|rows| rows.iter().filter(|row| row.1 != 4).copied().collect()));
        let steps = |rows: &[(i64, i64)]| rows.windows(2).map(|two| (two[1].0, two[1].1 - two[0].1)).collect();
        let sequence = format!("SELECT difference(sum(v)) FROM m WHERE {ALL} GROUP BY time(1ns) fill(none)");
        assert_eq!(ask(&names, &sequence), of("", false, &steps));
        let distinct = format!("SELECT distinct(v) FROM m WHERE {ALL} AND h = 'a' GROUP BY time(1ns)");
        assert_eq!(ask(&names, &distinct), format!("[]{}", &of("a", false, &plain)[3..]));
        let nested =
            format!("SELECT sum(s) FROM (SELECT v AS s FROM m WHERE {ALL}) WHERE {ALL} GROUP BY time(1ns) fill(none)");
        assert_eq!(ask(&names, &nested), of("", false, &plain), "{nested}");
        let none = format!("SELECT sum(v) FROM m WHERE {ALL} AND h = 'c' GROUP BY time(1ns) fill(none)");
        assert_eq!(ask(&names, &none), "");
        names.0.flush().unwrap();
    }
}

/// Times and sums of rows of one output series, in order of the answer.
fn rows_of(rows: &[(&str, i64, i64)], desc: bool) -> Vec<(i64, i64)> {
    let mut sums: std::collections::BTreeMap<i64, i64> = std::collections::BTreeMap::new();
    rows.iter().for_each(|(_, time, value)| *sums.entry(*time).or_default() += value);
    let mut sums: Vec<(i64, i64)> = sums.into_iter().collect();
    if desc {
        sums.reverse();
    }
    sums
}

#[test]
fn rows_at_random_distances_are_all_found() {
    let names = Stored(engine());
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut rows, mut time) = (Vec::new(), -40_000_000_i64);
    for number in 0..600 {
        // Next to each other, in one chunk of buckets, and in different ones.
        let step = [1, 3, 1_000, 200_000, 262_144, 3_000_000][usize::try_from(random(6)).unwrap()];
        time += 1 + i64::try_from(random(step)).unwrap();
        rows.push((format!("h{}", random(5)), time, number));
    }
    let lines = |part: &[(String, i64, i64)]| part.iter().map(|(h, t, v)| format!("m,h={h} v={v}i {t}\n")).collect();
    write(&names.0, lines(&rows[..250]));
    names.0.flush().unwrap();
    write(&names.0, lines(&rows[200..450]));
    names.0.flush().unwrap();
    write(&names.0, lines(&rows[440..]));
    let within = format!("time >= {} AND time <= {}", rows[0].1 - 1_000_000_000_000, time + 1_000_000_000_000);
    for desc in [false, true] {
        let order = if desc { "ORDER BY time DESC" } else { "" };
        let mut expected: Vec<String> = rows.iter().map(|(_, time, v)| format!(" {time} {v} 1;")).collect();
        if desc {
            expected.reverse();
        }
        let query = format!("SELECT sum(v), count(v) FROM m WHERE {within} GROUP BY time(1ns) fill(none) {order}");
        assert_eq!(ask(&names, &query), format!("[]{}", expected.concat()));
        let limited = format!("{query} LIMIT 100 OFFSET 300");
        assert_eq!(ask(&names, &limited), format!("[]{}", expected[300..400].concat()));
    }
}
