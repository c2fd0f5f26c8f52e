//! What the data look like: measurements, tags and their values, fields and their types, how times lie.

use crate::Random;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Integer,
    Unsigned,
    Text,
    Boolean,
}

/// All of them.
pub(super) const ALL: &[Kind] = &[Kind::Float, Kind::Integer, Kind::Unsigned, Kind::Text, Kind::Boolean];
/// Those that one can count with.
pub(super) const NUMBERS: &[Kind] = &[Kind::Float, Kind::Integer, Kind::Unsigned];

/// A field and its type; another one in shards of odd weeks, if the types are mixed.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: String,
    pub kind: Kind,
    pub odd: Kind,
}

/// One data set's shape.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub measurements: Vec<String>,
    /// Tag keys with their values.
    pub tags: Vec<(String, Vec<String>)>,
    pub fields: Vec<Field>,
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
    /// Numbers at the edges of what there is are among the values: nothing is added up then.
    pub edges: bool,
    /// One value in so many is missing; 0: none.
    pub gaps: usize,
    /// There is a second policy, `other`, that holds some of the points.
    pub policy: bool,
}

pub(super) const SECOND: i64 = 1_000_000_000;
/// The least and the greatest time of a point.
const LEAST: i64 = i64::MIN + 2;
const GREATEST: i64 = i64::MAX - 1;
const DAY: i64 = 86_400 * SECOND;
const WEEK: i64 = 7 * DAY;
const NAMES: &[&str] = &[
    "cpu",
    "m",
    "mem usage",
    "größe",
    "a.b",
    "q\"uote",
    "select",
    "x,y",
    "Case",
    "case",
    "温度",
    "it's",
    "a=b",
    "1st",
    "b\\c",
    "🙂",
];
const KEYS: &[&str] = &["host", "dc", "schlüssel", "k k", "or", "t=x", "Host", "value", "b\"", "i"];
const VALUES: &[&str] = &[
    "a",
    "b",
    "c",
    "A",
    "a b",
    "x,y",
    "p=q",
    "ü",
    "it's",
    "dou\"ble",
    "10",
    "9",
    "back\\slash",
    "温",
    "é",
    "<&>",
    "-1",
    "true",
    "a.b",
];
const FIELDS: &[&str] =
    &["v", "value", "f 1", "größe", "i", "s", "time2", "from", "Q\"", "b,c", "V", "x=y", "d\\e", "host", "a.b", "0"];

fn some(random: &mut Random, from: &[&str], least: usize, most: usize) -> Vec<String> {
    let count = least + random.below(most - least + 1);
    let mut left: Vec<&str> = from.to_vec();
    (0..count).map(|_| left.remove(random.below(left.len())).to_owned()).collect()
}

fn keys_shared(tags: &[(String, Vec<String>)], fields: &[Field]) -> bool {
    tags.iter().any(|(key, _)| fields.iter().any(|field| field.name == *key))
}

/// The week of shards that a time lies in; they begin on Mondays.
fn week(time: i64) -> i64 {
    time.saturating_add(3 * DAY).div_euclid(WEEK)
}

impl Schema {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut kinds = vec![Kind::Float, Kind::Float, Kind::Integer, Kind::Integer, Kind::Text, Kind::Boolean];
        if random.once_in(4) {
            kinds.extend([Kind::Unsigned, Kind::Unsigned]);
        }
        let measurements = some(random, NAMES, 1, 3);
        let keys = some(random, KEYS, 0, 3);
        let tags: Vec<_> = keys.into_iter().map(|key| (key, some(random, VALUES, 1, 4))).collect();
        let names = some(random, FIELDS, 1, 5);
        let mixed = random.once_in(6);
        let mut fields: Vec<Field> = names
            .into_iter()
            .map(|name| {
                let kind = *random.pick(&kinds);
                let odd = if mixed && random.once_in(2) { *random.pick(&kinds) } else { kind };
                Field { name, kind, odd }
            })
            .collect();
        fields[0].kind = if random.once_in(2) { Kind::Float } else { Kind::Integer };
        let numbers = [Kind::Float, Kind::Integer];
        fields[0].odd = if mixed && random.once_in(2) { *random.pick(&numbers) } else { fields[0].kind };
        let steps = [1, 7, SECOND / 1_000, SECOND, 10 * SECOND, 60 * SECOND, 3_600 * SECOND, DAY];
        let recent = 1_577_836_800 * SECOND;
        let starts =
            [0, -500 * SECOND, recent, recent, 1_500_000_000_123_456_789, -3_000_000_000 * SECOND, LEAST, GREATEST];
        let step = if mixed { *random.pick(&[3_600 * SECOND, 7 * 3_600 * SECOND, DAY]) } else { *random.pick(&steps) };
        let edges = random.once_in(6);
        let rows = *random.pick(&[1, 3, 20, 60, 60, 150]);
        let start = *random.pick(&starts);
        // The last rows lie where time ends.
        let span = step * i64::try_from(rows).unwrap_or(0);
        let start = if start == GREATEST { GREATEST - span } else { start };
        let shared = keys_shared(&tags, &fields);
        Self {
            measurements,
            tags,
            fields,
            start,
            step,
            rows,
            unique_times: !random.once_in(3),
            exact: random.once_in(2),
            edges,
            gaps: *random.pick(&[0, 0, 2, 5, 12]),
            policy: !shared && random.once_in(6),
        }
    }

    /// The time after the last row.
    pub(super) fn end(&self) -> i64 {
        self.start + self.step * i64::try_from(self.rows).unwrap_or(0)
    }

    /// Whether all times lie in one shard of a week.
    pub(super) fn one_shard(&self) -> bool {
        week(self.start) == week(self.end())
    }

    /// Whether rows lie where time begins or ends.
    pub(super) fn at_the_ends(&self) -> bool {
        self.start == LEAST || self.end() == GREATEST
    }

    /// The type that a field has at a time.
    pub(super) fn kind_at(field: &Field, time: i64) -> Kind {
        if week(time).rem_euclid(2) == 1 { field.odd } else { field.kind }
    }

    /// A field that is of one of these kinds everywhere, if there is one.
    pub(super) fn field(&self, random: &mut Random, kinds: &[Kind]) -> Option<&Field> {
        let fits = |field: &&Field| kinds.contains(&field.kind) && kinds.contains(&field.odd);
        let fitting: Vec<&Field> = self.fields.iter().filter(fits).collect();
        (!fitting.is_empty()).then(|| *random.pick(&fitting))
    }

    /// Whether all fields are of these kinds.
    pub(super) fn all_fields(&self, kinds: &[Kind]) -> bool {
        self.fields.iter().all(|field| kinds.contains(&field.kind) && kinds.contains(&field.odd))
    }

    /// Whether some name is that of a tag and of a field.
    pub(super) fn shares_names(&self) -> bool {
        keys_shared(&self.tags, &self.fields)
    }

    /// Whether some field is unsigned.
    pub(super) fn has_unsigned(&self) -> bool {
        self.fields.iter().any(|field| field.kind == Kind::Unsigned || field.odd == Kind::Unsigned)
    }

    /// Whether some tag has the name of a field.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}
