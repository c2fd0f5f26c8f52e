//! Any bytes are the statistics of pages, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, u16, &[u8])| {
    storage::fuzzing::statistics(input.3, input.0, &vec![u32::from(input.2); usize::from(input.1)]);
});
