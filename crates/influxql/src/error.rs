//! What can be wrong with a text. The message is InfluxDB's, without its prefix `error parsing query: `.

use thiserror::Error;

/// Why a text is no InfluxQL. Lines and characters count from 1 as InfluxDB counts them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A token stands where another was expected.
    #[error("found {found}, expected {expected} at line {line}, char {column}")]
    Expected {
        /// The token as written, or its name.
        found: String,
        /// What could have stood there, joined by commas.
        expected: String,
        /// Line.
        line: usize,
        /// Character within the line.
        column: usize,
    },
    /// A value or name is not acceptable.
    #[error("{message} at line {line}, char {column}")]
    At {
        /// What is wrong.
        message: String,
        /// Line.
        line: usize,
        /// Character within the line.
        column: usize,
    },
    /// A clause as a whole is wrong; InfluxDB names no place.
    #[error("{0}")]
    Plain(String),
}
