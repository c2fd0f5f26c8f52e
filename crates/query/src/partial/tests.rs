//! Partial aggregates add up, whatever way the values are cut.

use super::*;
use crate::functions::named;
use proptest::prelude::*;

const ALL: [&str; 8] = ["count", "sum", "mean", "min", "max", "first", "last", "spread"];

fn function(name: &str) -> Function {
    Function::plain(named(name).unwrap())
}

fn whole(function: Function, values: &Values, range: Range<usize>) -> Partial {
    Partial::of_slice(function, values, &range, |at| i64::try_from(at).unwrap() * 10).0
}

proptest! {
    /// Cut anywhere and put together in any grouping, the knowledge is that of the whole.
    #[test]
    fn pieces_add_up(values in proptest::collection::vec(-3_i64..4, 0..40), first in 0_usize..41, second in 0_usize..41) {
        let len = values.len();
        let (low, high) = (first.min(second).min(len), first.max(second).min(len));
        let values = Values::Integer(values);
        for function in ALL.map(function) {
            let [a, b, c] = [0..low, low..high, high..len].map(|range| whole(function, &values, range));
            let mut left = a.clone();
            left.merge(function, b.clone());
            left.merge(function, c.clone());
            let mut tail = b.clone();
            tail.merge(function, c.clone());
            let mut right = a.clone();
            right.merge(function, tail);
            let mut turned = c;
            turned.merge(function, b);
            turned.merge(function, a);
            let expected = whole(function, &values, 0..len);
            prop_assert_eq!(&left, &expected);
            prop_assert_eq!(&right, &expected);
            prop_assert_eq!(&turned, &expected);
        }
    }
}

/// What values a function that keeps them has seen.
fn held(function: Function, values: &Values, range: Range<usize>) -> Partial {
    let mut partial = Partial::holding(function, values.field_type(), &[], true).unwrap();
    let time = |at: usize| i64::try_from(at).unwrap() * 10;
    match &mut partial {
        Partial::Collected(collected) => collected.append(values, range, Some(&time)),
        Partial::Seen(seen) => seen.insert(values, range, time),
        other => panic!("{other:?}"),
    }
    partial
}

proptest! {
    /// Values that were kept in pieces give the result of the whole.
    #[test]
    fn kept_pieces_add_up(values in proptest::collection::vec(-3_i64..4, 1..40), cut in 0_usize..41) {
        let (cut, len, values) = (cut.min(values.len()), values.len(), Values::Integer(values));
        for name in ["median", "mode", "stddev", "count(distinct)", "percentile", "distinct"] {
            let parameter = if name == "percentile" { Parameter::Percent(50.0) } else { Parameter::None };
            let function = Function { entry: named(name).unwrap(), parameter };
            let mut pieces = held(function, &values, 0..cut);
            pieces.merge(function, held(function, &values, cut..len));
            let mut expected = held(function, &values, 0..len);
            pieces.finish::<()>(function, true, &|| Ok(())).unwrap();
            expected.finish::<()>(function, true, &|| Ok(())).unwrap();
            prop_assert!(format!("{pieces:?}") == format!("{expected:?}"), "{name} {pieces:?} {expected:?}");
        }
    }
}

#[test]
fn fill_numbers_are_cast() {
    assert_eq!(fill_value(&Datum::Float(7.9), FieldType::Integer), Some(Datum::Integer(7)));
    assert_eq!(fill_value(&Datum::Integer(1), FieldType::Boolean), Some(Datum::Boolean(false)));
}
