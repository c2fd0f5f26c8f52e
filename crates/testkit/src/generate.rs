//! x
use crate::Script;
/// x
#[must_use]
pub fn generate(_seed: u64, _n: usize) -> Script {
    Script::new(Vec::new())
}
