//! Any bytes decode as a page of strings, or are refused, without a panic and without more values than were declared.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (cut, count, bytes) = input;
    let (header, page) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let count = usize::from(count);
    let (mut offsets, mut text) = (Vec::new(), Vec::new());
    let decoded = codec::decode_bytes_page(header, page, count, &mut offsets, &mut text);
    assert!(decoded.is_err() || offsets.len() == count + 1 || count == 0);
    assert!(text.len() <= codec::block::MAX_PAGE_BYTES + 8);
});
