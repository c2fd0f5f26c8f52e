//! Arranges the pieces of a series into cuts that do not overlap: a pure policy.
//!
//! Pieces that overlap nothing become cuts of their own. Where some overlap, cuts are bounded by the ends of pieces, except
//! that no bound falls inside a page of one series: whole in its cut, its statistics still hold unless another piece has one of
//! its times, which is looked at when they are asked for. Two kinds of pages give way and are cut: those much longer and
//! thinner than the page that ends in them, and those in a chain of pages that would make too long a cut. A piece of several
//! pages, which overlap nothing as a rule, falls apart where others overlap them.

use super::cut::Cut;
use super::source::Piece;
use model::{FieldType, TimeRange};
use std::sync::Arc;

/// Cuts that a piece may reach into on average.
const DEEP: usize = 64;
/// And rows that it should have in each of them.
const ROWS: usize = 4;
/// How many times longer a page must be to give way.
const LONGER: u64 = 4;
/// And how many times denser the other.
const DENSER: u128 = 2;
/// Rows of pages that begin in one cut above which it ends wherever the next piece does.
const LONG_CUT: usize = 1 << 15;
/// Pages around one instant that are kept whole at most.
const OPEN: usize = 64;

/// The cuts of some pieces, which come in the order of their sources, the later winning.
pub(super) fn cuts(pieces: Vec<Piece>, fields: &Arc<[FieldType]>) -> Vec<Cut> {
    if pieces.windows(2).all(|pair| pair[0].range.end < pair[1].range.start) {
        return pieces.into_iter().map(|piece| Cut::of(piece, fields)).collect();
    }
    let mut cuts = Vec::new();
    add_cuts(&pieces, fields, &mut cuts);
    cuts
}

fn add_cuts(pieces: &[Piece], fields: &Arc<[FieldType]>, out: &mut Vec<Cut>) {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&at| (pieces[at].range.start, at));
    let mut from = 0;
    while from < order.len() {
        let mut end = pieces[order[from]].range.end;
        let mut to = from + 1;
        while to < order.len() && pieces[order[to]].range.start <= end {
            end = end.max(pieces[order[to]].range.end);
            to += 1;
        }
        // Back in the order of the sources.
        let cluster = &mut order[from..to];
        cluster.sort_unstable();
        let cluster: Vec<&Piece> = cluster.iter().map(|&at| &pieces[at]).collect();
        if cluster.len() > 1 && cluster.iter().any(|piece| piece.is_stretch()) {
            add_cuts(&parted(&cluster), fields, out);
        } else {
            arrange(&cluster, fields, out);
        }
        from = to;
    }
}

/// The same pieces, cut so that none of several pages overlaps another: single are those pages that others overlap.
fn parted(cluster: &[&Piece]) -> Vec<Piece> {
    let crowded = crowded(cluster);
    let mut out = Vec::new();
    for piece in cluster {
        if !piece.is_stretch() {
            out.push((*piece).clone());
            continue;
        }
        let from = crowded.partition_point(|range| range.end < piece.range.start);
        let mut done = 0;
        for range in crowded[from..].iter().take_while(|range| range.start <= piece.range.end) {
            let pages = piece.within(range);
            // The page before may reach into this range too.
            let (from, to) = (pages.start.max(done), pages.end.max(done));
            out.extend(piece.stretch(done..from));
            out.extend((from..to).filter_map(|page| piece.stretch(page..page + 1)));
            done = to;
        }
        out.extend(piece.stretch(done..piece.page_count()));
    }
    out
}

/// Where two pieces at least overlap, ascending.
fn crowded(cluster: &[&Piece]) -> Vec<TimeRange> {
    let order = by_start(cluster);
    let mut reach = cluster[order[0]].range.end;
    let mut crowded: Vec<TimeRange> = Vec::new();
    for range in order[1..].iter().map(|&at| cluster[at].range).filter(|range| !range.is_empty()) {
        if range.start <= reach {
            let both = TimeRange::new(range.start, range.end.min(reach));
            match crowded.last_mut().filter(|last| last.end >= both.start) {
                Some(last) => last.end = last.end.max(both.end),
                None => crowded.push(both),
            }
        }
        reach = reach.max(range.end);
    }
    crowded
}

fn arrange(cluster: &[&Piece], fields: &Arc<[FieldType]>, out: &mut Vec<Cut>) {
    if let [only] = cluster {
        out.push(Cut::of((*only).clone(), fields));
        return;
    }
    let bounds = thinned(cluster, bounds(cluster));
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
fn bounds(cluster: &[&Piece]) -> Vec<i64> {
    let order = by_start(cluster);
    let last = cluster.iter().map(|piece| piece.range.end).max().unwrap_or(i64::MAX);
    let ends = |at: usize| [Some(cluster[at].range.start), cluster[at].range.end.checked_add(1)];
    let mut wanted: Vec<(i64, usize)> =
        (0..cluster.len()).flat_map(|at| ends(at).into_iter().flatten().map(move |bound| (bound, at))).collect();
    wanted.sort_unstable();
    let mut coming = order.iter().map(|&at| cluster[at]).filter(|piece| piece.is_whole()).peekable();
    // The pages into which the bound falls, and the rows of all that began since the last one.
    let mut open: Vec<&Piece> = Vec::new();
    let mut rows = 0;
    let mut bounds = vec![cluster[order[0]].range.start];
    for (bound, by) in wanted.into_iter().filter(|&(bound, _)| bound <= last) {
        while let Some(page) = coming.next_if(|page| page.range.start < bound) {
            rows += page.len();
            open.push(page);
        }
        open.retain(|page| page.range.end >= bound);
        open.truncate(OPEN);
        let free = rows > LONG_CUT || open.iter().all(|page| gives_way(page, cluster[by]));
        if bounds.last() != Some(&bound) && free {
            bounds.push(bound);
            // Those are cut now, and nothing is lost by cutting them again.
            open.clear();
            rows = 0;
        }
    }
    bounds
}

/// Whether a page may be cut where another piece ends: that is a page, much shorter, and its rows lie much closer.
fn gives_way(page: &Piece, by: &Piece) -> bool {
    let steps = |piece: &Piece| piece.len().saturating_sub(1) as u128;
    let closer = || steps(by) * u128::from(length(page)) > DENSER * steps(page) * u128::from(length(by));
    by.is_whole() && length(page) / LONGER >= length(by) && closer()
}

/// Fewer bounds where many pieces overlap many others, so that all cuts together cost by the pieces, not by their square; and where
/// pieces are short, so that references to them do not outgrow their rows.
fn thinned(cluster: &[&Piece], bounds: Vec<i64>) -> Vec<i64> {
    let reach = |piece: &&Piece| {
        let (start, end) = (piece.range.start, piece.range.end);
        bounds.partition_point(|&bound| bound <= end) - bounds.partition_point(|&bound| bound <= start)
    };
    let allowed = |piece: &&Piece| (piece.len() / ROWS).clamp(1, DEEP);
    let every = cluster.iter().map(reach).sum::<usize>() / cluster.iter().map(allowed).sum::<usize>();
    if every > 0 { bounds.into_iter().step_by(every + 1).collect() } else { bounds }
}

fn length(piece: &Piece) -> u64 {
    piece.range.end.abs_diff(piece.range.start)
}
