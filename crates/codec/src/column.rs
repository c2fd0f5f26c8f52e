//! Whole columns that carry their own count: directories of segments, index tables.
//!
//! count (varint), header length (varint), page length (varint), then header and page of a block with a single page, as
//! [`crate::block`] writes it.

use crate::Result;
use crate::block::{FloatBlock, Int, IntBlock, Level, Pages, encode_f64, encode_int};
use crate::varint::{Reader, put_u64};

/// Appends a column of unsigned integers.
pub fn encode_u64_column(values: &[u64], out: &mut Vec<u8>) {
    encode_int_column(values, out);
}

/// Appends a column of signed integers.
pub fn encode_i64_column(values: &[i64], out: &mut Vec<u8>) {
    encode_int_column(values, out);
}

/// Appends a column of floats, exact to the bit.
pub fn encode_f64_column(values: &[f64], out: &mut Vec<u8>) {
    let mut block = Vec::new();
    let pages = encode_f64(values, &[values.len()], Level::Cold, &mut block);
    put_column(values.len(), &pages, &block, out);
}

fn encode_int_column<T: Int>(values: &[T], out: &mut Vec<u8>) {
    let mut block = Vec::new();
    let pages = encode_int(values, &[values.len()], Level::Cold, &mut block);
    put_column(values.len(), &pages, &block, out);
}

fn put_column(n: usize, pages: &Pages, block: &[u8], out: &mut Vec<u8>) {
    put_u64(out, n as u64);
    put_u64(out, u64::from(pages.header_len));
    put_u64(out, pages.page_lens.iter().map(|&len| u64::from(len)).sum());
    out.extend_from_slice(block);
}

/// Count, header and page of the column that `reader` stands at; the count is refused above `max`.
fn take_column<'a>(reader: &mut Reader<'a>, max: usize) -> Result<(usize, &'a [u8], &'a [u8])> {
    let n = reader.count(max)?;
    let header_len = reader.count(reader.remaining())?;
    let page_len = reader.count(reader.remaining())?;
    Ok((n, reader.take(header_len)?, reader.take(page_len)?))
}

/// Reads a column of unsigned integers; more than `max` of them are refused before anything is allocated.
pub fn decode_u64_column(reader: &mut Reader<'_>, max: usize) -> Result<Vec<u64>> {
    decode_int_column(reader, max)
}

/// Reads a column of signed integers; more than `max` of them are refused before anything is allocated.
pub fn decode_i64_column(reader: &mut Reader<'_>, max: usize) -> Result<Vec<i64>> {
    decode_int_column(reader, max)
}

/// Reads a column of floats; more than `max` of them are refused before anything is allocated.
pub fn decode_f64_column(reader: &mut Reader<'_>, max: usize) -> Result<Vec<f64>> {
    let (n, header, page) = take_column(reader, max)?;
    let mut values = Vec::new();
    FloatBlock::open(header)?.page(page, n, &mut values)?;
    Ok(values)
}

fn decode_int_column<T: Int>(reader: &mut Reader<'_>, max: usize) -> Result<Vec<T>> {
    let (n, header, page) = take_column(reader, max)?;
    let mut values = Vec::new();
    IntBlock::open(header)?.page(page, n, &mut values)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_round_trip_one_behind_the_other(a: Vec<u64>, b: Vec<i64>, c: Vec<f64>) {
            let mut out = Vec::new();
            encode_u64_column(&a, &mut out);
            encode_i64_column(&b, &mut out);
            encode_f64_column(&c, &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(decode_u64_column(&mut reader, a.len()).unwrap(), a);
            prop_assert_eq!(decode_i64_column(&mut reader, b.len()).unwrap(), b);
            let back = decode_f64_column(&mut reader, c.len()).unwrap();
            prop_assert!(back.iter().map(|v| v.to_bits()).eq(c.iter().map(|v| v.to_bits())));
            reader.finish().unwrap();
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, max in 0usize..1000) {
            for decoded in [
                decode_u64_column(&mut Reader::new(&bytes), max).map(|v| v.len()),
                decode_i64_column(&mut Reader::new(&bytes), max).map(|v| v.len()),
                decode_f64_column(&mut Reader::new(&bytes), max).map(|v| v.len()),
            ].into_iter().flatten() {
                prop_assert!(decoded <= max);
            }
        }
    }

    #[test]
    fn a_count_above_the_limit_is_refused() {
        let mut out = Vec::new();
        encode_u64_column(&[7; 1000], &mut out);
        assert!(out.len() < 8);
        assert!(decode_u64_column(&mut Reader::new(&out), 999).is_err());
    }
}
