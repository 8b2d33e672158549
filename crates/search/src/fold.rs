//! The form in which text and query are compared.

use caseless::Caseless;
use unicode_normalization::{UnicodeNormalization, char::decompose_canonical};

use crate::characters::{is_cjk, is_format, is_mark};

const ZERO_WIDTH_SPACE: char = '\u{200B}';
const RIGHT_QUOTE: char = '\u{2019}';

/// Text in NFKC, fully case-folded (Unicode 3.13), without combining marks or format characters.
///
/// Marks are removed after canonical decomposition, so `é` becomes `e`; Kana keeps its voicing marks and Hangul its
/// syllables, for which the mark is part of the letter.
pub(crate) struct Folded {
    /// The folded text.
    pub(crate) text: String,
    /// Byte offsets into `text` where an upper-case letter followed a lower-case one; ascending.
    pub(crate) humps: Vec<usize>,
    after_lower: bool,
}

impl Folded {
    /// Folds `source` in time linear in its length.
    pub(crate) fn of(source: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(source.len()), humps: Vec::new(), after_lower: false };
        if source.is_ascii() {
            source.chars().for_each(|c| folded.push_ascii(c));
        } else {
            source.nfkc().for_each(|c| folded.push(c));
        }
        folded
    }

    fn push_ascii(&mut self, c: char) {
        if self.after_lower && c.is_ascii_uppercase() {
            self.humps.push(self.text.len());
        }
        self.after_lower = c.is_ascii_lowercase();
        self.text.push(c.to_ascii_lowercase());
    }

    fn push(&mut self, c: char) {
        match c {
            _ if c.is_ascii() => self.push_ascii(c),
            RIGHT_QUOTE => self.push_ascii('\''),
            ZERO_WIDTH_SPACE => self.push_ascii(' '),
            _ if is_mark(c) || is_format(c) => {}
            _ => self.push_folded(c),
        }
    }

    fn push_folded(&mut self, c: char) {
        if self.after_lower && c.is_uppercase() {
            self.humps.push(self.text.len());
        }
        self.after_lower = c.is_lowercase();
        for f in std::iter::once(c).default_case_fold() {
            if is_cjk(f) {
                self.text.push(f);
            } else {
                decompose_canonical(f, |part| {
                    if !is_mark(part) {
                        self.text.push(part);
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Folded;

    #[test]
    fn folding_removes_case_width_marks_and_joiners() {
        for (source, want) in [
            ("Café", "cafe"),
            ("Cafe\u{301}", "cafe"),
            ("STRASSE Straße", "strasse strasse"),
            ("ＡＢＣ ﬁne", "abc fine"),
            ("İstanbul", "istanbul"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("ガ ｶﾞ 한국", "ガ ガ 한국"),
            ("data\u{AD}base a\u{E0041}b", "database ab"),
            ("don’t", "don't"),
            ("one\u{200B}two", "one two"),
            ("❤\u{FE0F}", "❤"),
        ] {
            assert_eq!(Folded::of(source).text, want, "{source}");
        }
    }

    #[test]
    fn humps_are_where_upper_follows_lower() {
        assert_eq!(Folded::of("getUserID éÀ").humps, [3, 7, 11]);
        assert_eq!(Folded::of("HTTPServer").humps, Vec::<usize>::new());
    }
}
