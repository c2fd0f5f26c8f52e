//! Figures of a field's values in a cut.

/// A number of one of the three numeric types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A float.
    Float(f64),
    /// An integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
}

/// Figures of one field's values in a cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Number of values.
    pub count: u64,
    /// Time of the first value (ns).
    pub first_time: i64,
    /// Time of the last value (ns).
    pub last_time: i64,
    /// What only numbers have; `None` for strings and booleans.
    pub numbers: Option<NumberStats>,
}

/// Figures that only numeric fields have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberStats {
    /// Sum; integers wrap around at 64 bits, floats are added in time order.
    pub sum: Scalar,
    /// Least value.
    pub min: Scalar,
    /// Greatest value.
    pub max: Scalar,
    /// The first value in time.
    pub first: Scalar,
    /// The last value in time.
    pub last: Scalar,
}
