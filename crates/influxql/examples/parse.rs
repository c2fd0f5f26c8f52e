//! How long statements that dashboards send take to parse (ns each): `cargo run --release -p influxql --example parse`.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures by the machine's clock")]

use influxql::{Params, parse_query};
use std::hint::black_box;
use std::time::Instant;

const STATEMENTS: [(&str, &str); 5] = [
    (
        "one host",
        "SELECT max(usage_user) from cpu where (hostname = 'host_9') and time >= '2016-01-01T00:00:00Z' and time < '2016-01-01T01:00:00Z' group by time(1m)",
    ),
    (
        "eight hosts, five fields",
        "SELECT max(usage_user),max(usage_system),max(usage_idle),max(usage_nice),max(usage_iowait) from cpu where (hostname = 'host_1' or hostname = 'host_2' or hostname = 'host_3' or hostname = 'host_4' or hostname = 'host_5' or hostname = 'host_6' or hostname = 'host_7' or hostname = 'host_8') and time >= '2016-01-01T00:00:00Z' and time < '2016-01-01T01:00:00Z' group by time(1m)",
    ),
    (
        "Grafana",
        "SELECT mean(\"usage_user\") FROM \"autogen\".\"cpu\" WHERE (\"hostname\" =~ /^(host_1|host_2|host_3)$/) AND time >= 1451606400000ms and time <= 1451610000000ms GROUP BY time(10s), \"hostname\" fill(null)",
    ),
    (
        "sub-query",
        "SELECT max(d) FROM (SELECT non_negative_derivative(mean(\"bytes\"), 1s) AS d FROM \"net\" WHERE time > now() - 1h GROUP BY time(1m), \"host\" fill(none)) GROUP BY \"host\"",
    ),
    ("tag values", "SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"hostname\" WHERE \"region\" = 'eu-west-1' LIMIT 100"),
];

fn main() {
    let params = Params::default();
    for (name, text) in STATEMENTS {
        let rounds = 20_000;
        let begin = Instant::now();
        for _ in 0..rounds {
            assert!(black_box(parse_query(black_box(text), &params)).is_ok(), "{text}");
        }
        println!("{name:<26} {:>6} ns", begin.elapsed().as_nanos() / rounds);
    }
}
