//! What is wrong with a line, in InfluxDB's words.

use crate::precision::{MAX_TIME, MIN_TIME};

/// The longest raw key together with a field's name and the separator of four bytes that InfluxDB puts between them.
pub const MAX_KEY_LENGTH: usize = 65_535;

/// Why a line is no point; prints what InfluxDB says after `unable to parse '<line>': `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// The line begins with a comma.
    #[error("missing measurement")]
    MissingMeasurement,
    /// Nothing follows the key.
    #[error("missing fields")]
    MissingFields,
    /// Nothing stands before `=` in a tag.
    #[error("missing tag key")]
    MissingTagKey,
    /// Nothing stands after `=` in a tag, or the tag has no `=`.
    #[error("missing tag value")]
    MissingTagValue,
    /// A tag has a second `=`.
    #[error("invalid tag format")]
    InvalidTagFormat,
    /// Two tags have the same key.
    #[error("duplicate tags")]
    DuplicateTags,
    /// Key, field name and separator are too long together: the number of bytes.
    #[error("max key length exceeded: {0} > {MAX_KEY_LENGTH}")]
    KeyTooLong(usize),
    /// Nothing stands before `=` in a field.
    #[error("missing field key")]
    MissingFieldKey,
    /// Nothing stands after `=` in a field.
    #[error("missing field value")]
    MissingFieldValue,
    /// A field without `=`, a comma too much, text after a closing quote.
    #[error("invalid field format")]
    InvalidFieldFormat,
    /// A field's name that ends in backslashes: the rest of the fields.
    #[error("invalid value: field-key={0}")]
    InvalidFieldKey(String),
    /// A string does not end.
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    /// A value that begins like a number is none.
    #[error("invalid number")]
    InvalidNumber,
    /// A float that is out of range or has an exponent without digits.
    #[error("invalid float")]
    InvalidFloat,
    /// A value that is no number, string or boolean.
    #[error("invalid boolean")]
    InvalidBoolean,
    /// An integer beyond 64 bits: its digits.
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerRange(String),
    /// An unsigned integer beyond 64 bits: its digits.
    #[error("unable to parse unsigned {0}: strconv.ParseUint: parsing \"{0}\": value out of range")]
    UnsignedRange(String),
    /// A byte in the timestamp that is no digit.
    #[error("bad timestamp")]
    BadTimestamp,
    /// A timestamp beyond 64 bits: its digits.
    #[error("strconv.ParseInt: parsing \"{0}\": value out of range")]
    TimestampRange(String),
    /// A timestamp of a sign alone.
    #[error("strconv.ParseInt: parsing \"-\": invalid syntax")]
    TimestampSyntax,
    /// A time that points may not have.
    #[error("time outside range {MIN_TIME} - {MAX_TIME}")]
    TimeOutsideRange,
    /// Text after the timestamp.
    #[error("point is invalid")]
    PointIsInvalid,
    /// The body is 4 GiB or larger: the caller should have refused it.
    #[error("body too large")]
    BodyTooLarge,
}

/// A line that is no point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Offset of the line in the body, after leading whitespace.
    pub offset: u32,
    /// What is wrong.
    pub problem: LineProblem,
    /// The whole message: `unable to parse '<line>': <problem>`.
    pub text: String,
}

impl LineError {
    /// The error of the line (bytes without its end) at `offset`.
    #[must_use]
    pub fn new(offset: u32, line: &[u8], problem: LineProblem) -> Self {
        Self { offset, text: unable_to_parse(line, &problem), problem }
    }
}

/// `unable to parse '<line>': <problem>`.
pub(crate) fn unable_to_parse(line: &[u8], problem: &dyn std::fmt::Display) -> String {
    format!("unable to parse '{}': {problem}", String::from_utf8_lossy(line))
}

/// Points that parse but that InfluxDB drops whole, or takes a field from. Its answer is
/// `partial write: <reason> dropped=<dropped> for database: <db> for retention policy: <rp>`; the first reason is named,
/// reasons of keys before those of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// The first reason that lies in a key: a tag `time`, or text that does not print.
    pub key: Option<String>,
    /// The first reason that lies in a field: no field but `time`, or a string that is too long.
    pub field: Option<String>,
    /// The last field `time` that was taken from a point that stays.
    pub stripped: Option<String>,
    /// Points dropped for reasons of both sorts.
    pub dropped: u64,
}

impl Partial {
    /// The reason to print, or `None` if no point was dropped or stripped.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.key.as_deref().or(self.field.as_deref()).or(self.stripped.as_deref())
    }
}
