//! Statistics of the pages of one numeric field: least, greatest, first, last and sum. How many values there are is not kept:
//! a page of a column group has one for every row.
//!
//! ```text
//! integers, unsigned: least (i64 column), then u64 columns of greatest - least, first - least, last - least,
//!                     sum - rows * least; all wrapping, unsigned numbers as their bits
//! floats:             least, greatest, first, last, sum (f64 columns); a page with a NaN has NaN everywhere
//! ```

use crate::view::{NumberStats, Scalar};
use codec::{CodecError, Reader, reduce};
use model::{FieldType, Values};
use std::ops::Range;

/// The statistics of some pages, one entry a page in each list. Unsigned numbers are kept as their bits.
#[derive(Debug)]
pub(crate) enum FieldStats {
    /// Integers and unsigned integers.
    Whole(Lists<i64>),
    /// Floats.
    Float(Lists<f64>),
}

/// See [`FieldStats`].
#[derive(Debug, Default)]
pub(crate) struct Lists<T> {
    min: Vec<T>,
    max: Vec<T>,
    first: Vec<T>,
    last: Vec<T>,
    sum: Vec<T>,
}

impl<T: Copy> Lists<T> {
    fn push(&mut self, [min, max, first, last, sum]: [T; 5]) {
        self.min.push(min);
        self.max.push(max);
        self.first.push(first);
        self.last.push(last);
        self.sum.push(sum);
    }

    fn extend(&mut self, from: &Self, pages: Range<usize>) {
        self.min.extend_from_slice(&from.min[pages.clone()]);
        self.max.extend_from_slice(&from.max[pages.clone()]);
        self.first.extend_from_slice(&from.first[pages.clone()]);
        self.last.extend_from_slice(&from.last[pages.clone()]);
        self.sum.extend_from_slice(&from.sum[pages]);
    }

    /// The figures of some pages of one series that follow each other, out of those of each; `None` if there are none.
    fn over(&self, pages: Range<usize>, fold: &Fold<T>) -> Option<NumberStats> {
        let least = self.min.get(pages.clone())?;
        let min = (fold.min)(least)?;
        let one = |list: &[T], at: usize| list.get(at).map(|&v| (fold.scalar)(v));
        let (first, last) = (one(&self.first, pages.start)?, one(&self.last, pages.end - 1)?);
        let (max, sum) = match least {
            [_] => (one(&self.max, pages.start)?, one(&self.sum, pages.start)?),
            _ => ((fold.max)(self.max.get(pages.clone())?)?, (fold.scalar)((fold.sum)(self.sum.get(pages)?))),
        };
        Some(NumberStats { sum, min, max, first, last })
    }
}

/// How figures of pages make one.
struct Fold<T> {
    scalar: fn(T) -> Scalar,
    min: fn(&[T]) -> Option<Scalar>,
    max: fn(&[T]) -> Option<Scalar>,
    sum: fn(&[T]) -> T,
}

const FLOATS: Fold<f64> = Fold {
    scalar: Scalar::Float,
    // A page with a NaN has NaNs only, and then there are no figures.
    min: |list| if list.iter().any(|v| v.is_nan()) { None } else { reduce::min_f64(list).map(|v| Scalar::Float(v.0)) },
    max: |list| reduce::max_f64(list).map(|v| Scalar::Float(v.0)),
    sum: reduce::sum_f64,
};

const INTEGERS: Fold<i64> = Fold {
    scalar: Scalar::Integer,
    min: |list| list.iter().copied().min().map(Scalar::Integer),
    max: |list| list.iter().copied().max().map(Scalar::Integer),
    sum: reduce::sum_i64,
};

/// Unsigned numbers, kept as their bits.
const UNSIGNED: Fold<i64> = Fold {
    scalar: |bits| Scalar::Unsigned(bits.cast_unsigned()),
    min: |list| list.iter().map(|bits| bits.cast_unsigned()).min().map(Scalar::Unsigned),
    max: |list| list.iter().map(|bits| bits.cast_unsigned()).max().map(Scalar::Unsigned),
    sum: reduce::sum_i64,
};

impl FieldStats {
    /// Adds some pages of others as they are.
    pub(super) fn extend(&mut self, from: &Self, pages: Range<usize>) {
        match (self, from) {
            (Self::Float(to), Self::Float(from)) => to.extend(from, pages),
            (Self::Whole(to), Self::Whole(from)) => to.extend(from, pages),
            _ => {}
        }
    }

    /// No pages yet; `None` for strings and booleans.
    pub(crate) fn new(field_type: FieldType) -> Option<Self> {
        match field_type {
            FieldType::Float => Some(Self::Float(Lists::default())),
            FieldType::Integer | FieldType::Unsigned => Some(Self::Whole(Lists::default())),
            FieldType::String | FieldType::Boolean => None,
        }
    }

    /// Adds a page: those of the values, which are not none and of the type that these statistics were made for.
    pub(crate) fn push(&mut self, values: &Values, page: Range<usize>) {
        match (self, values) {
            (Self::Float(lists), Values::Float(values)) => lists.push(float_page(&values[page])),
            (Self::Whole(lists), Values::Integer(values)) => {
                let values = &values[page];
                let (min, max) = (reduce::min_i64(values), reduce::max_i64(values));
                let ends = (values.first().copied(), values.last().copied());
                lists.push([
                    min.map_or(0, |(v, _)| v),
                    max.map_or(0, |(v, _)| v),
                    ends.0.unwrap_or_default(),
                    ends.1.unwrap_or_default(),
                    reduce::sum_i64(values),
                ]);
            }
            (Self::Whole(lists), Values::Unsigned(values)) => {
                let values = &values[page];
                let (min, max) = (reduce::min_u64(values), reduce::max_u64(values));
                let ends = (values.first().copied(), values.last().copied());
                let page = [
                    min.map_or(0, |(v, _)| v),
                    max.map_or(0, |(v, _)| v),
                    ends.0.unwrap_or_default(),
                    ends.1.unwrap_or_default(),
                    reduce::sum_u64(values),
                ];
                lists.push(page.map(u64::cast_signed));
            }
            _ => {}
        }
    }

    /// The figures of some pages that follow each other, of one series and a field of that type; `None` if they are not kept.
    pub(crate) fn over(&self, pages: Range<usize>, field_type: FieldType) -> Option<NumberStats> {
        match self {
            Self::Float(lists) => lists.over(pages, &FLOATS),
            Self::Whole(lists) if field_type == FieldType::Unsigned => lists.over(pages, &UNSIGNED),
            Self::Whole(lists) => lists.over(pages, &INTEGERS),
        }
    }

    /// The least and the greatest value in some pages of a field of that type; `None` if they are not kept.
    pub(crate) fn bounds(&self, pages: Range<usize>, field_type: FieldType) -> Option<(Scalar, Scalar)> {
        fn of<T>(lists: &Lists<T>, pages: Range<usize>, fold: &Fold<T>) -> Option<(Scalar, Scalar)> {
            Some(((fold.min)(lists.min.get(pages.clone())?)?, (fold.max)(lists.max.get(pages)?)?))
        }
        match self {
            Self::Float(lists) => of(lists, pages, &FLOATS),
            Self::Whole(lists) if field_type == FieldType::Unsigned => of(lists, pages, &UNSIGNED),
            Self::Whole(lists) => of(lists, pages, &INTEGERS),
        }
    }

    /// Appends all pages; `rows` is the number of rows of each.
    pub(crate) fn encode(&self, rows: &[u32], out: &mut Vec<u8>) {
        match self {
            Self::Float(lists) => {
                for list in [&lists.min, &lists.max, &lists.first, &lists.last, &lists.sum] {
                    codec::encode_f64_column(list, out);
                }
            }
            Self::Whole(lists) => {
                codec::encode_i64_column(&lists.min, out);
                for list in [&lists.max, &lists.first, &lists.last] {
                    let above = list.iter().zip(&lists.min).map(|(v, min)| v.wrapping_sub(*min).cast_unsigned());
                    codec::encode_u64_column(&above.collect::<Vec<_>>(), out);
                }
                let floors = lists.min.iter().zip(rows).map(|(min, rows)| min.wrapping_mul(i64::from(*rows)));
                let above = lists.sum.iter().zip(floors).map(|(sum, floor)| sum.wrapping_sub(floor).cast_unsigned());
                codec::encode_u64_column(&above.collect::<Vec<_>>(), out);
            }
        }
    }

    /// Reads what [`FieldStats::encode`] wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>, field_type: FieldType, rows: &[u32]) -> Result<Self, CodecError> {
        let pages = rows.len();
        if field_type == FieldType::Float {
            let mut list = || exactly(codec::decode_f64_column(reader, pages)?, pages);
            let (min, max, first, last, sum) = (list()?, list()?, list()?, list()?, list()?);
            return Ok(Self::Float(Lists { min, max, first, last, sum }));
        }
        let min = exactly(codec::decode_i64_column(reader, pages)?, pages)?;
        let mut above = |floor: &dyn Fn(usize) -> i64| -> Result<Vec<i64>, CodecError> {
            let list = exactly(codec::decode_u64_column(reader, pages)?, pages)?;
            Ok(list.iter().enumerate().map(|(page, v)| floor(page).wrapping_add(v.cast_signed())).collect())
        };
        let (max, first, last) = (above(&|page| min[page])?, above(&|page| min[page])?, above(&|page| min[page])?);
        let sum = above(&|page| min[page].wrapping_mul(i64::from(rows[page])))?;
        Ok(Self::Whole(Lists { min, max, first, last, sum }))
    }
}

fn float_page(values: &[f64]) -> [f64; 5] {
    if values.iter().any(|v| v.is_nan()) {
        return [f64::NAN; 5];
    }
    let (min, max) = (reduce::min_f64(values), reduce::max_f64(values));
    [
        min.map_or(f64::NAN, |(v, _)| v),
        max.map_or(f64::NAN, |(v, _)| v),
        values.first().copied().unwrap_or(f64::NAN),
        values.last().copied().unwrap_or(f64::NAN),
        reduce::sum_f64(values),
    ]
}

/// `list`, if it has `len` items.
pub(super) fn exactly<T>(list: Vec<T>, len: usize) -> Result<Vec<T>, CodecError> {
    if list.len() == len { Ok(list) } else { Err(CodecError::Invalid("a column of the directory has a wrong length")) }
}
