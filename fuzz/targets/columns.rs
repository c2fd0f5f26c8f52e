//! Any bytes are columns and lists of strings that carry their own count, or are refused; no more than was allowed comes out.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (most, bytes) = (usize::from(input.0), input.1);
    let reader = || codec::Reader::new(bytes);
    assert!(codec::decode_i64_column(&mut reader(), most).map_or(0, |v| v.len()) <= most);
    assert!(codec::decode_u64_column(&mut reader(), most).map_or(0, |v| v.len()) <= most);
    assert!(codec::decode_f64_column(&mut reader(), most).map_or(0, |v| v.len()) <= most);
    assert!(codec::decode_strings(&mut reader(), most, 4 * most).map_or(0, |v| v.len()) <= most);
    assert!(codec::decode_sorted_strings(&mut reader(), most, 4 * most).map_or(0, |v| v.len()) <= most);
});
