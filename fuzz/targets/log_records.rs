//! Any bytes are records of flushes, deletes, definitions and batches, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<&[u8]>, &[u8])| {
    storage::fuzzing::flush_record(input.1);
    storage::fuzzing::delete_record(input.1);
    storage::fuzzing::batch_record(&input.0, input.1);
});
