//! Memory stays within its bounds, whatever is written and asked: the greatest resident size of a server with small budgets, as the
//! system tells it, is at most these budgets and a fixed part for everything else.

use super::start;
use testkit::Alluvium;

/// What the budgets below come to, series of rows in memory included (MiB).
const BUDGETS: u64 = 32 + 32 + 16 + 48 + 48;
/// Code, threads, buffers of connections, merges of small segments, the allocator's slack (MiB).
const BESIDES: u64 = 160;

fn server(more: &[(&str, &str)]) -> Alluvium {
    let small = [
        ("ALLUVIUM_RUN_MEMORY", "32m"),
        ("ALLUVIUM_CACHE_MEMORY", "16m"),
        ("ALLUVIUM_QUERY_MEMORY", "48m"),
        ("ALLUVIUM_ONE_QUERY_MEMORY", "32m"),
        ("ALLUVIUM_INFLIGHT_BODY_MEMORY", "48m"),
        ("ALLUVIUM_LOG_SIZE", "32m"),
        ("ALLUVIUM_DISK_RESERVE", "0"),
        ("ALLUVIUM_HTTP_LOG_ENABLED", "false"),
    ];
    let server = start(&[&small[..], more].concat());
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    server
}

fn write(server: &Alluvium, lines: &str) {
    let reply = server.client().write("db=d", lines.as_bytes());
    assert_eq!(reply.status, 204, "{}", reply.text());
}

/// The answer's bytes, which are many where the query is not refused.
fn ask(server: &Alluvium, statement: &str) -> usize {
    let reply = server.client().query("db=d", statement);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.body.len()
}

/// Compares the peak with the bound; nothing to compare where the system does not tell it.
fn check(server: &Alluvium) {
    let id = server.id().expect("it runs");
    let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) else { return };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("kilobytes");
    eprintln!("peak {} MiB", peak / 1024);
    assert!(peak / 1024 <= BUDGETS + BESIDES, "{} MiB at most, bound {}", peak / 1024, BUDGETS + BESIDES);
}

#[test]
fn many_series() {
    let server = server(&[]);
    for request in 0..40 {
        let line = |i: u32| {
            let series = request * 10_000 + i;
            format!(
                "m,host=host-{},pod=pod-{series:07}-{:08x} v={i}i {}\n",
                series % 1_000,
                series.wrapping_mul(2_654_435_761),
                i64::from(i) + 1
            )
        };
        write(&server, &(0..10_000).map(line).collect::<String>());
    }
    assert!(ask(&server, "SELECT count(v) FROM m") > 0);
    assert!(ask(&server, "SELECT sum(v) FROM m GROUP BY host") > 10_000);
    assert!(ask(&server, "SHOW SERIES EXACT CARDINALITY") > 0);
    assert!(ask(&server, "SHOW TAG VALUES WITH KEY = pod LIMIT 10") > 0);
    // The first rows of all series: as many as have one at the first instants, in the order of their keys.
    for part in ["LIMIT 50", "ORDER BY time DESC LIMIT 50", "WHERE time > 5000ns AND v > 10 LIMIT 50 OFFSET 100"] {
        let reply = server.client().query("db=d", &format!("SELECT * FROM m {part}"));
        let text = reply.text();
        assert!(reply.status == 200 && text.matches("\"pod-").count() == 50, "{part}: {text}");
    }
    check(&server);
}

/// Rows of few fields each, out of thousands.
fn write_sparse(server: &Alluvium) {
    for request in 0..30i64 {
        let line = |i: i64| {
            let row = request * 4_096 + i;
            format!("m,h={} f{i}={row}i,g{}={row} {}\n", row % 20, (row * 7) % 4_096, row + 1)
        };
        write(server, &(0..4_096).map(line).collect::<String>());
    }
}

fn ask_sparse(server: &Alluvium) {
    assert!(ask(server, "SELECT count(f17), sum(g4000) FROM m GROUP BY h") > 0);
    assert!(ask(server, "SHOW FIELD KEYS") > 100_000);
    assert!(ask(server, "SELECT * FROM m LIMIT 20") > 800_000);
    assert!(ask(server, "SELECT * FROM m ORDER BY time DESC LIMIT 20") > 800_000);
    assert!(ask(server, "SELECT * FROM m WHERE h = '3' LIMIT 300") > 10 << 20);
    check(server);
}

#[test]
fn thousands_of_sparse_fields() {
    let server = server(&[]);
    write_sparse(&server);
    ask_sparse(&server);
}

/// Merges never get on: all is read from segments as they were flushed, then from one beside a run, which no test of speed would leave to chance.
#[test]
fn thousands_of_sparse_fields_that_are_not_merged() {
    let stalled = [("ALLUVIUM_COMPACT_THROUGHPUT", "1"), ("ALLUVIUM_COMPACT_THROUGHPUT_BURST", "1")];
    let mut server = server(&stalled);
    write_sparse(&server);
    ask_sparse(&server);
    server.stop();
    server.launch();
    ask_sparse(&server);
}

#[test]
fn long_strings() {
    let server = server(&[]);
    for row in 0..300u32 {
        // Nothing that packs well.
        let mut seed = row + 1;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + (seed >> 24) as u8 % 26)
        };
        let text: String = (0..1 << 20).map(|_| next()).collect();
        write(&server, &format!("m,h={} text=\"{text}\",v={row}i {}", row % 3, row + 1));
    }
    assert!(ask(&server, "SELECT count(text), sum(v) FROM m") > 0);
    assert!(ask(&server, "SELECT text FROM m WHERE v = 77 OR v = 205") > 2 << 20);
    assert!(ask(&server, "SELECT last(text) FROM m GROUP BY h") > 3 << 20);
    check(&server);
}
