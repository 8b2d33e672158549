//! The forms of a text in which instructions are sought.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::characters::is_invisible;

/// What stands in the place of an invisible character.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Invisible {
    /// Nothing: it was put within a word.
    Nothing,
    /// A space: it was put between words.
    Space,
}

/// NFKC, lower case, no combining marks that stand alone, runs of whitespace as one space.
pub(super) fn fold(text: &str, invisible: Invisible) -> String {
    let mut folded = Folded { text: String::with_capacity(text.len()), ends_in_space: true };
    if text.is_ascii() {
        text.chars().for_each(|c| folded.push(c));
        return folded.text;
    }
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        text.chars().for_each(|c| folded.put(c, invisible));
    } else {
        // Arabic ligatures become up to eighteen letters each, and no pattern is in Arabic.
        let plain = text.chars().filter(|c| !matches!(c, '\u{FB50}'..='\u{FDFF}'));
        plain.nfkc().for_each(|c| folded.put(c, invisible));
    }
    if folded.text.chars().any(|c| latin(c).is_some()) { in_latin(&folded.text) } else { folded.text }
}

/// Whether folding drops characters that [`Invisible`] speaks of.
pub(super) fn has_invisible(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(is_invisible)
}

/// Folded text as a row of words: apostrophes dropped; quotation marks, emphasis, brackets and commas are spaces. What ends
/// a sentence or an identifier stays.
pub(super) fn words(folded: &str) -> String {
    let mut words = Folded { text: String::with_capacity(folded.len()), ends_in_space: true };
    for c in folded.chars() {
        match c {
            '\'' | '\u{2018}' | '\u{2019}' => {}
            '"' | '*' | '~' | '`' | '(' | ')' | ',' | '{' | '}' | '>' | '#' | '\u{201C}' | '\u{201D}' | '\u{201E}'
            | '\u{AB}' | '\u{BB}' | '\u{2013}' | '\u{2014}' | '\u{300C}' | '\u{300D}' | '\u{3001}' => words.push(' '),
            '\u{3002}' => words.push('.'),
            other => words.push(other),
        }
    }
    words.text
}

struct Folded {
    text: String,
    ends_in_space: bool,
}

impl Folded {
    fn put(&mut self, c: char, invisible: Invisible) {
        if c.is_ascii() {
            self.push(c);
        } else if is_invisible(c) {
            if invisible == Invisible::Space {
                self.push(' ');
            }
        } else if !is_loose_mark(c) {
            c.to_lowercase().filter(|c| !is_loose_mark(*c)).for_each(|c| self.push(c));
        }
    }

    fn push(&mut self, c: char) {
        let is_space = c == ' ' || c.is_whitespace() || c.is_control();
        if !is_space {
            self.text.push(c.to_ascii_lowercase());
        } else if !self.ends_in_space {
            self.text.push(' ');
        }
        self.ends_in_space = is_space;
    }
}

/// A combining diacritical mark that did not compose: put onto letters to hide a word.
fn is_loose_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

/// The text with look-alikes as the Latin letters they look like, in words that also have Latin letters.
fn in_latin(folded: &str) -> String {
    let mut text = String::with_capacity(folded.len());
    for word in folded.split_inclusive(' ') {
        if word.chars().any(|c| c.is_ascii_lowercase()) {
            text.extend(word.chars().map(|c| latin(c).unwrap_or(c)));
        } else {
            text.push_str(word);
        }
    }
    text
}

/// The Latin letter that a small Cyrillic or Greek letter looks like.
const fn latin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'с' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => return None,
    })
}
