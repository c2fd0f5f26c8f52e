//! Any bytes are the directory of a measurement, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 3], u16, &[u8])| {
    storage::fuzzing::directory(input.2, &input.0, u32::from(input.1));
});
