//! Arranges the pieces of a series into cuts that do not overlap: a pure policy.
//!
//! Pieces that overlap nothing become cuts of their own. Where some overlap, cuts are bounded by the ends of pieces, except
//! that no bound falls inside a page whose statistics still hold for some field, so that a late row or a second column group
//! does not turn them off. A much longer page gives way: it may be cut at the ends of short ones.

use super::cut::Cut;
use super::source::Piece;
use model::{FieldType, TimeRange};
use std::sync::Arc;

/// Overlapping pieces above which statistics are not sought any more.
const MANY: usize = 1_024;
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
    let mut bounds = bounds(cluster, fields.len());
    bounds.sort_unstable();
    bounds.dedup();
    let end = cluster.iter().map(|piece| piece.range.end).max().unwrap_or(i64::MAX);
    for (at, &start) in bounds.iter().enumerate() {
        let range = TimeRange::new(start, bounds.get(at + 1).map_or(end, |next| next - 1));
        let inside: Vec<Piece> =
            cluster.iter().filter(|piece| piece.range.overlaps(&range)).map(|piece| (*piece).clone()).collect();
        if !inside.is_empty() && !range.is_empty() {
            out.push(Cut::new(inside, range, fields.clone()));
        }
    }
}

/// Where cuts begin.
fn bounds(cluster: &[&Piece], fields: usize) -> Vec<i64> {
    let first = cluster.iter().map(|piece| piece.range.start).min();
    if cluster.len() > MANY {
        return cluster.iter().map(|piece| piece.range.start).collect();
    }
    let kept: Vec<bool> = (0..cluster.len()).map(|at| is_kept(cluster, at, fields)).collect();
    let allowed = |bound: i64, by: usize| {
        cluster.iter().enumerate().all(|(at, piece)| {
            let inside = piece.range.start < bound && bound <= piece.range.end;
            !inside || !kept[at] || (kept[by] && length(piece) / LONGER >= length(cluster[by]))
        })
    };
    let ends = cluster.iter().enumerate().flat_map(|(at, piece)| {
        [Some(piece.range.start), piece.range.end.checked_add(1)].into_iter().flatten().map(move |bound| (bound, at))
    });
    let last = cluster.iter().map(|piece| piece.range.end).max().unwrap_or(i64::MAX);
    ends.filter(|&(bound, by)| bound <= last && allowed(bound, by)).map(|(bound, _)| bound).chain(first).collect()
}

fn length(piece: &Piece) -> u64 {
    piece.range.end.abs_diff(piece.range.start)
}

/// Whether the piece is a page whose statistics hold for some field of the scan.
fn is_kept(cluster: &[&Piece], at: usize, fields: usize) -> bool {
    let page = cluster[at];
    let others = || cluster.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, piece)| piece);
    page.is_page()
        && (0..fields).any(|field| {
            page.has(field) && !others().any(|piece| piece.has(field) && piece.range.overlaps(&page.range))
        })
}
