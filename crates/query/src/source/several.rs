//! A measurement that FROM names several times, of several policies or of one: its rows count as often as they are named.
//!
//! The series of each source are series of their own, one source's after the other's, so that rows at one time come in the order of FROM.
//! Shards of which the times overlap are one to whoever reads: operators walk shard by shard, and a series, which lies in one source, has its
//! cuts in order of time there too. What storage tells of all series of a segment at once is not asked.

use super::{Cut, Scan, Series, Source};
use crate::QueryError;
use crate::exec::Meter;
use model::{FieldType, Text, Texts, TimeRange};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

/// The times of the shards of all sources, and for each of these and each source its shards there.
fn united(sources: &[Source]) -> Vec<(TimeRange, Vec<Range<usize>>)> {
    let shards: Vec<Vec<TimeRange>> = sources.iter().map(Source::shards).collect();
    let mut all: Vec<TimeRange> = shards.iter().flatten().copied().collect();
    all.sort_by_key(|shard| shard.start);
    let mut times: Vec<TimeRange> = Vec::new();
    for shard in all {
        match times.last_mut().filter(|last| last.overlaps(&shard)) {
            Some(last) => *last = last.union(&shard),
            None => times.push(shard),
        }
    }
    let within = |shards: &Vec<TimeRange>, time: &TimeRange| {
        let first = shards.partition_point(|shard| shard.end < time.start);
        first..first + shards[first..].partition_point(|shard| shard.start <= time.end)
    };
    times.into_iter().map(|time| (time, shards.iter().map(|shards| within(shards, &time)).collect())).collect()
}

pub(super) fn shards(sources: &[Source]) -> Vec<TimeRange> {
    united(sources).into_iter().map(|(time, _)| time).collect()
}

/// The source that a series belongs to, and its number there.
fn locate(series: &[Series], mut number: usize) -> (usize, usize) {
    for (source, own) in series.iter().enumerate() {
        if number < own.len() {
            return (source, number);
        }
        number -= own.len();
    }
    (0, 0)
}

pub(super) fn tags(series: &[Series], number: usize) -> model::TagSet {
    let (source, local) = locate(series, number);
    series[source].tags(local)
}

pub(super) fn tag_of(
    series: &[Series],
    key: &[u8],
    wanted: impl Iterator<Item = usize>,
    memory: &mut Meter,
) -> Result<Texts, QueryError> {
    let mut texts = Texts::default();
    for number in wanted {
        let (source, local) = locate(series, number);
        let own = series[source].tag_of(key, std::iter::once(local), memory)?;
        texts.push(own.get(0));
    }
    Ok(texts)
}

pub(super) fn tag_column(series: &[Series], key: &[u8]) -> (Vec<Text>, Vec<u32>) {
    let columns: Vec<(Vec<Text>, Vec<u32>)> = series.iter().map(|own| own.tag_column(key)).collect();
    let mut numbers: BTreeMap<&Text, u32> =
        columns.iter().flat_map(|(values, _)| values).map(|text| (text, 0)).collect();
    numbers.values_mut().zip(0..).for_each(|(number, at)| *number = at);
    let number = |(values, places): &(Vec<Text>, Vec<u32>)| -> Vec<u32> {
        let known: Vec<u32> = values.iter().map(|text| numbers.get(text).copied().unwrap_or(0)).collect();
        places.iter().map(|&place| known[place as usize]).collect()
    };
    let places = columns.iter().flat_map(number).collect();
    (numbers.into_keys().cloned().collect(), places)
}

/// A reader of all sources.
pub(crate) struct Scans<'v> {
    scans: Vec<Scan<'v>>,
    /// How many series each has.
    lengths: Vec<usize>,
    /// For each shard those of each source.
    shards: Vec<Vec<Range<usize>>>,
}

impl<'v> Scans<'v> {
    pub(super) fn new(
        sources: &'v [Source],
        series: &'v [Series],
        fields: &[(Text, FieldType)],
        range: TimeRange,
    ) -> Result<Self, QueryError> {
        let scan = |(source, own): (&'v Source, &'v Series)| source.scan(own, fields, range);
        Ok(Self {
            scans: sources.iter().zip(series).map(scan).collect::<Result<_, _>>()?,
            lengths: series.iter().map(Series::len).collect(),
            shards: united(sources).into_iter().map(|(_, own)| own).collect(),
        })
    }

    /// Each source's reader, with those of its shards that are a shard of all, and the number of its first series.
    fn each(&self, shard: usize) -> impl Iterator<Item = (&Scan<'v>, Range<usize>, Range<usize>)> {
        let mut first = 0;
        let own = self.scans.iter().zip(&self.lengths).zip(&self.shards[shard]);
        own.map(move |((scan, length), shards)| {
            let series = first..first + length;
            first = series.end;
            (scan, shards.clone(), series)
        })
    }

    pub(super) fn scans(&self) -> &[Scan<'v>] {
        &self.scans
    }

    pub(super) fn has_left(&self, shard: usize) -> bool {
        self.each(shard).any(|(scan, mut shards, _)| shards.any(|shard| scan.has_left(shard)))
    }

    /// The cuts of a series, of which `read` gives those in a shard of its own source.
    pub(super) fn cuts(
        &mut self,
        series: usize,
        shard: usize,
        mut read: impl FnMut(&mut Scan<'v>, usize, usize) -> Result<Vec<Cut>, QueryError>,
    ) -> Result<Vec<Cut>, QueryError> {
        let mut first = 0;
        for (source, length) in self.lengths.iter().enumerate() {
            if series < first + length {
                let (scan, mut cuts) = (&mut self.scans[source], Vec::new());
                for own in self.shards[shard][source].clone() {
                    cuts.extend(read(scan, series - first, own)?);
                }
                return Ok(cuts);
            }
            first += length;
        }
        Ok(Vec::new())
    }

    pub(super) fn reaching(
        &self,
        shard: usize,
        range: &TimeRange,
        series: &RangeInclusive<usize>,
    ) -> Result<Vec<usize>, QueryError> {
        let mut found = Vec::new();
        for (scan, shards, own) in self.each(shard) {
            let (start, end) = ((*series.start()).max(own.start), (*series.end()).min(own.end.saturating_sub(1)));
            if own.is_empty() || start > end {
                continue;
            }
            for shard in shards {
                let local = scan.reaching(shard, range, start - own.start..=end - own.start)?;
                found.extend(local.into_iter().map(|local| own.start + local));
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    pub(super) fn spread(&self, shard: usize) -> Vec<(TimeRange, u64)> {
        self.each(shard).flat_map(|(scan, shards, _)| shards.flat_map(|shard| scan.spread(shard))).collect()
    }
}
