//! Any bytes are a shard's manifest, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    storage::fuzzing::manifest(input);
});
