//! Any bytes are columns in the log's packing, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    use codec::pack;
    let (n, bytes) = (usize::from(input.0), input.1);
    let reader = || codec::Reader::new(bytes);
    let (mut signed, mut unsigned, mut narrow) = (Vec::new(), Vec::new(), Vec::new());
    let (mut floats, mut booleans) = (Vec::new(), Vec::new());
    let _ = pack::unpack_i64(&mut reader(), n, &mut signed);
    let _ = pack::unpack_times(&mut reader(), n, &mut signed);
    let _ = pack::unpack_u64(&mut reader(), n, &mut unsigned);
    let _ = pack::unpack_u32(&mut reader(), n, &mut narrow);
    let _ = pack::unpack_f64(&mut reader(), n, &mut floats);
    let _ = pack::unpack_bool(&mut reader(), n, &mut booleans);
    assert!(signed.len() <= 2 * n && unsigned.len() <= n && narrow.len() <= n && floats.len() <= n);
    assert!(pack::unpack_strings(&mut reader(), n).map_or(0, |v| v.len()) <= n);
});
