//! The one tokeniser, for text and for queries.

use std::borrow::Cow;
use std::iter::Peekable;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use crate::characters::{Class, class, is_regional_indicator};
use crate::fold::Folded;

/// Longer tokens are cut to this many characters.
pub const MAX_TOKEN_CHARS: usize = 64;

/// Calls `emit` with each unstemmed token of `text`, in order of appearance; an identifier comes before its parts.
///
/// Text is folded (NFKC, full case fold, no combining marks or format characters) and cut at UAX #29 word boundaries.
/// Identifiers also yield their parts, split at `_ - . / :` and at lower→Upper; runs of Han, Kana and Hangul yield single
/// characters and overlapping pairs; each symbol (category So) and each flag is a token. An English possessive `'s` is
/// dropped. Tokens are cut at [`MAX_TOKEN_CHARS`]. Time is linear in the length of `text`.
pub fn tokenise(text: &str, mut emit: impl FnMut(&str)) {
    let folded = Folded::of(text);
    let mut humps = folded.humps.iter().copied().peekable();
    let mut rest = folded.text.as_str();
    let mut offset = 0;
    while let Some(first) = rest.chars().next() {
        let kind = class(first);
        let end = rest.char_indices().find(|&(_, c)| class(c) != kind).map_or(rest.len(), |(at, _)| at);
        let (stretch, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match kind {
            Class::Cjk => emit_cjk(stretch, &mut emit),
            Class::Symbol => emit_symbols(stretch, &mut emit),
            Class::Other => {
                for (at, word) in stretch.split_word_bound_indices() {
                    emit_word(word, offset + at, &mut humps, &mut emit);
                }
            }
        }
        offset += stretch.len();
        rest = tail;
    }
}

/// The term a token counts for: the Porter (Snowball English) stem of a token of ASCII letters, else the token itself.
#[must_use]
pub fn stem(word: &str) -> Cow<'_, str> {
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()) {
        Stemmer::create(Algorithm::English).stem(word)
    } else {
        Cow::Borrowed(word)
    }
}

fn emit_cjk(run: &str, emit: &mut impl FnMut(&str)) {
    let mut previous = None;
    for (at, c) in run.char_indices() {
        let end = at + c.len_utf8();
        run.get(at..end).into_iter().for_each(&mut *emit);
        if let Some(start) = previous {
            run.get(start..end).into_iter().for_each(&mut *emit);
        }
        previous = Some(at);
    }
}

fn emit_symbols(run: &str, emit: &mut impl FnMut(&str)) {
    let mut symbols = run.char_indices().peekable();
    while let Some((at, c)) = symbols.next() {
        let second = symbols
            .next_if(|&(_, next)| is_regional_indicator(c) && is_regional_indicator(next))
            .map_or(0, |(_, next)| next.len_utf8());
        run.get(at..at + c.len_utf8() + second).into_iter().for_each(&mut *emit);
    }
}

fn emit_word(word: &str, start: usize, humps: &mut Peekable<impl Iterator<Item = usize>>, emit: &mut impl FnMut(&str)) {
    while humps.next_if(|&hump| hump <= start).is_some() {}
    if !word.contains(char::is_alphanumeric) {
        return;
    }
    let whole = without_possessive(word.trim_matches(is_separator));
    emit(cut(whole));
    let mut part_start = 0;
    let mut emit_part = |from: usize, to: usize| {
        let part = without_possessive(word.get(from..to).unwrap_or_default());
        if part != whole && part.contains(char::is_alphanumeric) {
            emit(cut(part));
        }
    };
    for (at, c) in word.char_indices() {
        let is_hump = humps.next_if_eq(&(start + at)).is_some();
        if is_separator(c) {
            emit_part(part_start, at);
            part_start = at + c.len_utf8();
        } else if is_hump {
            emit_part(part_start, at);
            part_start = at;
        }
    }
    emit_part(part_start, word.len());
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | '/' | ':')
}

/// Step 0 of the Porter 2 stemmer, done here so that the unstemmed form is the plain noun as well.
fn without_possessive(word: &str) -> &str {
    match word.strip_suffix("'s") {
        Some(owner) if !owner.is_empty() => owner,
        _ => word,
    }
}

fn cut(token: &str) -> &str {
    if token.len() <= MAX_TOKEN_CHARS {
        return token;
    }
    token.char_indices().nth(MAX_TOKEN_CHARS).and_then(|(end, _)| token.get(..end)).unwrap_or(token)
}

#[cfg(test)]
mod tests {
    use super::{MAX_TOKEN_CHARS, stem, tokenise};

    fn tokens(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        tokenise(text, |token| found.push(token.to_owned()));
        found
    }

    fn check(text: &str, want: &str) {
        assert_eq!(tokens(text).join(" "), want, "{text}");
    }

    #[test]
    fn text_is_cut_into_the_tokens_of_the_contract() {
        check("Hello, World!", "hello world");
        check("set DATABASE_URL first", "set database_url database url first");
        check("getUserName", "getusername get user name");
        check("crates/search/src/lib.rs", "crates search src lib.rs lib rs");
        check("well-known std::io", "well known std io");
        check("v1.2.3 3.14", "v1.2.3 v1 2 3 3.14 3 14");
        check("__init__ _ -- ::", "init");
        check("Café au lait", "cafe au lait");
        check("Hello 世界", "hello 世 界 世界");
        check("Rust言語です", "rust 言 語 言語 で 語で す です");
        check("안녕 ガラス", "안 녕 안녕 ガ ラ ガラ ス ラス");
        check("Emoji mix 🚀", "emoji mix 🚀");
        check("🚀\u{FE0F}🚀 👍🏽 👩\u{200D}💻 🇯🇵🇫🇷", "🚀 🚀 👍 👩 💻 🇯🇵 🇫🇷");
        check("a★b ❤️", "a ★ b ❤");
        check("Caroline's don't it’s", "caroline don't it");
        check("x\u{FF0E}y ﬁ ２０２４", "x.y x y fi 2024");
        check("\" OR * NEAR( col: a* -x", "or near col a x");
        check(" \t\n…!?()", "");
    }

    #[test]
    fn inflected_forms_share_a_stem_and_other_scripts_keep_theirs() {
        assert_eq!(stem("running"), stem("run"));
        assert_eq!(stem("databases"), stem("database"));
        assert_eq!(stem("straße"), "straße");
        assert_eq!(stem("v1"), "v1");
        assert_eq!(stem(""), "");
    }

    #[test]
    fn long_tokens_are_cut_to_sixty_four_characters() {
        let long = tokens(&"é".repeat(1_000));
        assert_eq!(long, ["e".repeat(MAX_TOKEN_CHARS)]);
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for unit in [
            "a",
            "\u{301}",
            "_",
            "a_",
            "aB",
            "世",
            "🇯",
            "\u{200D}",
            "'",
            "a.",
            "1,",
            "👩\u{200D}",
            "\u{AD}",
            "e\u{301}",
            "ﷺ",
            "\u{1100}",
            "a'",
            "\u{3099}",
            "\u{FE0F}",
        ] {
            let text = unit.repeat(100_000 / unit.chars().count());
            let start = std::time::Instant::now();
            let found = tokens(&text).len();
            assert!(found <= 2_000_000, "{unit:?} gave {found} tokens");
            assert!(start.elapsed().as_secs() < 5, "{unit:?} was slow");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_token_is_short_and_not_blank(text in "\\PC{0,200}") {
            for token in tokens(&text) {
                proptest::prop_assert!(!token.trim().is_empty());
                proptest::prop_assert!(token.chars().count() <= MAX_TOKEN_CHARS);
                proptest::prop_assert!(!stem(&token).is_empty());
            }
        }
    }
}
