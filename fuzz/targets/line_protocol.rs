//! Any body decodes without a panic; every key that is accepted has a canonical form that stays as it is. Keys with backslashes
//! are left out: some canonical forms cannot be written as a raw key, as InfluxDB reads those.
#![no_main]

use ingest::{LineKeys, Options, decode};
use libfuzzer_sys::fuzz_target;
use model::KeyText;

fuzz_target!(|body: &[u8]| {
    let decoded = decode(body.to_vec(), &Options::default());
    for table in &decoded.batch.tables {
        for &span in &table.keys {
            let (mut key, mut again) = (Vec::new(), Vec::new());
            if LineKeys.canonical(decoded.batch.key(span), &mut key).is_ok() && !key.contains(&b'\\') {
                LineKeys.canonical(&key, &mut again).expect("a canonical key is a key");
                assert_eq!(key, again);
            }
        }
    }
});
