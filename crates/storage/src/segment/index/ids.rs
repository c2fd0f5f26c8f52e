//! A forward column: for each series the id of its value, 0 for none.
//!
//! Where values stay over many series, as those of the first tags of sorted keys do, or few series have the tag, the column
//! is kept as runs, else as a list.
//!
//! ```text
//! form       1 byte: 0 a list, 1 runs
//! list       bits an id (1 byte: as the number of values needs), then the ids, packed
//! runs       lengths, all but the last (u64 column); ids (u64 column)
//! ```

use codec::bits::{pack, packed_len, unpack, width_of};
use codec::{CodecError, Reader};
use std::ops::Range;

const LIST: u8 = 0;
const RUNS: u8 = 1;
/// Series a run on average from which on runs are kept.
const LONG: usize = 4;

/// A forward column.
#[derive(Debug, Hash, PartialEq)]
pub(crate) enum Ids {
    /// One a series.
    List(Vec<u32>),
    /// Series from one start to the next have one id. Starts ascend from 0; neighbours differ in id.
    Runs {
        /// Where each run begins.
        starts: Vec<u32>,
        /// Its id.
        ids: Vec<u32>,
        /// Number of series.
        series: u32,
    },
}

impl Ids {
    /// A column from the series at which the id becomes another, ascending; it is 0 before the first.
    pub(super) fn of_changes(changes: &[(u32, u32)], series: usize) -> Self {
        let (mut starts, mut ids) = (Vec::new(), Vec::new());
        let first = if changes.first().is_some_and(|change| change.0 == 0) { None } else { Some((0, 0)) };
        for (start, id) in first.into_iter().chain(changes.iter().copied()) {
            if ids.last() != Some(&id) {
                starts.push(start);
                ids.push(id);
            }
        }
        let runs = Self::Runs { starts, ids, series: series as u32 };
        match &runs {
            Self::Runs { ids, .. } if ids.len() * LONG > series => {
                let mut list = Vec::with_capacity(series);
                runs.each(|run, id| list.resize(run.end as usize, id));
                Self::List(list)
            }
            _ => runs,
        }
    }

    /// The id of a series.
    pub(crate) fn get(&self, series: usize) -> u32 {
        match self {
            Self::List(ids) => ids[series],
            Self::Runs { starts, ids, .. } => ids[starts.partition_point(|&start| start as usize <= series) - 1],
        }
    }

    /// Gives series after series, or run after run.
    pub(crate) fn each(&self, mut take: impl FnMut(Range<u32>, u32)) {
        match self {
            Self::List(ids) => (0u32..).zip(ids).for_each(|(at, &id)| take(at..at + 1, id)),
            Self::Runs { starts, ids, series } => {
                let ends = starts[1..].iter().chain(std::iter::once(series));
                starts.iter().zip(ends).zip(ids).for_each(|((&start, &end), &id)| take(start..end, id));
            }
        }
    }

    /// Reads ids of ascending series.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk { ids: self, run: 0, until: 0, id: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::List(ids) => ids.len() * 4,
            Self::Runs { ids, .. } => ids.len() * 8,
        }
    }

    pub(super) fn encode(&self, values: u32, out: &mut Vec<u8>) {
        match self {
            Self::List(ids) => {
                let width = width_of(u64::from(values));
                out.extend([LIST, width as u8]);
                pack(ids.iter().map(|&id| u64::from(id)), width, out);
            }
            Self::Runs { starts, ids, .. } => {
                out.push(RUNS);
                codec::encode_u64_column(
                    &starts.windows(2).map(|pair| u64::from(pair[1] - pair[0])).collect::<Vec<_>>(),
                    out,
                );
                codec::encode_u64_column(&ids.iter().map(|&id| u64::from(id)).collect::<Vec<_>>(), out);
            }
        }
    }

    /// Reads the column of so many series over so many values.
    pub(super) fn decode(reader: &mut Reader<'_>, series: usize, values: u32) -> Result<Self, CodecError> {
        let ids = match reader.u8()? {
            LIST => Self::decode_list(reader, series)?,
            RUNS => Self::decode_runs(reader, series)?,
            _ => return Err(CodecError::Invalid("form of the ids of an index")),
        };
        let (Self::List(all) | Self::Runs { ids: all, .. }) = &ids;
        if all.iter().any(|&id| id > values) {
            return Err(CodecError::Invalid("tag values of an index"));
        }
        Ok(ids)
    }

    fn decode_list(reader: &mut Reader<'_>, series: usize) -> Result<Self, CodecError> {
        let width = u32::from(reader.u8()?);
        if width > 32 {
            return Err(CodecError::Invalid("width of the ids of an index"));
        }
        let bytes = reader.take(packed_len(series, width))?;
        let mut ids = Vec::with_capacity(series);
        unpack(bytes, series, width, &mut ids, |id| id as u32)?;
        Ok(Self::List(ids))
    }

    fn decode_runs(reader: &mut Reader<'_>, series: usize) -> Result<Self, CodecError> {
        let lens = codec::decode_u64_column(reader, series)?;
        let ids = codec::decode_u64_column(reader, series)?;
        let (mut starts, mut at) = (vec![0], 0u64);
        for len in &lens {
            at = at.saturating_add(*len);
            if *len == 0 || at >= series as u64 {
                return Err(CodecError::Invalid("runs of an index"));
            }
            starts.push(at as u32);
        }
        if ids.len() != starts.len() || ids.iter().any(|&id| id > u64::from(u32::MAX)) {
            return Err(CodecError::Invalid("runs of an index"));
        }
        Ok(Self::Runs { starts, ids: ids.into_iter().map(|id| id as u32).collect(), series: series as u32 })
    }
}

/// Reads ids of ascending series; see [`Ids::walk`].
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    ids: &'a Ids,
    /// The run after the current one, where that ends, and its id.
    run: usize,
    until: u32,
    id: u32,
}

impl Walk<'_> {
    /// The id of a series, which is not below the one before.
    pub(crate) fn get(&mut self, series: u32) -> u32 {
        let (starts, ids, count) = match self.ids {
            Ids::List(ids) => return ids[series as usize],
            Ids::Runs { starts, ids, series } => (starts, ids, *series),
        };
        if series >= self.until {
            if starts.get(self.run + 1).is_some_and(|&next| next <= series) {
                self.run += starts[self.run..].partition_point(|&start| start <= series) - 1;
            }
            self.id = ids[self.run];
            self.run += 1;
            self.until = starts.get(self.run).copied().unwrap_or(count);
        }
        self.id
    }
}
