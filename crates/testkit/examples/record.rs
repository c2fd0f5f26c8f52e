//! Writes the answers of the InfluxDB at `INFLUXDB_URL` into scripts: `record FILE..`, or makes one at random:
//! `record --generate SEED STATEMENTS FILE`.
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
    for path in &arguments {
        let text = std::fs::read_to_string(path).expect("the script can be read");
        let mut script = Script::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        testkit::record(&mut script, &client);
        std::fs::write(path, script.print()).expect("the file can be written");
        println!("{path}: {} steps", script.steps.len());
    }
}
