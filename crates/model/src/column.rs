//! Typed values, in ones and in columns. A [`Column`] holds the values that are present, one after the other, and says in
//! which rows they stand: memory follows the values present, never rows times fields.
//!
//! Invariant: with [`Presence::Dense`] there is a value for every row of the frame or table that the column belongs to;
//! with [`Presence::Sparse`] positions ascend strictly and there is one for each value.

/// The type of a field. The order is that in which InfluxDB resolves a field that has several types in several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldType {
    /// 64-bit IEEE float.
    Float,
    /// Signed 64-bit integer.
    Integer,
    /// Unsigned 64-bit integer.
    Unsigned,
    /// Bytes, UTF-8 as a rule.
    String,
    /// True or false.
    Boolean,
}

impl FieldType {
    /// All types, in order.
    pub const ALL: [FieldType; 5] = [Self::Float, Self::Integer, Self::Unsigned, Self::String, Self::Boolean];

    /// The name that InfluxDB prints: `float`, `integer`, `unsigned`, `string`, `boolean`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::String => "string",
            Self::Boolean => "boolean",
        }
    }
}

/// One value, borrowed from a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A float.
    Float(f64),
    /// An integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A string.
    String(&'a [u8]),
    /// A boolean.
    Boolean(bool),
}

impl Value<'_> {
    /// The value's type.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::Unsigned(_) => FieldType::Unsigned,
            Self::String(_) => FieldType::String,
            Self::Boolean(_) => FieldType::Boolean,
        }
    }
}

/// Strings one after the other in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    /// End of each string in `bytes`, ascending.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Strings {
    /// No strings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Strings from their ends (ascending, the last one `bytes.len()`) and bytes; `None` if these do not fit together.
    #[must_use]
    pub fn from_parts(ends: Vec<u32>, bytes: Vec<u8>) -> Option<Self> {
        let ascending = ends.is_sorted();
        let whole = ends.last().copied().unwrap_or(0) as usize == bytes.len();
        (ascending && whole).then_some(Self { ends, bytes })
    }

    /// The ends of the strings in [`Strings::bytes`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// All strings' bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether `string` still fits: all together stay below 4 GiB.
    #[must_use]
    pub fn fits(&self, string: &[u8]) -> bool {
        u32::try_from(self.bytes.len() + string.len()).is_ok()
    }

    /// Appends one. All strings of one column together must stay below 4 GiB ([`Strings::fits`]); what does not fit is cut.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.truncate(end as usize);
        self.ends.push(end);
    }

    /// String `index`; empty if there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        let Some(&end) = self.ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start as usize..end as usize]
    }

    /// The last string goes.
    pub fn pop(&mut self) {
        self.ends.pop();
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0) as usize);
    }

    /// All strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Values of one type, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floats.
    Float(Vec<f64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Strings.
    String(Strings),
    /// Booleans.
    Boolean(Vec<bool>),
}

impl Values {
    /// No values of the type.
    #[must_use]
    pub fn new(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Integer => Self::Integer(Vec::new()),
            FieldType::Unsigned => Self::Unsigned(Vec::new()),
            FieldType::String => Self::String(Strings::new()),
            FieldType::Boolean => Self::Boolean(Vec::new()),
        }
    }

    /// The type of all values.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::Unsigned(_) => FieldType::Unsigned,
            Self::String(_) => FieldType::String,
            Self::Boolean(_) => FieldType::Boolean,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the values take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Float(values) => values.len() * 8,
            Self::Integer(values) => values.len() * 8,
            Self::Unsigned(values) => values.len() * 8,
            Self::String(values) => values.bytes.len() + values.ends.len() * 4,
            Self::Boolean(values) => values.len(),
        }
    }

    /// Makes room for just so many values more. Of strings only their bounds are meant.
    pub fn reserve_exact(&mut self, more: usize) {
        match self {
            Self::Float(values) => values.reserve_exact(more),
            Self::Integer(values) => values.reserve_exact(more),
            Self::Unsigned(values) => values.reserve_exact(more),
            Self::String(values) => values.ends.reserve_exact(more),
            Self::Boolean(values) => values.reserve_exact(more),
        }
    }

    /// Gives back room for more values, if half of it is not taken.
    pub fn shrink(&mut self) {
        fn shrink<T>(values: &mut Vec<T>) {
            if values.len() < values.capacity() / 2 {
                values.shrink_to_fit();
            }
        }
        match self {
            Self::Float(values) => shrink(values),
            Self::Integer(values) => shrink(values),
            Self::Unsigned(values) => shrink(values),
            Self::String(values) => shrink(&mut values.ends),
            Self::Boolean(values) => shrink(values),
        }
    }

    /// Value `index`, or `None` beyond the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'_>> {
        if index >= self.len() {
            return None;
        }
        Some(match self {
            Self::Float(values) => Value::Float(values[index]),
            Self::Integer(values) => Value::Integer(values[index]),
            Self::Unsigned(values) => Value::Unsigned(values[index]),
            Self::String(values) => Value::String(values.get(index)),
            Self::Boolean(values) => Value::Boolean(values[index]),
        })
    }

    /// Appends `value`; `false`, and nothing is appended, if it has another type.
    pub fn push(&mut self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Float(values), Value::Float(value)) => values.push(value),
            (Self::Integer(values), Value::Integer(value)) => values.push(value),
            (Self::Unsigned(values), Value::Unsigned(value)) => values.push(value),
            (Self::String(values), Value::String(value)) => values.push(value),
            (Self::Boolean(values), Value::Boolean(value)) => values.push(value),
            _ => return false,
        }
        true
    }

    /// Takes the last value away.
    pub fn pop(&mut self) {
        match self {
            Self::Float(values) => drop(values.pop()),
            Self::Integer(values) => drop(values.pop()),
            Self::Unsigned(values) => drop(values.pop()),
            Self::String(values) => values.pop(),
            Self::Boolean(values) => drop(values.pop()),
        }
    }

    /// Appends the values of `other` at `indices`, in that order; `false` if the types differ.
    /// Every index must be below `other.len()`.
    pub fn extend_at(&mut self, other: &Values, indices: &[u32]) -> bool {
        fn copy<T: Copy>(to: &mut Vec<T>, from: &[T], indices: &[u32]) {
            to.extend(indices.iter().map(|&index| from[index as usize]));
        }
        match (self, other) {
            (Self::Float(to), Self::Float(from)) => copy(to, from, indices),
            (Self::Integer(to), Self::Integer(from)) => copy(to, from, indices),
            (Self::Unsigned(to), Self::Unsigned(from)) => copy(to, from, indices),
            (Self::Boolean(to), Self::Boolean(from)) => copy(to, from, indices),
            (Self::String(to), Self::String(from)) => {
                for &index in indices {
                    to.push(from.get(index as usize));
                }
            }
            _ => return false,
        }
        true
    }

    /// Appends the values of `other` from `range`; `false` if the types differ. The range must lie inside `other`.
    pub fn extend_range(&mut self, other: &Values, range: std::ops::Range<usize>) -> bool {
        match (self, other) {
            (Self::Float(to), Self::Float(from)) => to.extend_from_slice(&from[range]),
            (Self::Integer(to), Self::Integer(from)) => to.extend_from_slice(&from[range]),
            (Self::Unsigned(to), Self::Unsigned(from)) => to.extend_from_slice(&from[range]),
            (Self::Boolean(to), Self::Boolean(from)) => to.extend_from_slice(&from[range]),
            (Self::String(to), Self::String(from)) => {
                for index in range {
                    to.push(from.get(index));
                }
            }
            _ => return false,
        }
        true
    }
}

/// In which rows a column has values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In every row.
    Dense,
    /// In these rows, ascending strictly.
    Sparse(Vec<u32>),
}

/// The values of one field in some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The values present.
    pub values: Values,
    /// The rows that they stand in.
    pub presence: Presence,
}

impl Column {
    /// A column without values.
    #[must_use]
    pub fn new(field_type: FieldType) -> Self {
        Self { values: Values::new(field_type), presence: Presence::Dense }
    }

    /// A column with a value in every row.
    #[must_use]
    pub fn dense(values: Values) -> Self {
        Self { values, presence: Presence::Dense }
    }

    /// A column without a value in any row.
    #[must_use]
    pub fn empty(field_type: FieldType) -> Self {
        Self { values: Values::new(field_type), presence: Presence::Sparse(Vec::new()) }
    }

    /// The type of its values.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        self.values.field_type()
    }

    /// Appends `value` in row `row`, which must be greater than any row before, or equal to the last one, whose value it
    /// then replaces (the later field of a line wins). `false`, and nothing changes, if the type differs.
    pub fn push(&mut self, row: u32, value: Value<'_>) -> bool {
        if value.field_type() != self.field_type() {
            return false;
        }
        let count = self.values.len();
        let last = match &self.presence {
            Presence::Dense => (count as u64).checked_sub(1),
            Presence::Sparse(rows) => rows.last().map(|&row| u64::from(row)),
        };
        if last == Some(u64::from(row)) {
            self.values.pop();
            return self.values.push(value);
        }
        if matches!(self.presence, Presence::Dense) && row as usize != count {
            let rows = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
            self.presence = Presence::Sparse(rows);
        }
        if let Presence::Sparse(rows) = &mut self.presence {
            rows.push(row);
        }
        self.values.push(value)
    }

    /// Declares that the table has `rows` rows: a dense column that is shorter becomes sparse, a sparse one that is full
    /// becomes dense.
    pub fn seal(&mut self, rows: usize) {
        let count = self.values.len();
        match &self.presence {
            Presence::Dense if count != rows => {
                self.presence = Presence::Sparse((0..u32::try_from(count).unwrap_or(u32::MAX)).collect());
            }
            Presence::Sparse(_) if count == rows => self.presence = Presence::Dense,
            _ => {}
        }
    }

    /// Where among [`Column::values`] the value of `row` is, or `None` if the row has none.
    #[must_use]
    pub fn position(&self, row: usize) -> Option<usize> {
        match &self.presence {
            Presence::Dense => (row < self.values.len()).then_some(row),
            Presence::Sparse(rows) => rows.binary_search(&u32::try_from(row).ok()?).ok(),
        }
    }

    /// The value in `row`, if there is one.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        self.position(row).and_then(|position| self.values.get(position))
    }

    /// The same column for some of its rows: row `i` of the result is row `rows[i]` of this one (ascending or not).
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Column {
        let mut values = Values::new(self.field_type());
        match &self.presence {
            Presence::Dense => {
                values.extend_at(&self.values, rows);
                Column { values, presence: Presence::Dense }
            }
            Presence::Sparse(_) => {
                let mut present = Vec::new();
                let mut positions = Vec::new();
                for (to, &from) in (0u32..).zip(rows) {
                    if let Some(position) = self.position(from as usize) {
                        present.push(to);
                        positions.push(u32::try_from(position).unwrap_or(u32::MAX));
                    }
                }
                values.extend_at(&self.values, &positions);
                let mut column = Column { values, presence: Presence::Sparse(present) };
                column.seal(rows.len());
                column
            }
        }
    }

    /// As [`Column::take`] for rows that ascend, none twice. A column with few values costs by these, not by the rows.
    #[must_use]
    pub fn take_ascending(&self, rows: &[u32]) -> Column {
        let Presence::Sparse(present) = &self.presence else { return self.take(rows) };
        if present.len() >= rows.len() / 16 {
            return self.take(rows);
        }
        let mut column = Column { values: Values::new(self.field_type()), presence: Presence::Sparse(Vec::new()) };
        let mut positions = Vec::new();
        let mut found = Vec::new();
        for (position, row) in (0u32..).zip(present) {
            if let Ok(to) = rows.binary_search(row) {
                positions.push(position);
                found.push(u32::try_from(to).unwrap_or(u32::MAX));
            }
        }
        column.values.extend_at(&self.values, &positions);
        column.presence = Presence::Sparse(found);
        column.seal(rows.len());
        column
    }

    /// Bytes of memory that the column takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.bytes()
            + match &self.presence {
                Presence::Dense => 0,
                Presence::Sparse(rows) => rows.len() * 4,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_sparse_on_the_first_gap() {
        let mut column = Column::new(FieldType::Integer);
        assert!(column.push(0, Value::Integer(1)) && column.push(1, Value::Integer(2)));
        assert_eq!(column.presence, Presence::Dense);
        assert!(column.push(4, Value::Integer(5)));
        assert_eq!(column.presence, Presence::Sparse(vec![0, 1, 4]));
        assert_eq!((column.get(4), column.get(3)), (Some(Value::Integer(5)), None));
        assert!(column.push(4, Value::Integer(6)) && !column.push(5, Value::Boolean(true)));
        assert_eq!(column.get(4), Some(Value::Integer(6)));
        assert_eq!(column.take(&[4, 3, 0]).get(2), Some(Value::Integer(1)));
        assert_eq!(column.take(&[0, 1]).presence, Presence::Dense);
    }

    #[test]
    fn few_values_are_taken_as_many_are() {
        let mut column = Column::new(FieldType::Integer);
        for row in [7, 90, 91, 500] {
            assert!(column.push(row, Value::Integer(i64::from(row))));
        }
        column.seal(600);
        for step in [1, 2, 3, 7, 90] {
            let rows: Vec<u32> = (0..600).step_by(step).collect();
            assert_eq!(column.take_ascending(&rows), column.take(&rows), "{step}");
        }
        assert_eq!(column.take_ascending(&[]), column.take(&[]));
    }

    #[test]
    fn seals_a_short_column_to_sparse() {
        let mut column = Column::dense(Values::Boolean(vec![true]));
        column.seal(3);
        assert_eq!((column.get(0), column.get(2)), (Some(Value::Boolean(true)), None));
    }

    #[test]
    fn strings_keep_their_bounds() {
        let mut strings = Strings::new();
        strings.push(b"ab");
        strings.push(b"");
        strings.push(b"c");
        assert_eq!(strings.iter().collect::<Vec<_>>(), [b"ab".as_slice(), b"", b"c"]);
        strings.pop();
        assert_eq!(strings.len(), 2);
        assert!(Strings::from_parts(vec![1, 2], b"abc".to_vec()).is_none());
    }
}
