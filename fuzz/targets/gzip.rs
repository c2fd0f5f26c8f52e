//! Any bytes inflate as a gzip member within the room that there is, or are refused; what inflates does so with less room too.
#![no_main]

use codec::gzip::{GzipError, Inflater, probable_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (room, sent) = input;
    let room = usize::from(room);
    let Some(mut inflater) = Inflater::new() else { return };
    let mut out = Vec::new();
    if let Ok(length) = inflater.member(sent, room, &mut out) {
        assert!(length <= sent.len() && out.len() <= room);
        let mut again = Vec::new();
        assert_eq!(inflater.member(&sent[..length], out.len(), &mut again), Ok(length));
        assert_eq!(again, out);
        assert_eq!(probable_len(&sent[..length]), out.len());
        if let Some(less) = out.len().checked_sub(1) {
            assert_eq!(inflater.member(sent, less, &mut Vec::new()), Err(GzipError::Room));
        }
    }
});
