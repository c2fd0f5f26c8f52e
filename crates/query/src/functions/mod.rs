//! The functions of SELECT: one entry each in [`FUNCTIONS`], with its name, kernel, types, arguments and a line of
//! documentation. Whatever depends on the function asks its entry.
//!
//! A kernel belongs to a class, and each class has one way of working and one file:
//! [`adding`] what is known of two sets of values adds up, and a page's statistics tell it; [`selecting`] one point is chosen,
//! pair by pair; [`collecting`] every value of a bucket is needed, and looked at once at the end; [`many`] a bucket gives
//! several rows; [`transform`] points in order of time are made others, one by one; [`math`] each row's value is made
//! another; [`whole`] a sequence is made another one as a whole. [`crate::partial::Partial`] is what all but the last know of some values: it is filled from statistics or from
//! slices of a column, merged, and finished. A new member of a class is an entry here and a branch in the class's file.

pub mod adding;
pub mod collecting;
pub(crate) mod elementary;
pub(crate) mod holt_winters;
pub(crate) mod integral;
pub mod many;
pub mod math;
pub(crate) mod ranked;
pub mod selecting;
pub(crate) mod sketch;
pub mod technical;
pub mod transform;
pub mod whole;

use crate::datum::is_number;
use adding::Adding;
use collecting::Collecting;
use many::Many;
use math::Math;
use model::FieldType;
use selecting::Selecting;
use technical::Technical;
use transform::Transform;
use whole::Whole;

/// What a function does with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// What is known of some values adds up.
    Adding(Adding),
    /// One point is chosen.
    Selecting(Selecting),
    /// Every value is needed.
    Collecting(Collecting),
    /// The different values are sketched.
    Sketch,
    /// A bucket gives several rows.
    Many(Many),
    /// Points, one after the other, are made points.
    Transform(Transform),
    /// A function of single values.
    Math(Math),
    /// A sequence is made another one as a whole.
    Whole(Whole),
}

/// Which field types a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Floats, integers, unsigned integers.
    Numbers,
    /// Numbers and booleans.
    NumbersAndBooleans,
    /// Strings.
    Strings,
    /// Every type.
    All,
}

/// The type of a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// That of the values.
    Same,
    /// Always integers.
    Integer,
    /// Always floats.
    Float,
    /// Always unsigned integers.
    Unsigned,
    /// Always strings.
    String,
}

/// What stands between a function's parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// A field, a wildcard or a regex.
    Field,
    /// The same, or `distinct` of a field.
    FieldOrDistinct,
    /// A field, and nothing that stands for several.
    OneField,
    /// A field, and a number.
    FieldAndPercent,
    /// A field or any call.
    FieldOrAnyCall,
    /// A field, and how many.
    FieldAndCount,
    /// A field, and perhaps a duration.
    FieldAndUnit,
    /// An aggregate, how many values ahead, and how many a season has.
    CallAndForecast,
    /// A field, tags or fields, and how many.
    FieldsAndCount,
    /// A field or an aggregate.
    FieldOrCall,
    /// The same, and perhaps a duration.
    FieldOrCallAndUnit,
    /// The same, and how many.
    FieldOrCallAndCount,
    /// The same, a period, and perhaps how many values are held back and how averages begin.
    FieldOrCallAndPeriod,
    /// Expressions, this many.
    Expressions(usize),
}

/// One function.
#[derive(Debug)]
pub struct Entry {
    /// Its name, lower case.
    pub name: &'static str,
    /// What it does.
    pub kernel: Kernel,
    /// Types of the values it takes.
    pub takes: Takes,
    /// The type of its result.
    pub gives: Gives,
    /// Its arguments.
    pub arguments: Arguments,
    /// What it is for, in a line.
    pub doc: &'static str,
}

const fn entry(
    name: &'static str,
    kernel: Kernel,
    takes: Takes,
    gives: Gives,
    arguments: Arguments,
    doc: &'static str,
) -> Entry {
    Entry { name, kernel, takes, gives, arguments, doc }
}

const fn math(name: &'static str, kernel: Math, arguments: usize, doc: &'static str) -> Entry {
    entry(name, Kernel::Math(kernel), Takes::Numbers, Gives::Float, Arguments::Expressions(arguments), doc)
}

const fn technical(name: &'static str, kernel: Technical, doc: &'static str) -> Entry {
    let kernel = Kernel::Transform(Transform::Technical(kernel));
    entry(name, kernel, Takes::Numbers, Gives::Float, Arguments::FieldOrCallAndPeriod, doc)
}

/// The name of the entry that `count(distinct(f))` stands for; no function can be called so.
pub const COUNT_DISTINCT: &str = "count(distinct)";

/// `first(f)`, which execution itself asks for.
pub(crate) const FIRST: Entry = entry(
    "first",
    Kernel::Selecting(Selecting::First),
    Takes::All,
    Gives::Same,
    Arguments::Field,
    "The value at the earliest time.",
);

/// Every function.
pub const FUNCTIONS: &[Entry] = {
    use Arguments::{
        CallAndForecast, Field, FieldAndCount, FieldAndPercent, FieldAndUnit, FieldOrAnyCall, FieldOrCall,
        FieldOrCallAndCount, FieldOrCallAndUnit, FieldOrDistinct, FieldsAndCount, OneField,
    };
    use Gives::{Float, Integer, Same, String, Unsigned};
    use Takes::{All, Numbers, NumbersAndBooleans, Strings};
    &[
        entry("count", Kernel::Adding(Adding::Count), All, Integer, FieldOrDistinct, "Number of values."),
        entry("sum", Kernel::Adding(Adding::Sum), Numbers, Same, Field, "Sum; integers wrap."),
        entry("mean", Kernel::Adding(Adding::Mean), Numbers, Float, Field, "Arithmetic mean."),
        entry("spread", Kernel::Adding(Adding::Spread), Numbers, Same, Field, "Greatest minus least value."),
        entry("min", Kernel::Selecting(Selecting::Min), NumbersAndBooleans, Same, Field, "Least value."),
        entry("max", Kernel::Selecting(Selecting::Max), NumbersAndBooleans, Same, Field, "Greatest value."),
        FIRST,
        entry("last", Kernel::Selecting(Selecting::Last), All, Same, Field, "The value at the latest time."),
        entry(
            "median",
            Kernel::Collecting(Collecting::Median),
            Numbers,
            Float,
            Field,
            "The middle value, or the mean of the middle two.",
        ),
        entry("mode", Kernel::Collecting(Collecting::Mode), All, Same, Field, "The most frequent value."),
        entry(
            "stddev",
            Kernel::Collecting(Collecting::Stddev),
            Numbers,
            Float,
            Field,
            "Standard deviation of a sample; null for one value.",
        ),
        entry(
            COUNT_DISTINCT,
            Kernel::Collecting(Collecting::CountDistinct),
            All,
            Integer,
            OneField,
            "Number of different values.",
        ),
        entry(
            "percentile",
            Kernel::Collecting(Collecting::Percentile),
            Numbers,
            Same,
            FieldAndPercent,
            "The value of which N percent are not greater, by nearest rank.",
        ),
        entry("distinct", Kernel::Many(Many::Distinct), All, Same, OneField, "Each different value once."),
        entry("top", Kernel::Many(Many::Top), Numbers, Same, FieldsAndCount, "The N greatest values."),
        entry("bottom", Kernel::Many(Many::Bottom), Numbers, Same, FieldsAndCount, "The N least values."),
        entry("sample", Kernel::Many(Many::Sample), All, Same, FieldAndCount, "N values at random."),
        entry("integral", Kernel::Whole(Whole::Integral), Numbers, Float, FieldAndUnit, "The area under the values."),
        entry("sum_hll", Kernel::Sketch, All, String, Field, "A sketch of the different values."),
        entry(
            "count_hll",
            Kernel::Whole(Whole::CountSketch),
            Strings,
            Unsigned,
            FieldOrAnyCall,
            "How many different values a sketch saw.",
        ),
        entry(
            "derivative",
            Kernel::Transform(Transform::Derivative),
            Numbers,
            Float,
            FieldOrCallAndUnit,
            "The change per unit of time.",
        ),
        entry(
            "non_negative_derivative",
            Kernel::Transform(Transform::NonNegativeDerivative),
            Numbers,
            Float,
            FieldOrCallAndUnit,
            "The change per unit of time, where it is not negative.",
        ),
        entry(
            "difference",
            Kernel::Transform(Transform::Difference),
            Numbers,
            Same,
            FieldOrCall,
            "The change from one value to the next.",
        ),
        entry(
            "non_negative_difference",
            Kernel::Transform(Transform::NonNegativeDifference),
            Numbers,
            Same,
            FieldOrCall,
            "The change, where it is not negative.",
        ),
        entry(
            "cumulative_sum",
            Kernel::Transform(Transform::CumulativeSum),
            Numbers,
            Same,
            FieldOrCall,
            "The sum of all values so far.",
        ),
        entry(
            "moving_average",
            Kernel::Transform(Transform::MovingAverage),
            Numbers,
            Float,
            FieldOrCallAndCount,
            "The mean of the last N values.",
        ),
        entry(
            "elapsed",
            Kernel::Transform(Transform::Elapsed),
            All,
            Integer,
            FieldOrCallAndUnit,
            "The time since the value before.",
        ),
        entry(
            "holt_winters",
            Kernel::Whole(Whole::Forecast),
            Numbers,
            Float,
            CallAndForecast,
            "A forecast of N values.",
        ),
        entry(
            "holt_winters_with_fit",
            Kernel::Whole(Whole::ForecastWithFit),
            Numbers,
            Float,
            CallAndForecast,
            "A forecast of N values and the fitted ones.",
        ),
        technical("exponential_moving_average", Technical::Average, "A mean that forgets."),
        technical("double_exponential_moving_average", Technical::DoubleAverage, "A mean that forgets faster."),
        technical("triple_exponential_moving_average", Technical::TripleAverage, "A mean that forgets fastest."),
        technical("relative_strength_index", Technical::Strength, "How strong rises are against falls."),
        technical(
            "triple_exponential_derivative",
            Technical::TripleDerivative,
            "The change of a triple exponential mean.",
        ),
        technical("kaufmans_efficiency_ratio", Technical::Efficiency, "Change against volatility."),
        technical("kaufmans_adaptive_moving_average", Technical::Adaptive, "A mean that adapts to volatility."),
        technical("chande_momentum_oscillator", Technical::Momentum, "Rises minus falls, over their sum."),
        math("abs", Math::Abs, 1, "Absolute value."),
        math("floor", Math::Floor, 1, "The greatest whole number that is not greater."),
        math("ceil", Math::Ceil, 1, "The least whole number that is not less."),
        math("round", Math::Round, 1, "The nearest whole number, halves away from zero."),
        math("sin", Math::Sin, 1, "Sine."),
        math("cos", Math::Cos, 1, "Cosine."),
        math("tan", Math::Tan, 1, "Tangent."),
        math("atan", Math::Atan, 1, "Arc tangent."),
        math("exp", Math::Exp, 1, "Power of e."),
        math("ln", Math::Ln, 1, "Natural logarithm."),
        math("log2", Math::Log2, 1, "Logarithm of base 2."),
        math("log10", Math::Log10, 1, "Logarithm of base 10."),
        math("sqrt", Math::Sqrt, 1, "Square root."),
        math("asin", Math::Asin, 1, "Arc sine."),
        math("acos", Math::Acos, 1, "Arc cosine."),
        math("atan2", Math::Atan2, 2, "Arc tangent of a quotient."),
        math("pow", Math::Pow, 2, "Power."),
        math("log", Math::Log, 2, "Logarithm of a base."),
    ]
};

/// The entry of a name (lower case).
#[must_use]
pub fn named(name: &str) -> Option<&'static Entry> {
    FUNCTIONS.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Whether it returns stored points, so that their other columns may stand beside it.
    #[must_use]
    pub fn is_selector(&self) -> bool {
        matches!(
            self.kernel,
            Kernel::Selecting(_)
                | Kernel::Collecting(Collecting::Percentile)
                | Kernel::Many(Many::Top | Many::Bottom | Many::Sample)
        )
    }

    /// Whether what is known of some values grows with them, and is finished once all are known.
    #[must_use]
    pub fn keeps_values(&self) -> bool {
        !matches!(self.kernel, Kernel::Adding(_) | Kernel::Selecting(_))
    }

    /// Whether an empty bucket has a zero, if nothing else is said.
    #[must_use]
    pub fn counts(&self) -> bool {
        matches!(self.kernel, Kernel::Adding(Adding::Count) | Kernel::Collecting(Collecting::CountDistinct))
    }

    /// How many buckets before the first one it reads, so that this one has a value.
    #[must_use]
    pub fn lead(&self) -> u32 {
        if let Kernel::Transform(kernel) = self.kernel { kernel.lead() } else { 0 }
    }

    /// Whether it takes values of a type.
    #[must_use]
    pub fn accepts(&self, field_type: FieldType) -> bool {
        match self.takes {
            Takes::Numbers => is_number(field_type),
            Takes::NumbersAndBooleans => is_number(field_type) || field_type == FieldType::Boolean,
            Takes::Strings => field_type == FieldType::String,
            Takes::All => true,
        }
    }

    /// Whether a wildcard stands for fields of a type.
    #[must_use]
    pub fn expands(&self, field_type: FieldType) -> bool {
        match self.kernel {
            Kernel::Sketch | Kernel::Whole(Whole::CountSketch) => is_number(field_type),
            _ => self.accepts(field_type),
        }
    }

    /// The type of its result over values of a type.
    #[must_use]
    pub fn result(&self, input: FieldType) -> FieldType {
        match self.gives {
            Gives::Same => input,
            Gives::Integer => FieldType::Integer,
            Gives::Float => FieldType::Float,
            Gives::Unsigned => FieldType::Unsigned,
            Gives::String => FieldType::String,
        }
    }
}

/// The literal among a call's arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parameter {
    /// There is none.
    None,
    /// Percent.
    Percent(f64),
    /// How many.
    Count(usize),
}

/// A function with its literal argument.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its entry.
    pub entry: &'static Entry,
    /// Its literal.
    pub parameter: Parameter,
}

impl Function {
    /// A function that has no literal argument.
    #[must_use]
    pub const fn plain(entry: &'static Entry) -> Self {
        Self { entry, parameter: Parameter::None }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name && self.parameter == other.parameter
    }
}

#[cfg(test)]
mod tests;
