//! Writes the answers of the InfluxDB at `INFLUXDB_URL` into scripts: `record FILE..`, or makes one at random:
//! `record --generate SEED STATEMENTS FILE`. `record --ours FILE..`: that server is Alluvium, whose answers to steps that have a
//! reason to differ are written.
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // a tool of the tests, which reads and writes files of the repository

use testkit::{Client, Script};

fn main() {
    let url = std::env::var("INFLUXDB_URL").expect("INFLUXDB_URL names the server");
    let client = Client::new(&url);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, seed, statements, path] = arguments.as_slice()
        && flag == "--generate"
    {
        let mut script = testkit::generate(seed.parse().expect("a seed"), statements.parse().expect("a count"));
        testkit::record(&mut script, &client);
        std::fs::write(path, script.print()).expect("the file can be written");
        return;
    }
    let ours = arguments.first().is_some_and(|flag| flag == "--ours");
    for path in arguments.iter().skip(usize::from(ours)) {
        let text = std::fs::read_to_string(path).expect("the script can be read");
        let mut script = Script::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let record = if ours { testkit::record_ours } else { testkit::record };
        record(&mut script, &client);
        std::fs::write(path, script.print()).expect("the file can be written");
        println!("{path}: {} steps", script.steps.len());
    }
}
