//! Any bytes are the head, the footer or the contents of a segment, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u32, &[u8])| {
    let (len, bytes) = (u64::from(input.0), input.1);
    storage::fuzzing::segment_head(bytes);
    storage::fuzzing::segment_footer(bytes, len);
    storage::fuzzing::contents(bytes, len);
});
