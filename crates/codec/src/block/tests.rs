//! Round trips of every block codec over shapes of data that choose each of them, and damage of all kinds.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::varint::Reader;

/// Cuts `n` values into pages at random places; some pages are empty.
fn cut(n: usize, cuts: &[Index]) -> Vec<usize> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(n + 1)).chain([n]).collect();
    ends.sort_unstable();
    let mut start = 0;
    let cut_at = |end: usize| {
        let len = end - start;
        start = end;
        len
    };
    ends.into_iter().map(cut_at).collect()
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

/// Encodes behind a few foreign bytes, then decodes the pages last to first, each alone.
fn round_trip<T: Clone>(
    values: &[T],
    page_lens: &[usize],
    encode: impl Fn(&[T], &[usize], &mut Vec<u8>) -> Pages,
    decode: impl Fn(&[u8], &[u8], usize, &mut Vec<T>) -> crate::Result<()>,
) -> (Vec<T>, u8) {
    let mut out = b"before".to_vec();
    let pages = encode(values, page_lens, &mut out);
    let block = &out[6..];
    assert_eq!(pages.total_len(), block.len());
    assert_eq!(pages.page_lens.len(), page_lens.len());
    let header = pages.header(block).unwrap();
    let mut decoded: Vec<Vec<T>> = (0..page_lens.len())
        .rev()
        .map(|i| {
            let mut page = Vec::new();
            decode(header, pages.page(block, i).unwrap(), page_lens[i], &mut page).unwrap();
            page
        })
        .collect();
    decoded.reverse();
    (decoded.concat(), header[0])
}

/// Checks both forms; the codec of the hot one.
fn check_ints<T: Int + std::fmt::Debug>(values: &[T], page_lens: &[usize]) -> u8 {
    let decode =
        |header: &[u8], page: &[u8], n: usize, out: &mut Vec<T>| IntBlock::<T>::open(header)?.page(page, n, out);
    let [_, codec] = [Level::Cold, Level::Hot].map(|level| {
        let encode = |values: &[T], lens: &[usize], out: &mut Vec<u8>| encode_int(values, lens, level, out);
        let (back, codec) = round_trip(values, page_lens, encode, decode);
        assert_eq!(back, values);
        codec
    });
    codec
}

fn check_floats(values: &[f64], page_lens: &[usize]) -> u8 {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let [_, codec] = [Level::Cold, Level::Hot].map(|level| {
        let encode = |values: &[f64], lens: &[usize], out: &mut Vec<u8>| encode_f64(values, lens, level, out);
        let (back, codec) = round_trip(values, page_lens, encode, decode_f64_page);
        assert_eq!(bits(&back), bits(values));
        codec
    });
    codec
}

fn check_times(values: &[i64], page_lens: &[usize]) -> (u8, usize) {
    let [_, codec] = [Level::Cold, Level::Hot].map(|level| {
        let encode = |values: &[i64], lens: &[usize], out: &mut Vec<u8>| encode_times(values, lens, level, out);
        let (back, codec) = round_trip(values, page_lens, encode, decode_times_page);
        assert_eq!(back, values);
        codec
    });
    (codec, encode_times(values, page_lens, Level::Hot, &mut Vec::new()).total_len())
}

/// The codecs of the hot and the cold form.
fn check_strings(strings: &[Vec<u8>], page_lens: &[usize]) -> [u8; 2] {
    let mut offsets = vec![3u32];
    let mut bytes = b"xyz".to_vec();
    for string in strings {
        bytes.extend_from_slice(string);
        offsets.push(bytes.len() as u32);
    }
    [Level::Hot, Level::Cold].map(|level| {
        let mut out = Vec::new();
        let pages = encode_bytes(&offsets, &bytes, page_lens, level, &mut out);
        assert_eq!(pages.total_len(), out.len());
        let header = pages.header(&out).unwrap();
        let (mut back_offsets, mut back) = (Vec::new(), b"xyz".to_vec());
        for (i, &len) in page_lens.iter().enumerate() {
            decode_bytes_page(header, pages.page(&out, i).unwrap(), len, &mut back_offsets, &mut back).unwrap();
        }
        if !page_lens.is_empty() {
            assert_eq!(back_offsets, offsets);
        }
        assert_eq!(back, bytes);
        header[0]
    })
}

/// A walk that stays between 0 and 100, as the gauges of a host do. The same every time.
fn walk(n: usize) -> Vec<i64> {
    let mut state = 7u64;
    let mut value = 50i64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        value = (value + [-1, 0, 0, 1, -2, 2, 1, -1][(state >> 61) as usize]).clamp(0, 100);
        value
    };
    (0..n).map(step).collect()
}

#[test]
fn each_integer_codec_is_chosen_by_its_kind_of_data() {
    let one_page = |values: &[i64]| check_ints(values, &[values.len()]);
    assert_eq!(one_page(&[]), 0);
    assert_eq!(one_page(&[i64::MIN; 1000]), 0);
    assert_eq!(one_page(&[3, 1, 4, 1, 5, 9, 2, 6]), 1);
    assert_eq!(one_page(&[0, 1000, 2000, 3001, 4000]), 2);
    let runs: Vec<i64> = (0i64..50).flat_map(|i| [i.wrapping_mul(0x1e37_79b9_7f4a_7c15); 20]).collect();
    assert_eq!(one_page(&runs), 3);
    assert_eq!(one_page(&walk(5000)), 5);
    let wide: Vec<i64> = walk(5000).iter().map(|v| v * 70_000 - 9).collect();
    assert_eq!(one_page(&wide), 5);
    let wider: Vec<i64> = walk(5000).iter().map(|v| (v << 40) + (v & 1)).collect();
    one_page(&wider);
    let skewed: Vec<i64> = walk(5000).iter().map(|v| (v * v * 7919 % 97).leading_zeros() as i64).collect();
    assert_eq!(one_page(&skewed), 4);
    let mut outliers = [3, 1, 4, 1, 5, 9, 2, 6].repeat(100);
    outliers[77] = i64::MAX;
    outliers[780] = i64::MIN;
    assert!(encode_i64(&outliers, &[800], Level::Hot, &mut Vec::new()).total_len() < 8 * 80);
    one_page(&outliers);
    let noise: Vec<i64> = walk(5000).iter().map(|v| (v + 1).wrapping_mul(0x1e37_79b9_7f4a_7c15)).collect();
    one_page(&noise);
}

#[test]
fn a_common_unit_costs_no_bits() {
    let size = |unit: i64| {
        let values: Vec<i64> = walk(1000).iter().map(|v| v * unit - 5).collect();
        check_ints(&values, &[500; 2]);
        encode_i64(&values, &[500; 2], Level::Cold, &mut Vec::new()).total_len()
    };
    assert!(size(4096) <= size(1) + 4, "{} {}", size(4096), size(1));
    assert!(size(1 << 56) <= size(1) + 18);
}

#[test]
fn extremes_and_pages_of_one_value() {
    let ints = [i64::MIN, i64::MAX, 0, -1, 1, i64::MIN, i64::MIN + 1];
    check_ints(&ints, &[1; 7]);
    check_ints(&ints, &[0, 3, 0, 4, 0]);
    check_ints(&ints.repeat(100), &[350; 2]);
    check_ints(&[0, u64::MAX, 1 << 63, 7], &[1; 4]);
    check_ints(&[0, u64::MAX, 1 << 63, 7].repeat(100), &[1; 400]);
    check_ints(&walk(400), &[1; 400]);
    check_ints::<u64>(&[], &[]);
    check_ints::<u64>(&[], &[0, 0]);
    check_times(&ints, &[1; 7]);
    check_times(&ints.repeat(50), &[350]);
    check_times(&[i64::MIN, 0, i64::MAX], &[3]);
    check_times(&[], &[]);
}

#[test]
fn floats_come_back_to_the_bit() {
    let odd = [
        f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::from_bits(0xfff8_dead_beef_0001),
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        0.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        0.1,
        1e300,
    ];
    check_floats(&odd, &[1; 12]);
    check_floats(&odd.repeat(100), &[600; 2]);
    assert_eq!(check_floats(&[f64::NAN; 9], &[4, 5]), 0);
    assert_eq!(check_floats(&[-0.0, -0.0], &[2]), 0);
    let whole: Vec<f64> = walk(1000).iter().map(|&v| v as f64).collect();
    assert_eq!(check_floats(&whole, &[500; 2]), 1);
    let decimals: Vec<f64> =
        walk(1000).iter().map(|&v| format!("{}.{:03}", v, v * 7 % 1000).parse().unwrap()).collect();
    assert_eq!(check_floats(&decimals, &[500; 2]), 1);
    let binary: Vec<f64> = walk(1000).iter().map(|&v| (v as f64 / 7.0).sin()).collect();
    assert_eq!(check_floats(&binary, &[500; 2]), 4);
    let single: Vec<f64> = binary.iter().map(|&v| f64::from(v as f32)).collect();
    assert_eq!(check_floats(&single, &[500; 2]), 4);
    assert!(encode_f64(&single, &[500; 2], Level::Hot, &mut Vec::new()).total_len() < 1000 * 5);
    let resting: Vec<f64> = binary.iter().step_by(50).flat_map(|&v| [v; 50]).collect();
    assert_eq!(check_floats(&resting, &[500; 2]), 3);
    let mut mixed = decimals.clone();
    mixed.extend_from_slice(&odd);
    assert_eq!(check_floats(&mixed, &[1012]), 2);
    assert_eq!(check_floats(&mixed, &[0, 1000, 1, 11, 0]), 2);
}

#[test]
fn a_regular_step_costs_nothing_per_value() {
    let start = 1_451_606_400_000_000_000i64;
    let regular: Vec<i64> = (0..14_400).map(|i| start + i * 10_000_000_000).collect();
    let (codec, size) = check_times(&regular, &[360; 40]);
    assert_eq!(codec, 0);
    assert!(size < 150, "{size}");

    let mut gaps = regular.clone();
    gaps.drain(1000..1005);
    let (codec, size) = check_times(&gaps, &[vec![360; 39], vec![355]].concat());
    assert_eq!(codec, 0);
    assert!(size < 160, "{size}");

    let jitter: Vec<i64> = regular.iter().zip(walk(14_400)).map(|(t, j)| t + j * 1_000_000).collect();
    let (codec, size) = check_times(&jitter, &[360; 40]);
    assert_eq!(codec, 1);
    assert!(size < 14_400, "{size}");

    let backwards: Vec<i64> = regular.iter().rev().copied().collect();
    assert_eq!(check_times(&backwards, &[360; 40]).0, 0);
    check_times(&[5; 100], &[50; 2]);
}

#[test]
fn strings_that_repeat_get_a_dictionary() {
    let words: Vec<Vec<u8>> = (0..1000).map(|i| format!("state-{}", i % 3).into_bytes()).collect();
    assert_eq!(check_strings(&words, &[500, 0, 500]), [0, 0]);
    let unique: Vec<Vec<u8>> = (0..1000).map(|i| format!("message number {i}").into_bytes()).collect();
    assert_eq!(check_strings(&unique, &[500, 0, 500]), [2, 3]);
    let noise: Vec<Vec<u8>> =
        walk(4000).chunks(20).map(|v| v.iter().map(|v| ((v * v * 7919) >> 3) as u8).collect()).collect();
    check_strings(&noise, &[100, 100]);
    check_strings(&[], &[]);
    check_strings(&[vec![]], &[1]);
    check_strings(&[vec![0xff; 70_000], vec![]], &[1, 1]);
}

fn ints() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        vec(any::<i64>(), 0..300),
        vec(prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), -3i64..3], 0..300),
        vec(0i64..100, 0..2000),
        vec((any::<i64>(), 1usize..50), 0..20)
            .prop_map(|runs| runs.into_iter().flat_map(|(value, times)| std::iter::repeat_n(value, times)).collect()),
        (any::<i64>(), any::<i64>(), 0i64..1000)
            .prop_map(|(first, step, n)| (0..n).map(|i| first.wrapping_add(step.wrapping_mul(i))).collect()),
        (any::<i64>(), vec(-20i64..20, 0..1500)).prop_map(|(first, steps)| {
            let mut value = first;
            steps
                .into_iter()
                .map(|step| {
                    value = value.wrapping_add(step);
                    value
                })
                .collect()
        }),
    ]
}

fn floats() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        vec(any::<u64>().prop_map(f64::from_bits), 0..200),
        ints().prop_map(|ints| ints.into_iter().map(|v| v as f64).collect()),
        (ints(), 0u32..18).prop_map(|(ints, e)| ints.into_iter().map(|v| v as f64 / 10f64.powi(e as i32)).collect()),
        vec(prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), Just(f64::INFINITY), Just(1.5), any::<f64>()], 0..200),
        (vec(prop_oneof![9 => -2000i64..2000, 1 => any::<i64>()], 0..3000))
            .prop_map(|v| v.into_iter().map(|v| v as f64 / 10.0).collect()),
        vec(-1.0f64..1.0, 0..600),
    ]
}

proptest! {
    #[test]
    fn integers_round_trip(values in ints(), cuts in cuts()) {
        let page_lens = cut(values.len(), &cuts);
        check_ints(&values, &page_lens);
        check_ints(&values.iter().map(|&v| v as u64).collect::<Vec<_>>(), &page_lens);
        check_times(&values, &page_lens);
    }

    #[test]
    fn floats_round_trip(values in floats(), cuts in cuts()) {
        check_floats(&values, &cut(values.len(), &cuts));
    }

    #[test]
    fn booleans_round_trip(runs in vec((any::<bool>(), 1usize..60), 0..60), cuts in cuts()) {
        let values: Vec<bool> = runs.into_iter().flat_map(|(value, times)| std::iter::repeat_n(value, times)).collect();
        let (back, _) = round_trip(&values, &cut(values.len(), &cuts), encode_bool, decode_bool_page);
        prop_assert_eq!(back, values);
    }

    #[test]
    fn strings_round_trip(strings in vec(vec(b'a'..b'c', 0..5), 0..300), cuts in cuts()) {
        check_strings(&strings, &cut(strings.len(), &cuts));
    }
}

/// Hands header and page to every decoder; `n` values at most may come out.
fn feed(header: &[u8], page: &[u8], n: usize) {
    fn check<T>(n: usize, decode: impl FnOnce(&mut Vec<T>) -> crate::Result<()>) {
        let mut out = Vec::new();
        let decoded = decode(&mut out);
        assert!(out.len() <= n, "{} values of {n}", out.len());
        assert!(decoded.is_err() || out.len() == n, "{} values of {n}", out.len());
    }
    check(n, |out| decode_i64_page(header, page, n, out));
    check(n, |out| decode_u64_page(header, page, n, out));
    check(n, |out| decode_f64_page(header, page, n, out));
    check(n, |out| decode_bool_page(header, page, n, out));
    check(n, |out| decode_times_page(header, page, n, out));
    let (mut offsets, mut bytes) = (vec![0], Vec::new());
    let decoded = decode_bytes_page(header, page, n, &mut offsets, &mut bytes);
    assert!(offsets.len() <= n + 1);
    assert!(decoded.is_err() || offsets.len() == n + 1);
}

/// A block of some type with some page lengths.
fn blocks() -> impl Strategy<Value = (Vec<u8>, Pages, Vec<usize>)> {
    let encoded = |values: Vec<f64>, page_lens: Vec<usize>, kind: u8| {
        let mut out = Vec::new();
        let ints = || values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let pages = match kind {
            0 => encode_i64(&ints(), &page_lens, Level::Cold, &mut out),
            1 => encode_f64(&values, &page_lens, Level::Cold, &mut out),
            2 => encode_times(&ints(), &page_lens, Level::Cold, &mut out),
            3 => encode_bool(&values.iter().map(|&v| v > 50.0).collect::<Vec<_>>(), &page_lens, &mut out),
            _ => {
                let words: crate::Strings = ints()
                    .iter()
                    .map(|v| ["idle", "busy", "stuck"][(v.unsigned_abs() % 3) as usize].as_bytes())
                    .collect();
                encode_bytes(words.offsets(), words.bytes(), &page_lens, Level::Cold, &mut out)
            }
        };
        (out, pages, page_lens)
    };
    let values = prop_oneof![
        floats(),
        (0usize..900).prop_map(|n| walk(n).iter().map(|&v| v as f64).collect()),
        (0usize..900).prop_map(|n| walk(n).iter().map(|&v| (v as f64).sqrt()).collect()),
    ];
    (values, cuts(), 0u8..5).prop_map(move |(values, cuts, kind)| {
        let page_lens = cut(values.len(), &cuts);
        encoded(values, page_lens, kind)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_decoded_or_refused(codec in 0u8..8, header: Vec<u8>, page: Vec<u8>, n in 0usize..2000) {
        feed(&header, &page, n);
        feed(&[&[codec], &header[..]].concat(), &page, n);
        // An entropy model of the version that is written, with anything behind.
        feed(&[&[6, 0, 1, 1 << (codec % 4), 4, 1], &header[..]].concat(), &page, n);
        feed(&[&[5, 4, 1], &header[..]].concat(), &page, n);
    }

    #[test]
    fn damaged_blocks_are_decoded_or_refused(
        (block, pages, page_lens) in blocks(),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        lost in 0usize..3,
        n in 0usize..1000,
    ) {
        let mut block = block;
        for (at, byte) in damage {
            let at = at.index(block.len());
            block[at] = byte;
        }
        let header = pages.header(&block).unwrap();
        for (i, &len) in page_lens.iter().enumerate() {
            let page = pages.page(&block, i).unwrap();
            feed(header, page, len);
            feed(header, &page[..page.len().saturating_sub(lost)], len);
            feed(header, page, n);
            feed(&header[..header.len().saturating_sub(lost)], page, len);
        }
    }
}

#[test]
fn a_page_of_another_length_is_refused_not_misread() {
    let mut out = Vec::new();
    let pages = encode_i64(&walk(720), &[360, 360], Level::Cold, &mut out);
    let (header, page) = (pages.header(&out).unwrap(), pages.page(&out, 1).unwrap());
    let mut values = Vec::new();
    assert!(decode_i64_page(header, &[page, &[0]].concat(), 360, &mut values).is_err());
    assert!(decode_i64_page(header, &page[..page.len() - 1], 360, &mut values).is_err());
    assert!(decode_i64_page(&[header, &[0]].concat(), page, 360, &mut values).is_err());
    assert!(Reader::new(&[]).u8().is_err());
}

/// Blocks as version 1 wrote them, each with the page that it decodes to. These bytes never change: files hold them.
#[test]
fn bytes_of_released_versions_decode() {
    fn ints(header: &[u8], page: &[u8], n: usize) -> Vec<i64> {
        let mut out = Vec::new();
        decode_i64_page(header, page, n, &mut out).unwrap();
        out
    }
    assert_eq!(ints(&[0, 9], &[], 3), [-5; 3]);
    assert_eq!(ints(&[1, 9, 2, 4], &[0x10, 0x02], 3), [-5, -3, -1]);
    assert_eq!(ints(&[1, 9, 2, 4], &[0x10, 0x02, 1, 1], 3), [-5, 29, -1]);
    assert_eq!(ints(&[2, 0, 3, 0, 2], &[4, 0b10_01_10], 4), [12, 15, 12, 15]);
    assert_eq!(ints(&[2, 0, 3, 2, 2], &[4, 0b00_01_10, 2, 1], 4), [12, 18, 18, 27]);
    assert_eq!(ints(&[4, 0, 2, 4, 0x01, 0x22], &[0b0100, 0b011], 5), [0, 0, 4, 6, 0]);
    assert_eq!(ints(&[5, 0, 2, 2, 4, 0x01, 0x22], &[4, 0b010, 0b011], 5), [8, 10, 14, 12, 14]);
    assert_eq!(ints(&[3, 2, 1], &[7, 2, 0, 1], 3), [8, 8, 1]);

    let mut floats = Vec::new();
    decode_f64_page(&[1, 1, 1, 9, 2, 4], &[0x10, 0x02], 3, &mut floats).unwrap();
    decode_f64_page(&[0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f], &[], 1, &mut floats).unwrap();
    decode_f64_page(&[6], &[0, 0, 0, 0, 0, 0, 0, 0xc0], 1, &mut floats).unwrap();
    assert_eq!(floats, [-0.5, -0.3, -0.1, 1.0, -2.0]);

    let mut bools = Vec::new();
    decode_bool_page(&[2], &[0b101], 3, &mut bools).unwrap();
    decode_bool_page(&[3], &[1, 1, 2], 3, &mut bools).unwrap();
    decode_bool_page(&[1], &[], 1, &mut bools).unwrap();
    assert_eq!(bools, [true, false, true, true, false, false, true]);

    let mut times = Vec::new();
    decode_times_page(&[0, 20, 5, 4], &[1], 3, &mut times).unwrap();
    decode_times_page(&[0, 20, 5, 4], &[0, 2, 2, 6, 1], 4, &mut times).unwrap();
    decode_times_page(&[1, 20, 5, 0, 3], &[], 1, &mut times).unwrap();
    assert_eq!(times, [15, 25, 35, 10, 15, 20, 35, 25]);
}
