//! Any bytes decode as a page of any kind, or are refused, without a panic and without more values than were declared.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (kind, cut, count, bytes) = input;
    let (header, page) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let count = usize::from(count);
    let decoded = match kind % 6 {
        0 => length(|out| codec::decode_i64_page(header, page, count, out)),
        1 => length(|out| codec::decode_u64_page(header, page, count, out)),
        2 => length(|out| codec::decode_f64_page(header, page, count, out)),
        3 => length(|out| codec::decode_bool_page(header, page, count, out)),
        4 => length(|out| codec::decode_times_page(header, page, count, out)),
        _ => {
            let (mut offsets, mut text) = (Vec::new(), Vec::new());
            let done = codec::decode_bytes_page(header, page, count, &mut offsets, &mut text);
            done.ok().map(|()| offsets.len() - 1)
        }
    };
    assert!(decoded.is_none_or(|decoded| decoded == count));
});

fn length<T>(decode: impl FnOnce(&mut Vec<T>) -> codec::Result<()>) -> Option<usize> {
    let mut out = Vec::new();
    decode(&mut out).ok().map(|()| out.len())
}
