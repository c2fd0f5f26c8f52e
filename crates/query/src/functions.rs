//! The functions of SELECT: which there are, what they take, what they give. One table entry a function; its kernel is in
//! [`crate::partial`].

use crate::datum::is_number;
use model::FieldType;

/// A function that is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Number of values.
    Count,
    /// Sum; integers wrap.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// The value at the earliest time.
    First,
    /// The value at the latest time.
    Last,
    /// Greatest minus least value.
    Spread,
}

/// Which field types a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Numbers,
    NumbersAndBooleans,
    All,
}

impl Function {
    /// The function of a name (lower case).
    #[must_use]
    pub fn named(name: &str) -> Option<Function> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "first" => Self::First,
            "last" => Self::Last,
            "spread" => Self::Spread,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Spread => "spread",
        }
    }

    /// Whether it returns one of the stored points.
    #[must_use]
    pub fn is_selector(self) -> bool {
        matches!(self, Self::Min | Self::Max | Self::First | Self::Last)
    }

    fn takes(self) -> Takes {
        match self {
            Self::Sum | Self::Mean | Self::Spread => Takes::Numbers,
            Self::Min | Self::Max => Takes::NumbersAndBooleans,
            Self::Count | Self::First | Self::Last => Takes::All,
        }
    }

    /// Whether it takes values of a type.
    #[must_use]
    pub fn accepts(self, field_type: FieldType) -> bool {
        match self.takes() {
            Takes::Numbers => is_number(field_type),
            Takes::NumbersAndBooleans => is_number(field_type) || field_type == FieldType::Boolean,
            Takes::All => true,
        }
    }

    /// The type of its result over values of a type.
    #[must_use]
    pub fn result(self, input: FieldType) -> FieldType {
        match self {
            Self::Count => FieldType::Integer,
            Self::Mean => FieldType::Float,
            _ => input,
        }
    }
}

/// Functions that InfluxDB has and that are not executed yet.
pub(crate) fn is_known(name: &str) -> bool {
    const AGGREGATES: &[&str] = &["median", "mode", "stddev", "integral", "distinct", "sum_hll", "count_hll"];
    const SELECTORS: &[&str] = &["percentile", "top", "bottom", "sample"];
    AGGREGATES.contains(&name) || SELECTORS.contains(&name) || is_transformation(name) || is_math(name)
}

/// Functions over a sequence of points that are not executed yet.
pub(crate) fn is_transformation(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "derivative",
        "non_negative_derivative",
        "difference",
        "non_negative_difference",
        "elapsed",
        "moving_average",
        "cumulative_sum",
        "holt_winters",
        "holt_winters_with_fit",
        "exponential_moving_average",
        "double_exponential_moving_average",
        "triple_exponential_moving_average",
        "relative_strength_index",
        "triple_exponential_derivative",
        "kaufmans_efficiency_ratio",
        "kaufmans_adaptive_moving_average",
        "chande_momentum_oscillator",
    ];
    NAMES.contains(&name)
}

/// Functions of single values that are not executed yet.
pub(crate) fn is_math(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "abs", "floor", "ceil", "round", "sin", "cos", "tan", "atan", "exp", "ln", "log2", "log10", "sqrt", "asin",
        "acos", "atan2", "pow", "log",
    ];
    NAMES.contains(&name)
}
