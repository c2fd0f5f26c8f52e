//! Any bytes decode as a page of booleans, or are refused, without a panic and without more values than were declared.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (cut, count, bytes) = input;
    let (header, page) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let count = usize::from(count);
    let mut out: Vec<bool> = Vec::new();
    let decoded = codec::decode_bool_page(header, page, count, &mut out);
    assert!(out.len() <= count && (decoded.is_err() || out.len() == count));
});
