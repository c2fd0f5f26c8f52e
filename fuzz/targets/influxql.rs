//! Any text parses or is refused without a panic; what parses prints to a text that parses to the same.
#![no_main]

use influxql::{Params, parse_query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let params = Params::default();
    for statement in parse_query(text, &params).unwrap_or_default() {
        let printed = statement.to_string();
        let again = parse_query(&printed, &params).expect("a printed statement parses");
        assert_eq!(again, [statement], "{printed}");
    }
});
