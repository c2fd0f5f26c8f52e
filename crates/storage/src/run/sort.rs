//! Chunks to a sorted run: series are ranked by canonical key, rows are dealt out by rank (a counting sort, so that the order
//! of slots stays), and only series whose times do not ascend are sorted by time.

use super::Chunk;
use super::assemble::{self, Pieces};
use super::sorted::{SeriesRows, SortedRun, SortedTable};
use crate::series::{SeriesId, SeriesTable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sorts chunks, given in slot order, to a run.
pub(crate) fn sort(chunks: &[Arc<Chunk>]) -> SortedRun {
    let mut by_measurement: BTreeMap<&[u8], Vec<&Chunk>> = BTreeMap::new();
    for chunk in chunks {
        by_measurement.entry(&chunk.measurement).or_default().push(chunk);
    }
    let low = chunks.iter().map(|chunk| chunk.slot).min().unwrap_or(0);
    let high = chunks.iter().map(|chunk| chunk.slot).max().unwrap_or(0);
    SortedRun { tables: by_measurement.values().map(|chunks| table(chunks)).collect(), slots: (low, high) }
}

/// One row: where it stands in the chunks.
#[derive(Clone, Copy)]
struct Row {
    source: u32,
    row: u32,
}

fn table(chunks: &[&Chunk]) -> SortedTable {
    let (keys, ranks) = rank(chunks);
    let (rows, starts) = deal_out(chunks, &ranks, keys.len());
    let time = |row: &Row| chunks[row.source as usize].times[row.row as usize];
    let mut pieces = Pieces::default();
    let mut series = Vec::with_capacity(keys.len());
    let mut rows = rows;
    for (key, bounds) in keys.into_iter().zip(starts.windows(2)) {
        let of_series = &mut rows[bounds[0] as usize..bounds[1] as usize];
        if !of_series.is_sorted_by_key(time) {
            of_series.sort_by_key(time);
        }
        let start = pieces.rows();
        let mut before = None;
        for row in of_series {
            let now = Some(time(row));
            pieces.push(row.source, row.row, now == before);
            before = now;
        }
        series.push(SeriesRows { key, start, end: pieces.rows() });
    }
    let times: Vec<&[i64]> = chunks.iter().map(|chunk| chunk.times.as_slice()).collect();
    let columns: Vec<_> = chunks.iter().map(|chunk| chunk.columns.as_slice()).collect();
    SortedTable {
        measurement: chunks[0].measurement.clone(),
        series,
        times: assemble::times(&pieces, &times),
        columns: assemble::columns(&pieces, &columns),
    }
}

/// The distinct keys of all chunks, ascending, and for each chunk the rank of each row's key among them.
fn rank(chunks: &[&Chunk]) -> (Vec<Arc<[u8]>>, Vec<Vec<u32>>) {
    let mut groups: Vec<(&Arc<SeriesTable>, Vec<usize>)> = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        match groups.iter_mut().find(|(table, _)| Arc::ptr_eq(table, &chunk.series)) {
            Some((_, members)) => members.push(index),
            None => groups.push((&chunk.series, vec![index])),
        }
    }
    let groups: Vec<Group> = groups.into_iter().map(|(table, members)| Group::new(table, members, chunks)).collect();
    let mut all: Vec<Arc<[u8]>> = groups.iter().flat_map(|group| group.keys.iter().cloned()).collect();
    if groups.len() > 1 {
        all.sort();
        all.dedup();
    }
    let mut ranks = vec![Vec::new(); chunks.len()];
    for group in &groups {
        group.rank(chunks, &all, &mut ranks);
    }
    (all, ranks)
}

/// The chunks of one series table.
struct Group {
    members: Vec<usize>,
    /// The distinct series, ascending by number, each with its place in `keys`.
    places: Vec<(SeriesId, u32)>,
    /// Their keys, ascending.
    keys: Vec<Arc<[u8]>>,
}

impl Group {
    fn new(table: &SeriesTable, members: Vec<usize>, chunks: &[&Chunk]) -> Self {
        let mut ids = Vec::new();
        for &member in &members {
            let start = ids.len();
            ids.extend_from_slice(&chunks[member].ids);
            let mut of_chunk = ids.split_off(start);
            of_chunk.sort_unstable();
            of_chunk.dedup();
            ids.extend(of_chunk);
        }
        ids.sort();
        ids.dedup();
        table.sort_by_key(&mut ids);
        let keys = table.keys(&ids);
        let mut places: Vec<(SeriesId, u32)> = ids.into_iter().zip(0u32..).collect();
        places.sort_unstable();
        Self { members, places, keys }
    }

    fn rank(&self, chunks: &[&Chunk], all: &[Arc<[u8]>], ranks: &mut [Vec<u32>]) {
        let shift = |place: u32| match all.len() == self.keys.len() {
            true => place,
            false => all.partition_point(|key| *key < self.keys[place as usize]) as u32,
        };
        let least = self.places.first().map_or(0, |place| place.0);
        let span = self.places.last().map_or(0, |place| place.0 - least) as usize + 1;
        let rows: usize = self.members.iter().map(|&member| chunks[member].ids.len()).sum();
        // A direct table where it costs no more than the rows, so that cost follows rows and not series.
        let direct = (span <= rows * 4).then(|| {
            let mut direct = vec![0; span];
            self.places.iter().for_each(|&(id, place)| direct[(id - least) as usize] = shift(place));
            direct
        });
        for &member in &self.members {
            let of = |&id: &SeriesId| match &direct {
                Some(direct) => direct[(id - least) as usize],
                None => {
                    let at = self.places.partition_point(|place| place.0 < id);
                    shift(self.places[at].1)
                }
            };
            ranks[member] = chunks[member].ids.iter().map(of).collect();
        }
    }
}

/// The rows of all chunks by rank, in slot order within one, and where each rank begins.
fn deal_out(chunks: &[&Chunk], ranks: &[Vec<u32>], count: usize) -> (Vec<Row>, Vec<u32>) {
    let mut starts = vec![0u32; count + 1];
    for rank in ranks.iter().flatten() {
        starts[*rank as usize + 1] += 1;
    }
    for index in 0..count {
        starts[index + 1] += starts[index];
    }
    let mut next = starts.clone();
    let total: usize = chunks.iter().map(|chunk| chunk.ids.len()).sum();
    let mut rows = vec![Row { source: 0, row: 0 }; total];
    for (source, of_chunk) in (0u32..).zip(ranks) {
        for (row, &rank) in (0u32..).zip(of_chunk) {
            let place = &mut next[rank as usize];
            rows[*place as usize] = Row { source, row };
            *place += 1;
        }
    }
    (rows, starts)
}
