//! Prefix codes: round trips, sizes, and bytes that are none.

use super::*;
use crate::varint::{Reader, unzigzag};
use proptest::prelude::*;

fn counted(values: &[u64]) -> Counts {
    let mut counts = [0; TOKENS];
    values.iter().for_each(|&value| counts[token(value).0] += 1);
    counts
}

const OFFSETS: Meaning = Meaning::Offsets { unit: 1 };

/// Decodes a page three times, as small blocks and large ones do.
fn decoded(model: &[u8], page: &[u8], n: usize, meaning: Meaning, base: u64) -> Vec<u64> {
    let mut reader = Reader::new(model);
    let mut decoder = Decoder::open(&mut reader, meaning).unwrap();
    reader.finish().unwrap();
    let mut pages = [vec![1], vec![2], vec![3]];
    for (values, first) in pages.iter_mut().zip(1..) {
        decoder.page(base, page, n, values).unwrap();
        assert_eq!(values.remove(0), first, "what was there stays");
    }
    let [first, second, third] = pages;
    assert!(first == second && second == third);
    first
}

fn check(values: &[u64]) -> usize {
    let counts = counted(values);
    let code = Code::of(&counts);
    let (mut model, mut page) = (Vec::new(), Vec::new());
    code.put(&mut model);
    code.page(values.iter().copied(), values.len(), &mut page);
    let size = code.size(&counts, 1);
    assert!((model.len() + page.len()).abs_diff(size) <= 1, "{size}");
    assert_eq!(decoded(&model, &page, values.len(), OFFSETS, 0), values);
    for (base, unit, usual) in [(7, 1, 0), (u64::MAX, 1, 11), (5, 1 << 40 | 3, u64::MAX - 8)] {
        let scaled: Vec<u64> = values.iter().map(|v| v.wrapping_mul(unit).wrapping_add(base)).collect();
        assert_eq!(decoded(&model, &page, values.len(), Meaning::Offsets { unit }, base), scaled);
        let mut last = base;
        let step = |&v: &u64| {
            last = last.wrapping_add((unzigzag(v) as u64).wrapping_mul(unit)).wrapping_add(usual);
            last
        };
        let summed: Vec<u64> = values.iter().map(step).collect();
        assert_eq!(decoded(&model, &page, values.len(), Meaning::Steps { unit, usual }, base), summed);
    }
    page.len()
}

proptest! {
    #[test]
    fn any_numbers_round_trip(values in proptest::collection::vec((any::<u64>(), 0u32..64).prop_map(|(v, s)| v >> s), 0..3000)) {
        check(&values);
    }

    #[test]
    fn skewed_numbers_round_trip(values in proptest::collection::vec((any::<u64>(), 48u32..64).prop_map(|(v, s)| v >> s), 0..5000)) {
        check(&values);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>, page: Vec<u8>, n in 0usize..4000) {
        if let Ok(mut decoder) = Decoder::open(&mut Reader::new(&bytes), OFFSETS) {
            let mut out = vec![1u64];
            for _ in 0..2 {
                let fits = decoder.page(3, &page, n, &mut out).is_ok();
                assert_eq!(out.len(), if fits { n + 1 } else { 1 });
                out.truncate(1);
            }
        }
    }
}

#[test]
fn lengths_stay_within_the_limit_and_near_the_entropy() {
    // Counts that double give a code as long as there are tokens.
    let values: Vec<u64> = (0..18u64).flat_map(|token| std::iter::repeat_n(token, 1 << token)).collect();
    let bits = check(&values) as f64 * 8.0 / values.len() as f64;
    assert!(bits < 2.05, "{bits}");
    assert_eq!(check(&[7; 800]), 100);
    assert_eq!(check(&[0; 800]), 100);
    assert_eq!(check(&[]), 0);
    assert!(check(&(0..TOKENS as u64).map(|t| if t < 64 { t } else { wide(t as usize).0 }).collect::<Vec<_>>()) > 0);
}

proptest! {
    /// A code at a time and several at a look-up say the same of any bytes, whatever codes the model has room for.
    #[test]
    fn both_ways_agree_on_any_bytes(
        picks in proptest::collection::vec((0usize..TOKENS, 1u32..11), 1..60),
        small: bool,
        page in proptest::collection::vec(any::<u8>(), 0..300),
        n in 0usize..900,
        steps: bool,
    ) {
        let (mut lens, mut room) = ([0u8; TOKENS], 1u32 << LIMIT);
        for (token, len) in picks {
            let (token, need) = (if small { token % 64 } else { token }, (1 << LIMIT) >> len);
            if lens[token] == 0 && need <= room {
                lens[token] = len as u8;
                room -= need;
            }
        }
        let mut model = vec![TOKENS as u8];
        pack(lens.iter().map(|&len| u64::from(len)), 4, &mut model);
        let meaning = if steps { Meaning::Steps { unit: 1, usual: 0 } } else { OFFSETS };
        let mut decoder = Decoder::open(&mut Reader::new(&model), meaning).unwrap();
        let mut page_of = |page: &[u8], n: usize| {
            let mut out = Vec::<u64>::new();
            decoder.page(3, page, n, &mut out).ok().map(|()| out)
        };
        let single = page_of(&page, n);
        // From now on several at a look-up.
        let _ = page_of(&[0; 125], 1_000);
        prop_assert_eq!(page_of(&page, n), single);
    }
}
