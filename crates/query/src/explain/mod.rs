//! EXPLAIN: what a SELECT would do ([`plan`]), and what it did and how long that took ([`analyze`]). Both are lines of text in the
//! shape of InfluxDB's, with its words where they mean something here; the SELECT's own errors come first, as if it were executed.

mod analyze;
mod plan;

pub use analyze::analyze;
pub use plan::plan;
