//! Sketches of different values: HyperLogLog with 65,536 registers, as InfluxDB writes them, so that what was stored there is counted here
//! and the reverse.
//!
//! Few values are kept as hashes of 25 bits and the run of zeros behind them ([`Sketch::Few`]), and so written, sorted, as differences of
//! 7 bits a byte. Many are registers, each with the longest run of zeros that it saw. Bytes: version (2), precision (16), 1 if sparse, then
//! sparse: a zero (4 bytes), number, last hash, length of the list (4 bytes each), the list; dense: number of registers (4 bytes), these. All
//! big-endian, in base64 behind `HLL_`. InfluxDB joins sketches of several series or shards to dense ones, however few values they saw; here the form
//! is the same, though values of all are gathered together.

use super::elementary::{ln, pow};
use crate::datum::Datum;
use crate::partial::Partial;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashSet;
use model::{Value, Values};
use std::ops::Range;
use twox_hash::XxHash64;

/// Bits of a hash that choose a register, and those that are kept of it while there are few.
const PRECISION: u32 = 16;
const KEPT: u32 = 25;
const REGISTERS: usize = 1 << PRECISION;
/// Hashes from which on registers take their place: a list of more is never written.
const MOST: usize = REGISTERS;
/// The same, once the answer is to be dense anyway.
const ENOUGH: usize = REGISTERS / 4;

/// What is known of some values.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    /// Their hashes, encoded.
    Few(HashSet<u32, ahash::RandomState>),
    /// The registers.
    Many(Box<[u8]>),
}

/// A sketch in the making.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sketch {
    known: Known,
    /// The series and shard that its values come from; `None` before the first.
    source: Option<u64>,
    /// Whether they come from several.
    mixed: bool,
}

/// A hash as it is kept while there are few: by one bit it says whether the run of zeros goes beyond what is kept.
fn encode(hash: u64) -> u32 {
    let kept = (hash >> (64 - KEPT)) as u32;
    if kept & ((1 << (KEPT - PRECISION)) - 1) != 0 {
        return kept << 1;
    }
    let rest = (hash << KEPT) | ((1 << KEPT) - 1);
    kept << 7 | (rest.leading_zeros() + 1) << 1 | 1
}

/// The register of an encoded hash, and the run of zeros for it.
fn decode(hash: u32) -> (usize, u8) {
    let (register, run) = if hash & 1 == 1 {
        (hash >> (32 - PRECISION), (hash >> 1 & 63) + KEPT - PRECISION)
    } else {
        (hash >> (KEPT - PRECISION + 1), (hash << (32 - KEPT + PRECISION - 1)).leading_zeros() + 1)
    };
    (register as usize & (REGISTERS - 1), run as u8)
}

fn value_hash(value: Value<'_>) -> u64 {
    let xxh64 = |bytes: &[u8]| XxHash64::oneshot(0, bytes);
    match value {
        Value::Float(value) => xxh64(&value.to_bits().to_be_bytes()),
        Value::Integer(value) => xxh64(&value.to_be_bytes()),
        Value::Unsigned(value) => xxh64(&value.to_be_bytes()),
        Value::String(value) => xxh64(value),
        Value::Boolean(value) => xxh64(&[u8::from(value)]),
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self { known: Known::Few(HashSet::with_hasher(ahash::RandomState::new())), source: None, mixed: false }
    }
}

impl Sketch {
    /// Takes `values[range]`, which come from a source.
    pub(crate) fn insert(&mut self, values: &Values, range: Range<usize>, source: u64) {
        self.mix(Some(source), false);
        for at in range {
            let Some(value) = values.get(at) else { break };
            self.take(encode(value_hash(value)));
        }
    }

    fn mix(&mut self, source: Option<u64>, mixed: bool) {
        self.mixed |= mixed || (self.source.is_some() && source.is_some() && self.source != source);
        self.source = self.source.or(source);
    }

    fn take(&mut self, hash: u32) {
        match &mut self.known {
            Known::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > if self.mixed { ENOUGH } else { MOST } {
                    self.known = Known::Many(self.registers());
                }
            }
            Known::Many(registers) => raise(registers, decode(hash)),
        }
    }

    fn registers(&self) -> Box<[u8]> {
        match &self.known {
            Known::Few(hashes) => {
                let mut registers = vec![0; REGISTERS].into_boxed_slice();
                hashes.iter().for_each(|&hash| raise(&mut registers, decode(hash)));
                registers
            }
            Known::Many(registers) => registers.clone(),
        }
    }

    /// Takes what another one has.
    pub(crate) fn merge(&mut self, other: Sketch) {
        self.mix(other.source, other.mixed);
        match other.known {
            Known::Few(hashes) => hashes.into_iter().for_each(|hash| self.take(hash)),
            Known::Many(theirs) => {
                let mut own = self.registers();
                theirs.iter().enumerate().for_each(|(at, &run)| raise(&mut own, (at, run)));
                self.known = Known::Many(own);
            }
        }
    }

    /// Memory it takes (bytes).
    pub(crate) fn bytes(&self) -> usize {
        match &self.known {
            Known::Few(hashes) => hashes.capacity() * 2 * size_of::<u32>(),
            Known::Many(registers) => registers.len(),
        }
    }

    /// Memory that [`Sketch::finish`] takes beside (bytes).
    pub(crate) fn bytes_to_finish(&self) -> usize {
        if self.mixed { 4 * REGISTERS } else { 4 * REGISTERS.min(8 * self.bytes()) }
    }

    /// The text of it.
    pub(crate) fn finish(self) -> Partial {
        let mut bytes = vec![2, PRECISION as u8];
        let list = if let (Known::Few(hashes), false) = (&self.known, self.mixed) { list(hashes) } else { None };
        match list {
            Some((count, last, list)) => {
                bytes.push(1);
                for number in [0, count, last, list.len() as u32] {
                    bytes.extend(number.to_be_bytes());
                }
                bytes.extend(list);
            }
            None => {
                bytes.push(0);
                bytes.extend((REGISTERS as u32).to_be_bytes());
                bytes.extend(&*self.registers());
            }
        }
        Partial::Value(Datum::String([PREFIX, STANDARD.encode(&bytes).as_bytes()].concat().into()))
    }
}

/// What every sketch begins with.
const PREFIX: &[u8] = b"HLL_";

fn raise(registers: &mut [u8], (register, run): (usize, u8)) {
    registers[register] = registers[register].max(run);
}

/// How many hashes there are, the last one, and all as a list; `None` if it is too long.
fn list(hashes: &HashSet<u32, ahash::RandomState>) -> Option<(u32, u32, Vec<u8>)> {
    let mut sorted: Vec<u32> = hashes.iter().copied().collect();
    sorted.sort_unstable();
    let (mut list, mut last) = (Vec::new(), 0);
    for &hash in &sorted {
        let mut step = hash - last;
        while step > 0x7f {
            list.push(step as u8 & 0x7f | 0x80);
            step >>= 7;
        }
        list.push(step as u8);
        last = hash;
    }
    (list.len() <= REGISTERS).then_some((sorted.len() as u32, last, list))
}

/// How many different values a sketch saw; `None` if the text is no sketch.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn count(text: &[u8]) -> Option<u64> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    let [_, precision, sparse, rest @ ..] = bytes.as_slice() else { return None };
    // Of other precisions InfluxDB makes no sketch, and counts nothing.
    if !(4..=18).contains(precision) {
        return Some(0);
    }
    let number = |at: usize| Some(u32::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    if *sparse == 1 {
        let (all, count) = (1_u32 << KEPT, number(4 + 4 * number(0)? as usize)?);
        return Some((f64::from(all) * ln(f64::from(all) / f64::from(all.checked_sub(count)?))) as u64);
    }
    let registers = rest.get(4..)?.get(..number(0)? as usize)?;
    (registers.len() == 1_usize << precision).then(|| estimate(registers))
}

/// The estimate of HyperLogLog, with the correction called LogLog-Beta.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn estimate(registers: &[u8]) -> u64 {
    const BETA: [f64; 6] = [
        0.40729184796612533,
        1.5615203390658416,
        -0.9924223353428613,
        0.2606468139948309,
        -0.03053811369682807,
        0.00155770210179105,
    ];
    let (mut sum, mut empty) = (0.0, 0.0);
    for &run in registers {
        sum += 1.0 / f64::from(1_u32.checked_shl(u32::from(run)).unwrap_or(0));
        empty += f64::from(u8::from(run == 0));
    }
    let all = registers.len() as f64;
    let log = ln(empty + 1.0);
    let start = -0.3733187664375306 * empty + -1.41704077448123 * log;
    let beta = BETA.iter().zip(2_u8..).fold(start, |sum, (factor, power)| sum + factor * pow(log, f64::from(power)));
    let alpha = 0.7213 / (1.0 + 1.079 / all);
    ((alpha * all * (all - empty) / (beta + sum)) + 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sketch: Sketch) -> Vec<u8> {
        let Partial::Value(Datum::String(text)) = sketch.finish() else { panic!("no text") };
        text.to_vec()
    }

    fn of(values: Range<i64>, source: u64) -> Sketch {
        let mut sketch = Sketch::default();
        let values = Values::Integer(values.collect());
        sketch.insert(&values, 0..values.len(), source);
        sketch
    }

    /// As a real InfluxDB wrote it of the one value 7.
    #[test]
    fn sketches_are_influxdbs() {
        let mut sketch = Sketch::default();
        sketch.insert(&Values::Float(vec![7.0]), 0..1, 1);
        assert_eq!(text(sketch), b"HLL_AhABAAAAAAAAAAEAAVaqAAAAA6qtBQ==");
    }

    #[test]
    fn few_and_many_are_counted() {
        for (count, form) in [(1, 1), (100, 1), (5_000, 1), (200_000, 0)] {
            let text = text(of(0..count, 1));
            assert_eq!(STANDARD.decode(&text[4..]).unwrap()[2], form, "{count}");
            let counted = super::count(&text).unwrap() as f64;
            assert!((counted / count as f64 - 1.0).abs() < 0.02, "{counted} of {count}");
        }
        assert_eq!(
            [super::count(b""), super::count(b"HLL_"), super::count(b"HLL_!"), super::count(b"text")],
            [None; 4]
        );
    }

    #[test]
    fn damaged_sketches_are_counted_or_not_and_nothing_else() {
        let sketch = |bytes: &[u8]| [PREFIX, STANDARD.encode(bytes).as_bytes()].concat();
        for precision in [0, 3, 19, 64, 200, 255] {
            assert_eq!(count(&sketch(&[2, precision, 0, 0, 0, 0, 4, 97, 98, 99, 100])), Some(0), "{precision}");
        }
        assert_eq!(count(&sketch(&[2, 16, 0, 0, 0, 0, 4, 97, 98, 99, 100])), None);
        for (form, length) in [(0, u32::MAX), (1, u32::MAX), (1, 0)] {
            assert_eq!(count(&sketch(&[&[2, 16, form][..], &length.to_be_bytes(), &[1]].concat())), None);
        }
        let whole = text(of(0..300, 1));
        for end in 0..whole.len() {
            count(&whole[..end]);
        }
    }

    #[test]
    fn however_they_are_cut_sketches_are_the_same() {
        for end in [90, 30_000] {
            let mut joined = of(0..end / 2, 1);
            joined.merge(of(end / 3..end, 1));
            assert_eq!(text(joined), text(of(0..end, 1)));
            let mut mixed = of(0..end / 2, 1);
            mixed.merge(of(end / 3..end, 2));
            let (mixed, mut dense) = (text(mixed), of(0..end, 1));
            dense.merge(Sketch { mixed: true, ..Sketch::default() });
            assert_eq!(mixed, text(dense));
            assert_eq!(STANDARD.decode(&mixed[4..]).unwrap().len(), 7 + REGISTERS);
        }
    }
}
