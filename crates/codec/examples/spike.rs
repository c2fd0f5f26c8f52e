//! The spike behind the page, block and directory format: bytes and time of each candidate on data like TSBS cpu-only.
//!
//! `cargo run --release -p codec --example spike` prints the tables of `docs/format.md`. The data are the same every time.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]
#![allow(clippy::disallowed_methods, reason = "codec stands below platform and may not use its clock")]
#![allow(clippy::unwrap_used, reason = "an example stops where something is wrong")]

use std::hint::black_box;
use std::time::Instant;

use codec::bits::{pack, unpack, width_of};
use codec::pack::{pack_f64, pack_i64, pack_times, unpack_f64, unpack_i64, unpack_times};
use codec::scan::parse_i64;
use codec::varint::{unzigzag, zigzag};
use codec::{Pages, Reader, encode_u64_column};
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

/// Values of all blocks together, roughly.
const VALUES: usize = 1 << 20;

struct Noise(u64);

impl Noise {
    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A gauge: a walk with steps of variance 1 between 0 and 100, cut to integers.
    fn walk(&mut self, n: usize) -> Vec<i64> {
        let mut state = self.uniform() * 100.0;
        let mut step = |_| {
            state = (state + self.normal()).clamp(0.0, 100.0);
            state as i64
        };
        (0..n).map(&mut step).collect()
    }
}

/// Header and pages of one encoded block.
type Coded = (Vec<u8>, Vec<Vec<u8>>);
type Encode = Box<dyn Fn(&[i64], &[usize]) -> Coded>;
/// All pages of a block, its header read once.
type Decode = Box<dyn Fn(&Coded, &[usize], &mut Vec<i64>)>;

struct Candidate {
    name: &'static str,
    encode: Encode,
    decode: Decode,
}

fn pages_of<'a>(values: &'a [i64], lens: &'a [usize]) -> impl Iterator<Item = &'a [i64]> {
    let mut at = 0;
    lens.iter().map(move |&len| {
        at += len;
        &values[at - len..at]
    })
}

fn packed() -> Candidate {
    let encode = |values: &[i64], lens: &[usize]| {
        let min = *values.iter().min().unwrap();
        let width = width_of((*values.iter().max().unwrap() - min) as u64);
        let page = |page: &[i64]| {
            let mut out = Vec::new();
            pack(page.iter().map(|v| (v - min) as u64), width, &mut out);
            out
        };
        (vec![width as u8, min as u8], pages_of(values, lens).map(page).collect())
    };
    let decode = |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        let min = i64::from(coded.0[1]);
        for (page, &n) in coded.1.iter().zip(lens) {
            unpack(page, n, u32::from(coded.0[0]), out, |v| v as i64 + min).unwrap();
        }
    };
    Candidate { name: "frame of reference, bit packed", encode: Box::new(encode), decode: Box::new(decode) }
}

fn deltas() -> Candidate {
    let encode = |values: &[i64], lens: &[usize]| {
        let page = |page: &[i64]| {
            let width = width_of(page.windows(2).fold(0, |or, w| or | zigzag(w[1] - w[0])));
            let mut out = vec![page[0] as u8, width as u8];
            pack(page.windows(2).map(|w| zigzag(w[1] - w[0])), width, &mut out);
            out
        };
        (vec![], pages_of(values, lens).map(page).collect())
    };
    let decode = |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        for (page, &n) in coded.1.iter().zip(lens) {
            let mut value = i64::from(page[0]);
            out.push(value);
            unpack(&page[2..], n - 1, u32::from(page[1]), out, |v| {
                value += unzigzag(v);
                value
            })
            .unwrap();
        }
    };
    Candidate { name: "deltas, zigzag, bit packed", encode: Box::new(encode), decode: Box::new(decode) }
}

fn squeezed() -> Candidate {
    let encode = |values: &[i64], lens: &[usize]| {
        let page = |page: &[i64]| {
            let mut last = 0;
            let bytes: Vec<u8> = page.iter().map(|v| (v - std::mem::replace(&mut last, *v)) as u8).collect();
            zstd::bulk::compress(&bytes, 3).unwrap()
        };
        (vec![], pages_of(values, lens).map(page).collect())
    };
    let decode = |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        for (page, &n) in coded.1.iter().zip(lens) {
            let mut value = 0u8;
            out.extend(zstd::bulk::decompress(page, n).unwrap().iter().map(|delta| {
                value = value.wrapping_add(*delta);
                i64::from(value)
            }));
        }
    };
    Candidate { name: "8 bit deltas, zstd 3, a page alone", encode: Box::new(encode), decode: Box::new(decode) }
}

fn config(level: usize, plain: bool, lens: &[usize]) -> ChunkConfig {
    let config = ChunkConfig::default()
        .with_compression_level(level)
        .with_enable_8_bit(true)
        .with_paging_spec(PagingSpec::Exact(lens.to_vec()));
    if plain { config.with_mode_spec(ModeSpec::Classic).with_delta_spec(DeltaSpec::TryConsecutive(1)) } else { config }
}

/// pco with one model for the block, over lanes of type `L`.
fn shared<L: pco::data_types::Number + Default>(
    name: &'static str,
    level: usize,
    plain: bool,
    to: fn(i64) -> L,
    from: fn(L) -> i64,
) -> Candidate {
    let encode = move |values: &[i64], lens: &[usize]| {
        let lanes: Vec<L> = values.iter().map(|&v| to(v)).collect();
        let file = FileCompressor::default();
        let mut chunk = file.chunk_compressor(&lanes, &config(level, plain, lens)).unwrap();
        let mut header = Vec::new();
        file.write_header(&mut header).unwrap();
        chunk.write_meta(&mut header).unwrap();
        let page = |i| {
            let mut page = Vec::new();
            chunk.write_page(i, &mut page).unwrap();
            page
        };
        (header, (0..lens.len()).map(page).collect())
    };
    let decode = move |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        let (file, rest) = FileDecompressor::new(&coded.0[..]).unwrap();
        let (mut chunk, _) = file.chunk_decompressor::<L, &[u8]>(rest).unwrap();
        let mut lanes = Vec::new();
        for (page, &n) in coded.1.iter().zip(lens) {
            lanes.resize(n, L::default());
            chunk.page_decompressor(&page[..], n).unwrap().read(&mut lanes).unwrap();
            out.extend(lanes.iter().map(|&lane| from(lane)));
        }
    };
    Candidate { name, encode: Box::new(encode), decode: Box::new(decode) }
}

/// A candidate applied to each page as if it were a block.
fn alone(name: &'static str, one: Candidate) -> Candidate {
    let Candidate { encode, decode, .. } = one;
    let encode = move |values: &[i64], lens: &[usize]| {
        let page = |page: &[i64]| {
            let (mut header, pages) = encode(page, &[page.len()]);
            let mut out = vec![header.len() as u8];
            out.append(&mut header);
            out.extend_from_slice(&pages[0]);
            out
        };
        (vec![], pages_of(values, lens).map(page).collect())
    };
    let decode = move |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        for (page, &n) in coded.1.iter().zip(lens) {
            let (header, body) = page[1..].split_at(page[0] as usize);
            decode(&(header.to_vec(), vec![body.to_vec()]), &[n], out);
        }
    };
    Candidate { name, encode: Box::new(encode), decode: Box::new(decode) }
}

/// What the crate does.
fn shipped() -> Candidate {
    let encode = |values: &[i64], lens: &[usize]| {
        let mut block = Vec::new();
        let pages: Pages = codec::encode_i64(values, lens, codec::Level::Cold, &mut block);
        let parts = (0..lens.len()).map(|i| pages.page(&block, i).unwrap().to_vec()).collect();
        (pages.header(&block).unwrap().to_vec(), parts)
    };
    let decode = |coded: &Coded, lens: &[usize], out: &mut Vec<i64>| {
        let mut block = codec::IntBlock::<i64>::open(&coded.0).unwrap();
        coded.1.iter().zip(lens).for_each(|(page, &n)| block.page(page, n, out).unwrap());
    };
    Candidate { name: "encode_i64, as built", encode: Box::new(encode), decode: Box::new(decode) }
}

fn candidates() -> Vec<Candidate> {
    let wide = |level| shared::<i64>("pco, 64 bit lanes", level, false, |v| v, |v| v);
    let byte = |name, level, plain| shared::<u8>(name, level, plain, |v| v as u8, i64::from);
    vec![
        packed(),
        deltas(),
        squeezed(),
        alone("pco 4, a page alone", wide(4)),
        alone("pco 8, a page alone", wide(8)),
        Candidate { name: "pco 4, one model a block", ..wide(4) },
        Candidate { name: "pco 8, one model a block", ..wide(8) },
        shared::<u16>("pco 4, one model, 16 bit lanes", 4, false, |v| v as u16, i64::from),
        byte("pco 2, one model, 8 bit lanes", 2, false),
        byte("pco 4, one model, 8 bit lanes", 4, false),
        byte("pco 8, one model, 8 bit lanes", 8, false),
        byte("pco 4, one model, 8 bit lanes, deltas given", 4, true),
        shipped(),
    ]
}

/// The best of five runs, in millions of values a second.
fn rate(values: usize, mut run: impl FnMut()) -> f64 {
    let seconds = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    values as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e6
}

fn measure(candidate: &Candidate, blocks: &[Vec<i64>], lens: &[usize]) -> String {
    let n: usize = blocks.iter().map(Vec::len).sum();
    let mut coded: Vec<Coded> = Vec::new();
    let encode = rate(n, || coded = blocks.iter().map(|block| (candidate.encode)(block, lens)).collect());
    let bytes: usize = coded.iter().map(|(h, pages)| h.len() + pages.iter().map(Vec::len).sum::<usize>()).sum();
    let mut out = Vec::with_capacity(n);
    let decode = rate(n, || {
        out.clear();
        coded.iter().for_each(|block| (candidate.decode)(block, lens, &mut out));
        black_box(&out);
    });
    assert_eq!(out, blocks.concat());
    let single: Vec<Coded> = coded.iter().map(|(h, pages)| (h.clone(), vec![pages[0].clone()])).collect();
    let lone = rate(blocks.len() * lens[0], || {
        out.clear();
        single.iter().for_each(|block| (candidate.decode)(block, &lens[..1], &mut out));
        black_box(&out);
    });
    format!("{:.3} | {encode:.0} | {decode:.0} | {lone:.0}", bytes as f64 / n as f64)
}

/// Statistics of pages in a directory: their columns, raw and as differences from what is known already.
fn directory(page: usize, pages: usize) {
    let mut noise = Noise(88_172_645_463_325_252);
    let mut columns: Vec<(&str, Vec<u64>)> = Vec::new();
    let mut put = |name, value: i64| match columns.iter_mut().find(|(known, _)| *known == name) {
        Some((_, column)) => column.push(value as u64),
        None => columns.push((name, vec![value as u64])),
    };
    let mut last_end = 0;
    for values in noise.walk(page * pages).chunks(page) {
        let (min, min_at) = codec::reduce::min_i64(values).unwrap();
        let (max, max_at) = codec::reduce::max_i64(values).unwrap();
        let sum = codec::reduce::sum_i64(values);
        let (first, last) = (values[0], values[page - 1]);
        put("count", page as i64);
        put("sum", sum);
        put("min", min);
        put("max", max);
        put("first", first);
        put("last", last);
        put("min row", min_at as i64);
        put("max row", max_at as i64);
        put("sum - count x min", sum - min * page as i64);
        put("max - min", max - min);
        put("first - min", first - min);
        put("last - min", last - min);
        put("zigzag(first - last of the page before)", zigzag(first - last_end) as i64);
        last_end = last;
    }
    for (name, column) in &columns {
        let mut out = Vec::new();
        encode_u64_column(column, &mut out);
        let per_page = out.len() as f64 / pages as f64;
        println!("| {page} | {name} | {per_page:.2} | {:.4} |", per_page / page as f64);
    }
}

/// The log's packing and the reading of numbers, in millions of values a second.
fn log() {
    let mut noise = Noise(88_172_645_463_325_252);
    let values: Vec<i64> = (0..100).flat_map(|_| noise.walk(10_000)).collect();
    let times: Vec<i64> = (0..1_000_000).map(|i| 1_451_606_400_000_000_000 + i / 100 * 10_000_000_000).collect();
    let floats: Vec<f64> = values.iter().map(|&v| v as f64).collect();
    let (mut out, mut ints, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut table = |name: &str, pack: &dyn Fn(&mut Vec<u8>), unpack: &mut dyn FnMut(&mut Reader<'_>)| {
        let packed = rate(1_000_000, || {
            out.clear();
            pack(&mut out);
        });
        let unpacked = rate(1_000_000, || unpack(&mut Reader::new(&out)));
        println!("| {name} | {:.3} | {packed:.0} | {unpacked:.0} |", out.len() as f64 / 1e6);
    };
    table("integers", &|out| values.chunks(10_000).for_each(|chunk| pack_i64(chunk, out)), &mut |reader| {
        ints.clear();
        (0..100).for_each(|_| unpack_i64(reader, 10_000, &mut ints).unwrap());
    });
    table("times", &|out| times.chunks(10_000).for_each(|chunk| pack_times(chunk, out)), &mut |reader| {
        ints.clear();
        (0..100).for_each(|_| unpack_times(reader, 10_000, &mut ints).unwrap());
    });
    table("floats", &|out| pack_f64(&floats, out), &mut |reader| {
        back.clear();
        unpack_f64(reader, 1_000_000, &mut back).unwrap();
    });
    let text: Vec<String> = values.iter().map(i64::to_string).collect();
    let read = rate(text.len(), || {
        black_box(text.iter().filter_map(|text| parse_i64(text.as_bytes())).fold(0, i64::wrapping_add));
    });
    println!("| parse_i64 of such integers | | | {read:.0} |");
}

fn main() {
    println!(
        "| page | block | codec | B/value | encode M/s | decode M/s | lone page M/s |\n|---|---|---|---|---|---|---|"
    );
    for page in [360, 720, 4096] {
        for block in [4096usize, 16384] {
            let lens = vec![page; block / page];
            let n = lens.iter().sum();
            let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
            let blocks: Vec<Vec<i64>> = (0..VALUES / n).map(|_| noise.walk(n)).collect();
            for candidate in candidates() {
                println!("| {page} | {n} | {} | {} |", candidate.name, measure(&candidate, &blocks, &lens));
            }
        }
    }
    println!("\n| page | column | B/page | B/value |\n|---|---|---|---|");
    directory(360, 3600);
    directory(720, 1800);
    println!("\n| log | B/value | pack M/s | unpack M/s |\n|---|---|---|---|");
    log();
}
