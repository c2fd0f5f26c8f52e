//! Which pieces of a series have a time in common: looked for in timestamps alone, since values that stand at different times add
//! up wherever they lie.

use super::source::Piece;
use crate::error::StorageError;
use model::TimeRange;
use std::sync::Arc;

/// Times that are compared at most; pieces with more of them count as if they had some in common.
const MANY: usize = 1 << 20;

/// For each piece whether another has a value of the field at one of its times inside the range. All have the field. It takes
/// the time of a merge of the times: the sort finds that those of a piece ascend.
pub(super) fn clashes(pieces: &[&Piece], field: usize, range: &TimeRange) -> Result<Vec<bool>, StorageError> {
    // A segment, or a run, has a value of a field once.
    if pieces.iter().all(|piece| Arc::ptr_eq(&piece.opened, &pieces[0].opened)) {
        return Ok(vec![false; pieces.len()]);
    }
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > MANY {
        return Ok(vec![true; pieces.len()]);
    }
    let mut times: Vec<(i64, usize)> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        piece.each_time(field, range, |time| times.push((time, at)))?;
    }
    times.sort();
    let mut clashes = vec![false; pieces.len()];
    for pair in times.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        clashes[pair[0].1] = true;
        clashes[pair[1].1] = true;
    }
    Ok(clashes)
}
