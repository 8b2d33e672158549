//! How alike two words are.

use crate::tokenise::MAX_TOKEN_CHARS;

/// Optimal string alignment distance (Damerau–Levenshtein without edits inside a transposition), or none when above `max`.
///
/// Only the first [`MAX_TOKEN_CHARS`] characters of `word` are looked at; tokens are no longer.
pub(crate) fn osa_within(term: &[char], word: &str, max: usize) -> Option<usize> {
    let mut buffer = ['\0'; MAX_TOKEN_CHARS];
    let mut length = 0;
    for (place, c) in buffer.iter_mut().zip(word.chars()) {
        *place = c;
        length += 1;
    }
    let word = buffer.get(..length)?;
    if term.len() > MAX_TOKEN_CHARS || term.len().abs_diff(word.len()) > max {
        return None;
    }
    distance(term, word, max)
}

#[expect(
    clippy::indexing_slicing,
    reason = "rows hold MAX_TOKEN_CHARS + 1 cells and both words have at most MAX_TOKEN_CHARS characters"
)]
fn distance(a: &[char], b: &[char], max: usize) -> Option<usize> {
    let mut before_last = [0_usize; MAX_TOKEN_CHARS + 1];
    let mut last = [0_usize; MAX_TOKEN_CHARS + 1];
    let mut row = [0_usize; MAX_TOKEN_CHARS + 1];
    for (j, cell) in last.iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        row[0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row[j] = best;
            least = least.min(best);
        }
        if least > max {
            return None;
        }
        before_last = last;
        last = row;
    }
    Some(last[b.len()]).filter(|&found| found <= max)
}

/// The length and the set of letters of a word, packed: rules out most words before their distance is computed.
///
/// The low 8 bits hold the number of characters, each other bit says that some character of its class occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape(u64);

impl Shape {
    pub(crate) fn of(word: &str) -> Self {
        let mut letters = 0_u64;
        let mut length = 0_u64;
        for c in word.chars() {
            let class = match c {
                'a'..='z' => u32::from(c) - u32::from('a'),
                '0'..='9' => 26 + u32::from(c) - u32::from('0'),
                _ => 36 + u32::from(c) % 20,
            };
            letters |= 1 << class;
            length += 1;
        }
        Self(letters << 8 | length.min(255))
    }

    /// Number of characters.
    pub(crate) fn chars(self) -> usize {
        (self.0 & 255) as usize
    }

    /// Whether the words may be within `max` edits: one edit changes the length by at most one and the set of letters by
    /// at most two.
    pub(crate) fn may_be_within(self, other: Self, max: usize) -> bool {
        self.chars().abs_diff(other.chars()) <= max && ((self.0 ^ other.0) >> 8).count_ones() as usize <= 2 * max
    }

    /// Whether the other word may begin with this one.
    pub(crate) fn may_begin(self, other: Self) -> bool {
        self.chars() <= other.chars() && (self.0 & !other.0) >> 8 == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Shape, osa_within};

    /// The recursive definition.
    fn naive(a: &[char], b: &[char]) -> usize {
        match (a, b) {
            ([], rest) | (rest, []) => rest.len(),
            ([a_head @ .., x], [b_head @ .., y]) => {
                let mut best =
                    (naive(a_head, b_head) + usize::from(x != y)).min(naive(a_head, b) + 1).min(naive(a, b_head) + 1);
                if let ([a_rest @ .., p], [b_rest @ .., q]) = (a_head, b_head)
                    && p == y
                    && q == x
                {
                    best = best.min(naive(a_rest, b_rest) + 1);
                }
                best
            }
        }
    }

    proptest! {
        #[test]
        fn the_distance_equals_the_recursive_definition(a in "[abcé]{0,6}", b in "[abcé]{0,6}", max in 0..4_usize) {
            let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let want = naive(&x, &y);
            prop_assert_eq!(osa_within(&x, &b, max), Some(want).filter(|&d| d <= max));
            prop_assert!(want > max || Shape::of(&a).may_be_within(Shape::of(&b), max));
            prop_assert!(!b.starts_with(&a) || Shape::of(&a).may_begin(Shape::of(&b)));
        }
    }

    #[test]
    fn a_transposition_is_one_edit_and_lengths_up_to_the_cut_work() {
        let chars = |word: &str| word.chars().collect::<Vec<_>>();
        assert_eq!(osa_within(&chars("pyhton"), "python", 1), Some(1));
        assert_eq!(osa_within(&chars("ca"), "abc", 3), Some(3));
        let long = "é".repeat(64);
        assert_eq!(osa_within(&chars(&long), &long, 2), Some(0));
        assert_eq!(osa_within(&chars(&"x".repeat(65)), &long, 2), None);
    }
}
