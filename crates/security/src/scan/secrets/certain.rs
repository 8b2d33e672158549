//! Finding credentials of certain form.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexSet};

use super::{
    super::{Report, Secret, compile},
    forms::{self, Form, Left, Proof},
    view::{View, sextet},
};
use crate::api_key;

/// Letters and digits before a match that still read as something glued to it; more are a blob that happens to hold it.
const LONGEST_GLUED: usize = 64;
/// Digits after the first line of a private key that make it more than a mention.
const LEAST_KEY_LINE: usize = 8;
/// The same without a line break to tell a key from prose.
const LEAST_KEY_RUN: usize = 40;
/// How far the last line of a short private key is looked for.
const SHORT_KEY_BYTES: usize = 400;
const LONGEST_WORD: usize = 15;
const LONGEST_NUMBER: usize = 4;

static SET: LazyLock<RegexSet> = LazyLock::new(|| compile::set(forms::CERTAIN.iter().map(|form| form.pattern)));
static EACH: LazyLock<Vec<Regex>> =
    LazyLock::new(|| forms::CERTAIN.iter().map(|form| compile::pattern(form.pattern)).collect());

/// A place where the expression of a form matches.
struct Match<'a> {
    view: &'a View<'a>,
    start: usize,
    end: usize,
}

pub(super) fn search(view: &View<'_>, report: &mut Report) {
    for index in SET.matches(&view.bytes) {
        if let (Some(form), Some(pattern)) = (forms::CERTAIN.get(index), EACH.get(index))
            && let Some(start) = first(form, pattern, view)
        {
            report.secret(Secret { kind: form.kind, offset: view.origin(start), certain: true });
        }
    }
}

/// The first place where a credential of the form begins.
fn first(form: &Form, pattern: &Regex, view: &View<'_>) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = pattern.find_at(&view.bytes, from) {
        let found = Match { view, start: found.start(), end: found.end() };
        if found.is_left_free(form.left) && found.proves(form) {
            return Some(found.start);
        }
        // One that proves nothing may hold the beginning of one that does.
        from = found.start + 1;
    }
    None
}

impl Match<'_> {
    fn bytes(&self) -> &[u8] {
        self.view.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn after(&self) -> &[u8] {
        self.view.bytes.get(self.end..).unwrap_or_default()
    }

    fn is_left_free(&self, left: Left) -> bool {
        if self.view.is_compact && self.view.is_seam(self.start) {
            return true;
        }
        let before = self.view.bytes.get(..self.start).unwrap_or_default();
        match left {
            Left::Word => {
                before.last().is_none_or(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))
            }
            Left::Anywhere => {
                before.iter().rev().take(LONGEST_GLUED + 1).take_while(|byte| sextet(**byte).is_some()).count()
                    <= LONGEST_GLUED
            }
        }
    }

    fn proves(&self, form: &Form) -> bool {
        match form.proof {
            Proof::Checksum => is_sound(self.bytes()),
            Proof::KeyBlock => self.begins_a_key_block(),
            Proof::Form => true,
            Proof::Random if self.view.is_compact => self.is_one_in_pieces(form.left),
            Proof::Random => parts(self.bytes()).any(|part| !is_word(part)),
        }
    }

    /// Whether the pieces of a match were one thing, rather than a prefix with prose after it.
    fn is_one_in_pieces(&self, left: Left) -> bool {
        let mut ends: Vec<_> = self.view.seams(self.start, self.end).collect();
        let Some(first_end) = ends.first().copied() else {
            // It was not split, so the view with its spaces has judged it.
            return false;
        };
        ends.push(self.end);
        let first = first_end - self.start;
        let rest: Vec<&[u8]> =
            ends.windows(2).filter_map(|ends| self.view.bytes.get(*ends.first()?..*ends.last()?)).collect();
        let (count, length) = (rest.len(), self.end - first_end);
        if first * 3 >= (self.end - self.start) * 2 || (count >= 5 && length <= count * 2) {
            return true;
        }
        // `SK`, a space and a hash, or a name in capitals: a short prefix alone says too little.
        let is_bare_prefix = left == Left::Word
            && (first <= 4 && rest.first().is_some_and(|piece| piece.len() > 8)
                || !rest.iter().any(|piece| piece.iter().any(u8::is_ascii_digit)));
        let is_random = |piece: &&&[u8]| parts(piece).any(|part| !is_word(part) || part.iter().all(u8::is_ascii_digit));
        let random: usize = rest.iter().filter(is_random).map(|piece| piece.len()).sum();
        random * 2 >= length && !is_bare_prefix
    }

    fn begins_a_key_block(&self) -> bool {
        let after = self.after();
        let near = after.get(..SHORT_KEY_BYTES).unwrap_or(after);
        if near.windows(8).any(|bytes| bytes == b"-----END") {
            return true;
        }
        let body =
            near.iter().position(|byte| !is_line_break(*byte)).and_then(|place| near.get(place..)).unwrap_or_default();
        let breaks = near.len() - body.len();
        let has_break = near.iter().take(breaks).any(|byte| matches!(byte, b'\n' | b'\r' | b'\\'));
        let (body, has_break) = match body.strip_prefix(b"n") {
            Some(rest) if near.get(..breaks).is_some_and(|bytes| bytes.ends_with(b"\\")) => (rest, true),
            _ => (body, has_break),
        };
        let run = body.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
        run >= if has_break { LEAST_KEY_LINE } else { LEAST_KEY_RUN } || body.starts_with(b"Proc-Type")
    }
}

fn is_line_break(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\\'
}

/// Whether the last six digits are the checksum over what stands before their underscore.
fn is_sound(key: &[u8]) -> bool {
    let Some((head, [_, check @ ..])) = key.len().checked_sub(7).and_then(|place| key.split_at_checked(place)) else {
        return false;
    };
    api_key::checksum(head).as_bytes() == check
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| !byte.is_ascii_alphanumeric()).filter(|part| !part.is_empty())
}

/// A word in small letters, perhaps with a capital, or a small number: what prose and placeholders are made of.
fn is_word(part: &[u8]) -> bool {
    let is_number = part.len() <= LONGEST_NUMBER && part.iter().all(u8::is_ascii_digit);
    let tail = part.get(1..).unwrap_or_default();
    let is_text = part.len() <= LONGEST_WORD
        && part.first().is_some_and(u8::is_ascii_alphabetic)
        && tail.iter().all(u8::is_ascii_lowercase);
    is_number || is_text
}
