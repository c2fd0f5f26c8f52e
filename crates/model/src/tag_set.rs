//! A tag set: key=value pairs sorted by key bytes, no key twice, no empty value.

use crate::Text;

/// Sorted tags of one series.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagSet {
    pairs: Vec<(Text, Text)>,
}

impl TagSet {
    /// A set from pairs in any order; a pair with an empty value is left out, of equal keys the last one stays.
    #[must_use]
    pub fn new(mut pairs: Vec<(Text, Text)>) -> Self {
        pairs.reverse();
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        pairs.retain(|(_, value)| !value.is_empty());
        Self { pairs }
    }

    /// The pairs in order of their keys.
    #[must_use]
    pub fn pairs(&self) -> &[(Text, Text)] {
        &self.pairs
    }

    /// The value of `key`, if the set has it.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let index = self.pairs.binary_search_by(|pair| (*pair.0).cmp(key)).ok()?;
        Some(&self.pairs[index].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_finds() {
        let text = |text: &str| Text::from(text.as_bytes());
        let tags = TagSet::new(vec![(text("b"), text("2")), (text("a"), text("1")), (text("b"), text("3"))]);
        assert_eq!(tags.get(b"b"), Some(b"3".as_slice()));
        assert_eq!(tags.pairs().len(), 2);
        assert_eq!(tags.get(b"c"), None);
    }
}
