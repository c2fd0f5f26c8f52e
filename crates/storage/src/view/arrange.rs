//! Arranges the pieces of a series into cuts that do not overlap: a pure policy.
//!
//! Pieces that overlap nothing become cuts of their own. Where some overlap, cuts are bounded by the ends of pieces, except
//! that no bound falls inside a page whose statistics still hold for some field, so that a late row or a second column group
//! does not turn them off. A much longer page gives way: it may be cut at the ends of short ones.

use super::cut::Cut;
use super::source::Piece;
use model::{FieldType, TimeRange};
use std::sync::Arc;

/// Fields times pieces above which statistics are not sought any more.
const MANY: usize = 1 << 20;
/// Cuts that a piece may reach into on average.
const DEEP: usize = 64;
/// How many times longer a page must be to give way.
const LONGER: u64 = 4;

/// The cuts of some pieces, which come in the order of their sources, the later winning.
pub(super) fn cuts(pieces: Vec<Piece>, fields: &Arc<[FieldType]>) -> Vec<Cut> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&at| (pieces[at].range.start, at));
    let mut cuts = Vec::new();
    let mut from = 0;
    while from < order.len() {
        let mut end = pieces[order[from]].range.end;
        let mut to = from + 1;
        while to < order.len() && pieces[order[to]].range.start <= end {
            end = end.max(pieces[order[to]].range.end);
            to += 1;
        }
        // Back in the order of the sources.
        let mut cluster = order[from..to].to_vec();
        cluster.sort_unstable();
        let cluster: Vec<&Piece> = cluster.into_iter().map(|at| &pieces[at]).collect();
        arrange(&cluster, fields, &mut cuts);
        from = to;
    }
    cuts
}

fn arrange(cluster: &[&Piece], fields: &Arc<[FieldType]>, out: &mut Vec<Cut>) {
    if let [only] = cluster {
        out.push(Cut::new(vec![(*only).clone()], only.range, fields.clone()));
        return;
    }
    let bounds = thinned(cluster, bounds(cluster, fields.len()));
    let end = cluster.iter().map(|piece| piece.range.end).max().unwrap_or(i64::MAX);
    let mut coming = by_start(cluster).into_iter().peekable();
    // The pieces that reach into a cut, in the order of their sources.
    let mut active: Vec<usize> = Vec::new();
    for (at, &start) in bounds.iter().enumerate() {
        let range = TimeRange::new(start, bounds.get(at + 1).map_or(end, |next| next - 1));
        active.retain(|&piece| cluster[piece].range.end >= range.start);
        let before = active.len();
        while let Some(piece) = coming.next_if(|&piece| cluster[piece].range.start <= range.end) {
            active.push(piece);
        }
        if active.len() > before {
            active.sort_unstable();
        }
        let inside = active.iter().map(|&piece| cluster[piece]).filter(|piece| piece.range.overlaps(&range));
        let inside: Vec<Piece> = inside.cloned().collect();
        if !inside.is_empty() && !range.is_empty() {
            out.push(Cut::new(inside, range, fields.clone()));
        }
    }
}

fn by_start(cluster: &[&Piece]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cluster.len()).collect();
    order.sort_by_key(|&at| cluster[at].range.start);
    order
}

/// Where cuts begin, ascending.
fn bounds(cluster: &[&Piece], fields: usize) -> Vec<i64> {
    let order = by_start(cluster);
    let kept = kept(cluster, &order, fields);
    let last = cluster.iter().map(|piece| piece.range.end).max().unwrap_or(i64::MAX);
    let ends = |at: usize| [Some(cluster[at].range.start), cluster[at].range.end.checked_add(1)];
    let mut wanted: Vec<(i64, usize)> =
        (0..cluster.len()).flat_map(|at| ends(at).into_iter().flatten().map(move |bound| (bound, at))).collect();
    wanted.sort_unstable();
    let mut coming = order.iter().copied().filter(|&at| kept[at]).peekable();
    // Pages whose statistics hold and into which the bound falls: for each field one at most.
    let mut open: Vec<usize> = Vec::new();
    let mut bounds = vec![cluster[order[0]].range.start];
    for (bound, by) in wanted.into_iter().filter(|&(bound, _)| bound <= last) {
        while let Some(at) = coming.next_if(|&at| cluster[at].range.start < bound) {
            open.push(at);
        }
        open.retain(|&at| cluster[at].range.end >= bound);
        let gives_way = |&at: &usize| kept[by] && length(cluster[at]) / LONGER >= length(cluster[by]);
        if bounds.last() != Some(&bound) && open.iter().all(gives_way) {
            bounds.push(bound);
        }
    }
    bounds
}

/// Fewer bounds where many pieces overlap many others, so that all cuts together cost by the pieces, not by their square.
fn thinned(cluster: &[&Piece], bounds: Vec<i64>) -> Vec<i64> {
    let reach = |piece: &&Piece| {
        let (start, end) = (piece.range.start, piece.range.end);
        bounds.partition_point(|&bound| bound <= end) - bounds.partition_point(|&bound| bound <= start)
    };
    let every = cluster.iter().map(reach).sum::<usize>() / (cluster.len() * DEEP);
    if every > 0 { bounds.into_iter().step_by(every + 1).collect() } else { bounds }
}

fn length(piece: &Piece) -> u64 {
    piece.range.end.abs_diff(piece.range.start)
}

/// For each piece whether it is a page whose statistics hold for some field of the scan: no other with the field overlaps it.
fn kept(cluster: &[&Piece], order: &[usize], fields: usize) -> Vec<bool> {
    let mut kept = vec![false; cluster.len()];
    if cluster.len().saturating_mul(fields) > MANY {
        return kept;
    }
    for field in 0..fields {
        // The end of those so far, and the last of them if it overlaps none.
        let (mut reach, mut alone): (Option<i64>, Option<usize>) = (None, None);
        for &at in order.iter().filter(|&&at| cluster[at].has(field)) {
            let range = cluster[at].range;
            if reach.is_some_and(|reach| range.start <= reach) {
                alone = None;
            } else {
                alone.into_iter().for_each(|before| kept[before] = cluster[before].is_page() || kept[before]);
                alone = Some(at);
            }
            reach = Some(reach.map_or(range.end, |reach| reach.max(range.end)));
        }
        alone.into_iter().for_each(|before| kept[before] = cluster[before].is_page() || kept[before]);
    }
    kept
}
