//! Any bytes are a catalog, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    node::fuzzing::catalog(input);
});
