//! Partial aggregates add up, whatever way the values are cut.

use super::*;
use proptest::prelude::*;

const ALL: [Function; 8] = [
    Function::Count,
    Function::Sum,
    Function::Mean,
    Function::Min,
    Function::Max,
    Function::First,
    Function::Last,
    Function::Spread,
];

fn whole(function: Function, values: &Values, range: Range<usize>) -> Partial {
    Partial::of_slice(function, values, range, |at| i64::try_from(at).unwrap() * 10).0
}

proptest! {
    /// Cut anywhere and put together in any grouping, the knowledge is that of the whole.
    #[test]
    fn pieces_add_up(values in proptest::collection::vec(-3_i64..4, 0..40), first in 0_usize..41, second in 0_usize..41) {
        let len = values.len();
        let (low, high) = (first.min(second).min(len), first.max(second).min(len));
        let values = Values::Integer(values);
        for function in ALL {
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

#[test]
fn ties_are_broken_as_influxdb_does() {
    let point = |time, value: f64| Point::partial(time, Datum::Float(value));
    let chosen = |function, old: Partial, new: Partial| {
        let mut old = old;
        old.merge(function, new);
        match old {
            Partial::Point(point) => (point.time, point.value.as_f64().unwrap()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(chosen(Function::Max, point(5, 1.0), point(3, 1.0)), (3, 1.0));
    assert_eq!(chosen(Function::Min, point(3, 1.0), point(5, 1.0)), (3, 1.0));
    assert_eq!(chosen(Function::First, point(3, 1.0), point(3, 2.0)), (3, 2.0));
    assert_eq!(chosen(Function::Last, point(3, 2.0), point(3, 1.0)), (3, 2.0));
}

#[test]
fn fill_numbers_are_cast() {
    assert_eq!(fill_value(&Datum::Float(7.9), FieldType::Integer), Some(Datum::Integer(7)));
    assert_eq!(fill_value(&Datum::Integer(1), FieldType::Boolean), Some(Datum::Boolean(false)));
}
