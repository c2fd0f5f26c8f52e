//! Segments in bytes of which nothing else is known: each begins with a head and ends with the first footer that fits it.

use super::format::{
    Contents, END_MAGIC, FOOTER, HEAD, Identity, Section, check_crc, decode_contents, decode_footer, decode_head,
};
use std::ops::Range;

/// Where the segments lie in a piece of a file, and whose they are; what is damaged is stepped over.
pub(crate) fn find(bytes: &[u8]) -> Vec<(Range<usize>, Identity)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + HEAD + FOOTER <= bytes.len() {
        match decode_head(&bytes[at..at + HEAD]).ok().zip(end_of(&bytes[at..])) {
            Some((identity, len)) => {
                found.push((at..at + len, identity));
                at += len;
            }
            None => at += 1,
        }
    }
    found
}

/// What is in a segment that [`find`] has found; `None` if that is damaged.
pub(crate) fn contents_of(segment: &[u8]) -> Option<Contents> {
    let len = segment.len() as u64;
    let section = decode_footer(segment.get(segment.len().checked_sub(FOOTER)?..)?, len).ok()?;
    let start = usize::try_from(section.offset).ok()?;
    let bytes = segment.get(start..start.checked_add(usize::try_from(section.len).ok()?)?)?;
    decode_contents(check_crc(&section, bytes).ok()?, len).ok()
}

/// The length of a segment that begins with `bytes`: its contents end where its footer begins.
fn end_of(bytes: &[u8]) -> Option<usize> {
    let fits = |start: &usize| {
        let (end, footer) = (start + FOOTER, &bytes[*start..start + FOOTER]);
        let ends = |contents: Section| contents.offset + contents.len == *start as u64;
        footer[20..28] == *END_MAGIC && decode_footer(footer, end as u64).is_ok_and(ends)
    };
    (HEAD..=bytes.len() - FOOTER).find(fits).map(|start| start + FOOTER)
}
