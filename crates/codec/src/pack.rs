//! The log's packing: numbers in whole bytes. Slower disks than memory buses read it, so speed counts and a tenth of a byte
//! does not.
//!
//! The count of values stands outside: the record says it once for all its columns, and a reader checks it against its own
//! bound before it decodes, as a constant needs no bytes a value.
//!
//! | column | bytes |
//! | --- | --- |
//! | integers | width w (1 byte: 0, 1, 2, 4 or 8), least value (8 bytes LE), then w bytes LE a value: its offset from the least |
//! | times | unit (1 byte: 0 ns, 1 us, 2 ms, 3 s), then integers as above whose offsets are in that unit |
//! | ids (u32) | as integers, least value 4 bytes, w at most 4 |
//! | floats | 8 bytes LE a value, its bits |
//! | booleans | a bit a value, lowest first |
//! | strings | lengths as ids, then the strings joined |

use crate::bits::{pack, packed_len, unpack};
use crate::varint::Reader;
use crate::{CodecError, Result, Strings};

/// Nanoseconds of each time unit.
const UNITS: [u64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

fn width_for(range: u64) -> u8 {
    match range {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn put_lanes(offsets: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    match width {
        0 => {}
        1 => out.extend(offsets.map(|v| v as u8)),
        2 => offsets.for_each(|v| out.extend_from_slice(&(v as u16).to_le_bytes())),
        4 => offsets.for_each(|v| out.extend_from_slice(&(v as u32).to_le_bytes())),
        _ => offsets.for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
    }
}

fn take_lanes<T: Clone>(
    reader: &mut Reader<'_>,
    width: u8,
    n: usize,
    out: &mut Vec<T>,
    map: impl Fn(u64) -> T,
) -> Result<()> {
    if !matches!(width, 0 | 1 | 2 | 4 | 8) {
        return Err(CodecError::Invalid("width of packed integers"));
    }
    let bytes = reader.take(n.saturating_mul(usize::from(width)))?;
    match width {
        0 => out.resize(out.len() + n, map(0)),
        1 => out.extend(bytes.iter().map(|&v| map(u64::from(v)))),
        2 => out.extend(bytes.as_chunks::<2>().0.iter().map(|&v| map(u64::from(u16::from_le_bytes(v))))),
        4 => out.extend(bytes.as_chunks::<4>().0.iter().map(|&v| map(u64::from(u32::from_le_bytes(v))))),
        _ => out.extend(bytes.as_chunks::<8>().0.iter().map(|&v| map(u64::from_le_bytes(v)))),
    }
    Ok(())
}

fn bounds<T: Copy + Ord + Default>(values: &[T]) -> (T, T) {
    let first = values.first().copied().unwrap_or_default();
    values.iter().fold((first, first), |(min, max), &v| (min.min(v), max.max(v)))
}

/// Appends signed integers.
pub fn pack_i64(values: &[i64], out: &mut Vec<u8>) {
    let (min, max) = bounds(values);
    let width = width_for(max.wrapping_sub(min) as u64);
    out.reserve(9 + values.len() * usize::from(width));
    out.push(width);
    out.extend_from_slice(&min.to_le_bytes());
    put_lanes(values.iter().map(|v| v.wrapping_sub(min) as u64), width, out);
}

/// Reads `n` signed integers and appends them.
pub fn unpack_i64(reader: &mut Reader<'_>, n: usize, out: &mut Vec<i64>) -> Result<()> {
    let width = reader.u8()?;
    let min = reader.u64()? as i64;
    take_lanes(reader, width, n, out, |offset| min.wrapping_add(offset as i64))
}

/// Appends unsigned integers.
pub fn pack_u64(values: &[u64], out: &mut Vec<u8>) {
    let (min, max) = bounds(values);
    let width = width_for(max - min);
    out.reserve(9 + values.len() * usize::from(width));
    out.push(width);
    out.extend_from_slice(&min.to_le_bytes());
    put_lanes(values.iter().map(|v| v.wrapping_sub(min)), width, out);
}

/// Reads `n` unsigned integers and appends them.
pub fn unpack_u64(reader: &mut Reader<'_>, n: usize, out: &mut Vec<u64>) -> Result<()> {
    let width = reader.u8()?;
    let min = reader.u64()?;
    take_lanes(reader, width, n, out, |offset| min.wrapping_add(offset))
}

/// Appends ids.
pub fn pack_u32(values: &[u32], out: &mut Vec<u8>) {
    let (min, max) = bounds(values);
    let width = width_for(u64::from(max - min));
    out.reserve(5 + values.len() * usize::from(width));
    out.push(width);
    out.extend_from_slice(&min.to_le_bytes());
    put_lanes(values.iter().map(|&v| u64::from(v.wrapping_sub(min))), width, out);
}

/// Reads `n` ids and appends them.
pub fn unpack_u32(reader: &mut Reader<'_>, n: usize, out: &mut Vec<u32>) -> Result<()> {
    let width = reader.u8()?;
    let min = reader.u32()?;
    if width > 4 {
        return Err(CodecError::Invalid("width of packed ids"));
    }
    take_lanes(reader, width, n, out, |offset| min.wrapping_add(offset as u32))
}

/// Appends timestamps (ns). Those that agents send lie on whole seconds or milliseconds and take a byte or two.
pub fn pack_times(values: &[i64], out: &mut Vec<u8>) {
    let (min, max) = bounds(values);
    let offsets = || values.iter().map(|v| v.wrapping_sub(min) as u64);
    // Divisors that the compiler knows become multiplications.
    let unit = if offsets().all(|v| v % UNITS[3] == 0) {
        3
    } else if offsets().all(|v| v % UNITS[2] == 0) {
        2
    } else {
        u8::from(offsets().all(|v| v % UNITS[1] == 0))
    };
    let width = width_for(max.wrapping_sub(min) as u64 / UNITS[usize::from(unit)]);
    out.reserve(10 + values.len() * usize::from(width));
    out.extend_from_slice(&[unit, width]);
    out.extend_from_slice(&min.to_le_bytes());
    match unit {
        3 => put_lanes(offsets().map(|v| v / UNITS[3]), width, out),
        2 => put_lanes(offsets().map(|v| v / UNITS[2]), width, out),
        1 => put_lanes(offsets().map(|v| v / UNITS[1]), width, out),
        _ => put_lanes(offsets(), width, out),
    }
}

/// Reads `n` timestamps and appends them.
pub fn unpack_times(reader: &mut Reader<'_>, n: usize, out: &mut Vec<i64>) -> Result<()> {
    let unit = *UNITS.get(usize::from(reader.u8()?)).ok_or(CodecError::Invalid("unit of packed times"))?;
    let width = reader.u8()?;
    let min = reader.u64()? as i64;
    take_lanes(reader, width, n, out, |offset| min.wrapping_add(offset.wrapping_mul(unit) as i64))
}

/// Appends floats, bit for bit.
pub fn pack_f64(values: &[f64], out: &mut Vec<u8>) {
    out.reserve(values.len() * 8);
    values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
}

/// Reads `n` floats and appends them.
pub fn unpack_f64(reader: &mut Reader<'_>, n: usize, out: &mut Vec<f64>) -> Result<()> {
    take_lanes(reader, 8, n, out, f64::from_bits)
}

/// Appends booleans as bits.
pub fn pack_bool(values: &[bool], out: &mut Vec<u8>) {
    pack(values.iter().map(|&v| u64::from(v)), 1, out);
}

/// Reads `n` booleans and appends them.
pub fn unpack_bool(reader: &mut Reader<'_>, n: usize, out: &mut Vec<bool>) -> Result<()> {
    unpack(reader.take(packed_len(n, 1))?, n, 1, out, |bit| bit == 1)
}

/// Appends strings: string i is `bytes[offsets[i]..offsets[i + 1]]`.
///
/// # Panics
/// If the offsets do not ascend inside `bytes`.
pub fn pack_strings(offsets: &[u32], bytes: &[u8], out: &mut Vec<u8>) {
    let lens: Vec<u32> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    pack_u32(&lens, out);
    let (start, end) = (offsets.first().map_or(0, |&at| at as usize), offsets.last().map_or(0, |&at| at as usize));
    out.extend_from_slice(&bytes[start..end]);
}

/// Reads `n` strings.
pub fn unpack_strings(reader: &mut Reader<'_>, n: usize) -> Result<Strings> {
    let mut lens = Vec::new();
    unpack_u32(reader, n, &mut lens)?;
    let total: u64 = lens.iter().map(|&len| u64::from(len)).sum();
    if total > reader.remaining() as u64 {
        return Err(CodecError::Truncated { offset: reader.offset() });
    }
    let mut strings = Strings::default();
    for len in lens {
        strings.push(reader.take(len as usize)?);
    }
    Ok(strings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn ints() -> impl Strategy<Value = Vec<i64>> {
        let bases = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)];
        (bases, 0u32..64, vec(any::<u64>(), 0..100))
            .prop_map(|(base, shift, offsets)| offsets.iter().map(|o| base.wrapping_add((o >> shift) as i64)).collect())
    }

    proptest! {
        #[test]
        fn columns_round_trip_one_behind_the_other(ints in ints(), unit in 0usize..4, bools: Vec<bool>, floats: Vec<u64>) {
            let unsigned: Vec<u64> = ints.iter().map(|&v| v as u64).collect();
            let ids: Vec<u32> = ints.iter().map(|&v| v as u32).collect();
            let times: Vec<i64> = ints.iter().map(|&v| v.wrapping_mul(UNITS[unit] as i64)).collect();
            let floats: Vec<f64> = floats.into_iter().map(f64::from_bits).collect();
            let strings: Strings = ints.iter().map(|v| &b"abcdefgh"[..(v & 7) as usize]).collect();
            let mut out = Vec::new();
            pack_i64(&ints, &mut out);
            pack_u64(&unsigned, &mut out);
            pack_u32(&ids, &mut out);
            pack_times(&times, &mut out);
            pack_f64(&floats, &mut out);
            pack_bool(&bools, &mut out);
            pack_strings(strings.offsets(), strings.bytes(), &mut out);
            let (mut reader, n) = (Reader::new(&out), ints.len());
            let (mut i, mut u, mut d, mut t, mut f, mut b) = (vec![], vec![], vec![], vec![], vec![], vec![]);
            unpack_i64(&mut reader, n, &mut i).unwrap();
            unpack_u64(&mut reader, n, &mut u).unwrap();
            unpack_u32(&mut reader, n, &mut d).unwrap();
            unpack_times(&mut reader, n, &mut t).unwrap();
            unpack_f64(&mut reader, floats.len(), &mut f).unwrap();
            unpack_bool(&mut reader, bools.len(), &mut b).unwrap();
            prop_assert_eq!((i, u, d, t, b), (ints, unsigned, ids, times, bools));
            prop_assert!(f.iter().map(|v| v.to_bits()).eq(floats.iter().map(|v| v.to_bits())));
            prop_assert_eq!(unpack_strings(&mut reader, n).unwrap(), strings);
            reader.finish().unwrap();
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, n in 0usize..300) {
            let reader = || Reader::new(&bytes);
            let mut out = Vec::new();
            let _ = unpack_i64(&mut reader(), n, &mut out);
            let _ = unpack_times(&mut reader(), n, &mut out);
            prop_assert!(out.len() <= 2 * n);
            let _ = unpack_u64(&mut reader(), n, &mut Vec::new());
            let _ = unpack_u32(&mut reader(), n, &mut Vec::new());
            let _ = unpack_f64(&mut reader(), n, &mut Vec::new());
            let _ = unpack_bool(&mut reader(), n, &mut Vec::new());
            let _ = unpack_strings(&mut reader(), n);
        }
    }

    #[test]
    fn what_agents_send_is_small() {
        let mut out = Vec::new();
        let seconds: Vec<i64> = (0..200).map(|i| 1_451_606_400_000_000_000 + i * 1_000_000_000).collect();
        pack_times(&seconds, &mut out);
        assert_eq!(out.len(), 10 + 200);
        out.clear();
        pack_i64(&[-5; 1000], &mut out);
        assert_eq!(out.len(), 9);
        assert!(unpack_f64(&mut Reader::new(&[0; 7]), 1, &mut Vec::new()).is_err());
        assert!(unpack_i64(&mut Reader::new(&[8; 17]), usize::MAX, &mut Vec::new()).is_err());
    }
}
