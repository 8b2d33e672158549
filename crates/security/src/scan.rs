//! What must not pass silently in a text: hidden characters, orders to a model, credentials.
//!
//! [`scan`] reads a text and never changes it. It answers with flags, with the names of what matched and, where the text
//! holds a credential that is certain, with its kind and place; never with a part of the text. Nothing exempts a text: a
//! word such as `localhost` or `example` beside a key changes nothing.
//!
//! - **Characters** are judged on the text as given: invisible characters, bidirectional controls, tag characters. Joiners
//!   within emoji and between letters, and the tags of regional flags, are what they are for and raise nothing.
//! - **Orders to a model** are sought on folded text (NFKC, lower case, without invisible characters, runs of whitespace as
//!   one space), so that full-width letters or joiners within words hide nothing. A word that mixes Latin with Cyrillic or
//!   Greek letters is also read in Latin. A flag is a hint for readers and reviewers; such an order can always be put
//!   into words that no list has.
//! - **Credentials** are sought in the text as given, percent-decoded, base64-decoded (runs of 16 characters and more, at any
//!   alignment, padded or not), and with whitespace and invisible characters removed; base64 also after percent-decoding and
//!   after the removal. Provider keys, private-key blocks and our own keys are certain; the rest only raises a flag.
//!
//! All patterns run in time linear in the text. Start at [`scan`]; the patterns lie in `scan/instructions/` and
//! `scan/secrets/forms.rs`.

mod characters;
mod compile;
mod fold;
mod instructions;
mod secrets;

#[cfg(test)]
mod tests;

use types::memory::Flag;

/// The version of the patterns; stored beside the flags they gave.
pub const VERSION: i64 = 1;

/// A credential found in a text: what it is and where, never the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The pattern's name, such as `github_token`.
    pub kind: &'static str,
    /// Where it begins, in bytes of the text as given; of an encoded one, where the encoded part begins.
    pub offset: usize,
    /// Whether it is a provider key, a private-key block or one of our keys; others are guesses.
    pub certain: bool,
}

/// What [`scan`] found in a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    flags: Vec<Flag>,
    patterns: Vec<&'static str>,
    refused: Option<Secret>,
}

impl Report {
    /// The flags raised, sorted, each once.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        self.flags.clone()
    }

    /// The names of the instruction and secret patterns that matched, each once, in order of finding.
    #[must_use]
    pub fn patterns(&self) -> &[&'static str] {
        &self.patterns
    }

    /// The first certain credential of the text, for which it is to be refused. After [`Report::merge`], the first text's.
    #[must_use]
    pub const fn refused(&self) -> Option<&Secret> {
        self.refused.as_ref()
    }

    /// Adds what was found in another text of the same object. The offset kept is the one of the text it was found in.
    pub fn merge(&mut self, other: Self) {
        other.flags.into_iter().for_each(|flag| self.raise(flag));
        other.patterns.into_iter().for_each(|name| self.name(name));
        if self.refused.is_none() {
            self.refused = other.refused;
        }
    }

    fn raise(&mut self, flag: Flag) {
        if let Err(place) = self.flags.binary_search(&flag) {
            self.flags.insert(place, flag);
        }
    }

    fn name(&mut self, name: &'static str) {
        if !self.patterns.contains(&name) {
            self.patterns.push(name);
        }
    }

    fn instruction(&mut self, name: &'static str) {
        self.raise(Flag::InstructionLike);
        self.name(name);
    }

    fn secret(&mut self, secret: Secret) {
        self.raise(Flag::SecretLike);
        self.name(secret.kind);
        let is_earlier = self.refused.as_ref().is_none_or(|first| secret.offset < first.offset);
        if secret.certain && is_earlier {
            self.refused = Some(secret);
        }
    }
}

/// Judges a text. The answer depends on the text and on [`VERSION`] alone.
#[must_use]
pub fn scan(text: &str) -> Report {
    let mut report = Report::default();
    characters::judge(text, &mut report);
    instructions::search(text, &mut report);
    secrets::search(text, &mut report);
    report
}

/// The names of all instruction and secret patterns, for the reference page.
pub fn patterns() -> impl Iterator<Item = &'static str> {
    instructions::names().chain(secrets::names())
}
