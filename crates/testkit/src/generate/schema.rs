//! What the data look like: measurements, tags and their values, fields and their types, how times lie.

use crate::Random;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Integer,
    Text,
    Boolean,
}

/// One data set's shape.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub measurements: Vec<String>,
    /// Tag keys with their values.
    pub tags: Vec<(String, Vec<String>)>,
    pub fields: Vec<(String, Kind)>,
    /// The first time in ns.
    pub start: i64,
    /// The distance of times in ns.
    pub step: i64,
    /// Times in a measurement.
    pub rows: usize,
    /// No time has more than one series in a measurement.
    pub unique_times: bool,
    /// Sums of its floats are exact in any order.
    pub exact: bool,
    /// One value in so many is missing; 0: none.
    pub gaps: usize,
}

const SECOND: i64 = 1_000_000_000;
const NAMES: &[&str] = &["cpu", "m", "mem usage", "größe", "a.b", "q\"uote", "select", "x,y", "Case", "case", "温度"];
const KEYS: &[&str] = &["host", "dc", "schlüssel", "k k", "or", "t=x", "Host"];
const VALUES: &[&str] =
    &["a", "b", "c", "A", "a b", "x,y", "p=q", "ü", "it's", "dou\"ble", "10", "9", "back\\slash", "温"];
const FIELDS: &[&str] = &["v", "value", "f 1", "größe", "i", "s", "time2", "from", "Q\"", "b,c"];

fn some(random: &mut Random, from: &[&str], least: usize, most: usize) -> Vec<String> {
    let count = least + random.below(most - least + 1);
    let mut left: Vec<&str> = from.to_vec();
    (0..count).map(|_| left.remove(random.below(left.len())).to_owned()).collect()
}

impl Schema {
    pub(super) fn new(random: &mut Random) -> Self {
        let kinds = [Kind::Float, Kind::Float, Kind::Integer, Kind::Integer, Kind::Text, Kind::Boolean];
        let measurements = some(random, NAMES, 1, 3);
        let keys = some(random, KEYS, 0, 3);
        let tags = keys.into_iter().map(|key| (key, some(random, VALUES, 1, 4))).collect();
        let names = some(random, FIELDS, 1, 5);
        let mut fields: Vec<(String, Kind)> = names.into_iter().map(|name| (name, *random.pick(&kinds))).collect();
        fields[0].1 = if random.once_in(2) { Kind::Float } else { Kind::Integer };
        let steps = [1, 7, SECOND / 1_000, SECOND, 10 * SECOND, 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND];
        let starts = [0, -500 * SECOND, 1_577_836_800 * SECOND, 1_500_000_000_123_456_789, -3_000_000_000 * SECOND];
        Self {
            measurements,
            tags,
            fields,
            start: *random.pick(&starts),
            step: *random.pick(&steps),
            rows: *random.pick(&[1, 3, 20, 60, 60, 150]),
            unique_times: !random.once_in(3),
            exact: random.once_in(2),
            gaps: *random.pick(&[0, 0, 2, 5]),
        }
    }

    /// The time after the last row.
    pub(super) fn end(&self) -> i64 {
        self.start + self.step * i64::try_from(self.rows).unwrap_or(0)
    }

    /// Whether all times lie in one shard of a week.
    pub(super) fn one_shard(&self) -> bool {
        let week = 7 * 86_400 * SECOND;
        // Weeks of shards begin on Mondays.
        let of = |time: i64| (time + 3 * 86_400 * SECOND).div_euclid(week);
        of(self.start) == of(self.end())
    }

    /// A field of one of these kinds, if there is one.
    pub(super) fn field(&self, random: &mut Random, kinds: &[Kind]) -> Option<(String, Kind)> {
        let fitting: Vec<_> = self.fields.iter().filter(|(_, kind)| kinds.contains(kind)).collect();
        (!fitting.is_empty()).then(|| (*random.pick(&fitting)).clone())
    }
}
