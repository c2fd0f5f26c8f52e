//! The entropy coder behind a small interface: pco's wrapped format, one chunk a block, one pco page a page.
//!
//! pco is the one decoder here that is not ours. Its models may describe windows and dictionaries of many megabytes; we never
//! write such, so they are refused on reading before anything is allocated for them. It reports most damage as an error, and
//! is called through [`guard`] in case a damaged page (with a right checksum: a bug, or malice) makes it panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pco::data_types::Number;
use pco::metadata::{DeltaEncoding, Mode};
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, PagingSpec};

use super::{Marks, Pages};
use crate::{CodecError, Result};

/// Level of the entropy coder; see `docs/format.md` for the figures behind it.
const LEVEL: usize = 4;

const BAD_MODEL: CodecError = CodecError::Invalid("entropy model");
const BAD_PAGE: CodecError = CodecError::Invalid("entropy coded page");

/// Appends model and pages of `values`; `Pages` counts only these bytes. `None`, and nothing appended, if pco declines.
pub(super) fn encode<T: Number>(values: &[T], page_lens: &[usize], out: &mut Vec<u8>) -> Option<Pages> {
    let start = out.len();
    let pages = try_encode(values, page_lens, out);
    if pages.is_none() {
        out.truncate(start);
    }
    pages
}

fn try_encode<T: Number>(values: &[T], page_lens: &[usize], out: &mut Vec<u8>) -> Option<Pages> {
    let filled: Vec<usize> = page_lens.iter().copied().filter(|&len| len > 0).collect();
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_enable_8_bit(true)
        .with_paging_spec(PagingSpec::Exact(filled));
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(values, &config).ok()?;
    let mut marks = Marks::new(out);
    file.write_header(&mut *out).ok()?;
    chunk.write_meta(&mut *out).ok()?;
    marks.header(out);
    let mut index = 0;
    for &len in page_lens {
        if len > 0 {
            chunk.write_page(index, &mut *out).ok()?;
            index += 1;
        }
        marks.page(out);
    }
    Some(marks.pages)
}

/// A model that was read from a header.
pub(super) struct Model<T: Number>(ChunkDecompressor<T>);

impl<T: Number> Model<T> {
    /// Reads the model, which must fill `bytes`.
    pub(super) fn open(bytes: &[u8]) -> Result<Self> {
        guard(BAD_MODEL, || {
            let (file, rest) = FileDecompressor::new(bytes).map_err(|_| BAD_MODEL)?;
            let (chunk, rest) = file.chunk_decompressor::<T, &[u8]>(rest).map_err(|_| BAD_MODEL)?;
            if !rest.is_empty() || !is_modest(&chunk) {
                return Err(BAD_MODEL);
            }
            Ok(Self(chunk))
        })
    }

    /// Decodes the page of `out.len()` values that fills `bytes`.
    pub(super) fn page(&mut self, bytes: &[u8], out: &mut [T]) -> Result<()> {
        if out.is_empty() {
            return if bytes.is_empty() { Ok(()) } else { Err(BAD_PAGE) };
        }
        guard(BAD_PAGE, || {
            let mut page = self.0.page_decompressor(bytes, out.len()).map_err(|_| BAD_PAGE)?;
            let progress = page.read(out).map_err(|_| BAD_PAGE)?;
            let whole = progress.finished && progress.n_processed == out.len() && page.into_src().is_empty();
            if whole { Ok(()) } else { Err(BAD_PAGE) }
        })
    }
}

/// Whether the model is of a kind that [`encode`] writes: no dictionary, no window above 64 Ki values.
fn is_modest<T: Number>(chunk: &ChunkDecompressor<T>) -> bool {
    let meta = chunk.meta();
    let window_log = match &meta.delta_encoding {
        DeltaEncoding::Lookback { config, .. } => config.window_n_log,
        _ => 0,
    };
    !matches!(meta.mode, Mode::Dict(_)) && window_log <= 16
}

/// Runs `work`, turning a panic of the foreign decoder into `error`.
fn guard<R>(error: CodecError, work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(error))
}
