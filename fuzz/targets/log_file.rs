//! Any bytes are read as a log file, and a whole record behind them is found.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    storage::fuzzing::log_file(input);
});
