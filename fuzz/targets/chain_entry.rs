//! Any bytes are an entry of a chain, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    platform::chain::fuzz_entry(input);
});
