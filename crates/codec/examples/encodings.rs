//! Bytes and CPU time of every kind of block on data of many kinds, hot and cold.
//!
//! `cargo run --profile quick -p codec --example encodings [WORD]` prints a table of the data sets whose name has the word. The data
//! are the same every time. Rates are of one thread, in millions of values a second: `encode` a block, decode pages of an
//! `opened` block (as queries find it in the cache), `decode` a whole block with its header, `lone page` one page with the block's
//! header read for it alone.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]
#![allow(clippy::disallowed_methods, reason = "codec stands below platform and may not use its clock")]
#![allow(clippy::unwrap_used, reason = "an example stops where something is wrong")]

use std::hint::black_box;
use std::time::Instant;

use codec::{Level, Pages, Strings};

/// Values of a page: an hour at 10 s.
const PAGE: usize = 360;
/// Pages of a block.
const PAGES: usize = 45;
/// Blocks of a data set.
const BLOCKS: usize = 20;

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

enum Data {
    Times(Vec<i64>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Booleans(Vec<bool>),
    Strings(Strings),
}

fn list<T>(n: usize, mut next: impl FnMut(usize) -> T) -> Vec<T> {
    (0..n).map(&mut next).collect()
}

fn walk(noise: &mut Noise, n: usize) -> Vec<f64> {
    let mut state = noise.uniform() * 100.0;
    list(n, |_| {
        state = (state + noise.normal()).clamp(0.0, 100.0);
        state
    })
}

fn words(n: usize, mut next: impl FnMut(usize) -> String) -> Data {
    Data::Strings(list(n, &mut next).iter().map(String::as_bytes).collect())
}

type Make = fn(&mut Noise, usize) -> Data;

const SETS: [(&str, Make); 18] = [
    ("times, every 10 s", |_, n| Data::Times(list(n, |i| 1_451_606_400_000_000_000 + i as i64 * 10_000_000_000))),
    ("times, 10 s with 1 ms jitter", |noise, n| {
        Data::Times(list(n, |i| 1_451_606_400_000_000_000 + (i as i64 * 10_000 + noise.below(3) as i64) * 1_000_000))
    }),
    ("times, ns, irregular", |noise, n| {
        let mut time = 1_451_606_400_000_000_000;
        Data::Times(list(n, |_| {
            time += noise.below(20_000_000_000) as i64;
            time
        }))
    }),
    ("integers, walk 0-100", |noise, n| Data::Integers(walk(noise, n).into_iter().map(|v| v as i64).collect())),
    ("integers, counter", |noise, n| {
        let mut count = 123_456_789;
        Data::Integers(list(n, |_| {
            count += noise.below(5_000) as i64;
            count
        }))
    }),
    ("integers, counter that mostly rests", |noise, n| {
        let mut count = 123_456_789;
        Data::Integers(list(n, |_| {
            count += if noise.below(20) == 0 { noise.below(50) as i64 } else { 0 };
            count
        }))
    }),
    ("integers, 0-1000, one in 200 huge", |noise, n| {
        Data::Integers(list(n, |_| if noise.below(200) == 0 { noise.next() as i64 } else { noise.below(1_000) as i64 }))
    }),
    ("integers, HTTP codes", |noise, n| {
        Data::Integers(list(n, |_| [200, 200, 200, 200, 200, 200, 204, 304, 404, 500][noise.below(10) as usize]))
    }),
    ("integers, constant", |_, n| Data::Integers(vec![42; n])),
    ("floats, walk with 3 decimals", |noise, n| {
        Data::Floats(walk(noise, n).into_iter().map(|v| (v * 1000.0).round() / 1000.0).collect())
    }),
    ("floats, 1 decimal, one in 100 odd", |noise, n| {
        let odd = |noise: &mut Noise, v: f64| if noise.below(100) == 0 { v / 3.0 } else { (v * 10.0).round() / 10.0 };
        Data::Floats(walk(noise, n).into_iter().map(|v| odd(noise, v)).collect())
    }),
    ("floats, walk, all digits", |noise, n| Data::Floats(walk(noise, n))),
    ("floats, random in 0-1", |noise, n| Data::Floats(list(n, |_| noise.uniform()))),
    ("floats, constant", |_, n| Data::Floats(vec![1.0 / 3.0; n])),
    ("booleans, one in 100 true", |noise, n| Data::Booleans(list(n, |_| noise.below(100) == 0))),
    ("strings, status", |noise, n| {
        words(n, |_| {
            ["running", "stopped", "degraded", "unknown"][(noise.below(100) / 97 + noise.below(2)) as usize].into()
        })
    }),
    ("strings, URLs", |noise, n| {
        let parts = ["api/v1/users", "static/img/logo", "search?q=", "product/detail", "checkout/basket"];
        words(n, |_| format!("https://www.example.com/{}/{}", parts[noise.below(5) as usize], noise.below(1_000_000)))
    }),
    ("strings, UUIDs", |noise, n| {
        words(n, |_| {
            let (a, b) = (noise.next(), noise.next());
            format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                a >> 32,
                a & 0xffff,
                a >> 16 & 0xfff,
                b >> 52,
                b & 0xffff_ffff_ffff
            )
        })
    }),
];

fn encode(data: &Data, lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    match data {
        Data::Times(values) => codec::encode_times(values, lens, level, out),
        Data::Integers(values) => codec::encode_i64(values, lens, level, out),
        Data::Floats(values) => codec::encode_f64(values, lens, level, out),
        Data::Booleans(values) => codec::encode_bool(values, lens, out),
        Data::Strings(words) => codec::encode_bytes(words.offsets(), words.bytes(), lens, level, out),
    }
}

#[derive(Default)]
struct Out {
    integers: Vec<i64>,
    floats: Vec<f64>,
    booleans: Vec<bool>,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

/// Opens a block and decodes some of its pages so many times, each into an emptied buffer; what the codec is called.
fn decode(data: &Data, pages: &Pages, block: &[u8], lens: &[usize], times: usize, out: &mut Out) -> &'static str {
    let header = pages.header(block).unwrap();
    let mut at = pages.header_len as usize;
    let parts = lens.iter().zip(&pages.page_lens).map(|(&n, &len)| {
        at += len as usize;
        (n, &block[at - len as usize..at])
    });
    let parts: Vec<(usize, &[u8])> = parts.collect();
    let parts = std::iter::repeat_n(&parts, times).flatten();
    match data {
        Data::Times(_) => {
            let mut block = codec::TimeBlock::open(header).unwrap();
            parts.for_each(|&(n, page)| {
                out.integers.clear();
                block.page(page, n, &mut out.integers).unwrap();
            });
            block.codec()
        }
        Data::Integers(_) => {
            let mut block = codec::IntBlock::<i64>::open(header).unwrap();
            parts.for_each(|&(n, page)| {
                out.integers.clear();
                block.page(page, n, &mut out.integers).unwrap();
            });
            block.codec()
        }
        Data::Floats(_) => {
            let mut block = codec::FloatBlock::open(header).unwrap();
            parts.for_each(|&(n, page)| {
                out.floats.clear();
                block.page(page, n, &mut out.floats).unwrap();
            });
            block.codec()
        }
        Data::Booleans(_) => {
            let block = codec::BoolBlock::open(header).unwrap();
            parts.for_each(|&(n, page)| {
                out.booleans.clear();
                block.page(page, n, &mut out.booleans).unwrap();
            });
            block.codec()
        }
        Data::Strings(_) => {
            let mut block = codec::BytesBlock::open(header).unwrap();
            parts.for_each(|&(n, page)| {
                out.offsets.clear();
                out.bytes.clear();
                block.page(page, n, &mut out.offsets, &mut out.bytes).unwrap();
            });
            block.codec()
        }
    }
}

/// Seconds that this thread has run: what others do on the machine does not count. Where the system does not tell, of the clock.
fn seconds(clock: Instant) -> f64 {
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran = ran.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    ran.map_or(clock.elapsed().as_secs_f64(), |ns| ns as f64 / 1e9)
}

/// Over a tenth of a second of runs, in millions of values a second.
fn rate(values: usize, mut run: impl FnMut()) -> f64 {
    let clock = Instant::now();
    run();
    let start = seconds(clock);
    let mut runs = 0;
    while seconds(clock) - start < 0.1 {
        run();
        runs += 1;
    }
    (values * runs) as f64 / (seconds(clock) - start) / 1e6
}

fn measure(make: Make, level: Level) -> String {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let lens = [PAGE; PAGES];
    let n = PAGE * PAGES;
    let sets: Vec<Data> = (0..BLOCKS).map(|_| make(&mut noise, n)).collect();
    let mut blocks: Vec<(Pages, Vec<u8>)> = Vec::new();
    let encoded = rate(n * BLOCKS, || {
        let block = |data| {
            let mut out = Vec::new();
            (encode(data, &lens, level, &mut out), out)
        };
        blocks = sets.iter().map(block).collect();
    });
    let bytes: usize = blocks.iter().map(|(_, block)| block.len()).sum();
    let mut out = Out::default();
    let mut name = "";
    let mut run = |lens: &[usize], times: usize| {
        rate(lens.iter().sum::<usize>() * times * BLOCKS, || {
            for (data, (pages, block)) in sets.iter().zip(&blocks) {
                name = decode(data, pages, block, lens, times, &mut out);
            }
            black_box(&out);
        })
    };
    let (opened, decoded, lone) = (run(&lens, 50), run(&lens, 1), run(&lens[..1], 1));
    format!(
        "{name} | {:.4} | {encoded:.0} | {opened:.0} | {decoded:.0} | {lone:.0}",
        bytes as f64 / (n * BLOCKS) as f64
    )
}

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    println!(
        "| data | level | codec | B/value | encode M/s | opened M/s | decode M/s | lone page M/s |\n|---|---|---|---|---|---|---|---|"
    );
    for (name, make) in SETS.into_iter().filter(|(name, _)| name.contains(&word)) {
        for level in [Level::Hot, Level::Cold] {
            println!("| {name} | {level:?} | {} |", measure(make, level));
        }
    }
}
