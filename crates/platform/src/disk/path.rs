//! Which paths are inside the data folder: pure text, shared by the real disk and its twin.

use super::{Cause, DiskError, Result};

/// Refuses a path that is absolute, has an empty part, `.` or `..`, or a NUL. `""` (the data folder) is refused for files:
/// callers that take folders let it through themselves.
pub fn check_path(operation: &'static str, path: &str) -> Result<()> {
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    match path.split('/').all(good) {
        true => Ok(()),
        false => Err(DiskError::new(operation, path, Cause::BadPath)),
    }
}

/// Like [`check_path`], with `""` for the data folder itself.
pub(crate) fn check_dir(operation: &'static str, dir: &str) -> Result<()> {
    if dir.is_empty() { Ok(()) } else { check_path(operation, dir) }
}

/// The folder of a path: `a/b` of `a/b/c`, `""` of `c`.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}
