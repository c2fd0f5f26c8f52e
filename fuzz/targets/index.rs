//! Any bytes are the index of a measurement, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    storage::fuzzing::index(input.1, u32::from(input.0));
});
