//! Figures of a field's values in a cut, and how those of different rows add up.

use std::cmp::Ordering;

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

/// What is known of the numbers that a field has somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Nothing: there may be any.
    Unknown,
    /// There is none.
    Nothing,
    /// All lie between these, ends included; none is a NaN. They may lie closer.
    Between(Scalar, Scalar),
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

impl Bounds {
    /// Those of the numbers here and there.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (Self::Between(min, max), Self::Between(low, high)) => Self::Between(min.least(low), max.greatest(high)),
            _ => Self::Unknown,
        }
    }
}

impl Stats {
    /// Adds the figures of other rows; where times are equal, the greater value is first and last.
    pub(crate) fn add(&mut self, other: &Self) {
        let first = other.first_time.cmp(&self.first_time);
        let last = self.last_time.cmp(&other.last_time);
        let choose = |order: Ordering, own: Scalar, its: Scalar| match order {
            Ordering::Less => its,
            Ordering::Equal => own.greatest(its),
            Ordering::Greater => own,
        };
        self.numbers = self.numbers.zip(other.numbers).map(|(own, its)| NumberStats {
            sum: own.sum.plus(its.sum),
            min: own.min.least(its.min),
            max: own.max.greatest(its.max),
            first: choose(first, own.first, its.first),
            last: choose(last, own.last, its.last),
        });
        self.count += other.count;
        self.first_time = self.first_time.min(other.first_time);
        self.last_time = self.last_time.max(other.last_time);
    }
}

impl Scalar {
    /// The order of two numbers of the same type that are no NaN.
    fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Float(own), Self::Float(its)) => own.partial_cmp(&its).unwrap_or(Ordering::Equal),
            (Self::Integer(own), Self::Integer(its)) => own.cmp(&its),
            (Self::Unsigned(own), Self::Unsigned(its)) => own.cmp(&its),
            _ => Ordering::Equal,
        }
    }

    fn least(self, other: Self) -> Self {
        if other.order(self) == Ordering::Less { other } else { self }
    }

    fn greatest(self, other: Self) -> Self {
        if other.order(self) == Ordering::Greater { other } else { self }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Float(own), Self::Float(its)) => Self::Float(own + its),
            (Self::Integer(own), Self::Integer(its)) => Self::Integer(own.wrapping_add(its)),
            (Self::Unsigned(own), Self::Unsigned(its)) => Self::Unsigned(own.wrapping_add(its)),
            _ => self,
        }
    }
}
