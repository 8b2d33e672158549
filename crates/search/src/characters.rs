//! Character classes the tokeniser needs.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};

/// How a character is cut into tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Han, Kana or Hangul: written without spaces.
    Cjk,
    /// An emoji or a symbol (general category So): a token by itself.
    Symbol,
    /// Everything else: cut by UAX #29.
    Other,
}

/// The class of a folded character.
pub(crate) fn class(c: char) -> Class {
    if c.is_ascii() {
        Class::Other
    } else if is_cjk(c) {
        Class::Cjk
    } else if is_symbol(c) {
        Class::Symbol
    } else {
        Class::Other
    }
}

/// Scripts Han, Hiragana, Katakana and Hangul (Unicode 16 ranges, letters and iteration marks only).
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF | 0x2E80..=0x2FD5 | 0x3005 | 0x3007 | 0x3021..=0x3029 | 0x3038..=0x303B
        | 0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF | 0x3131..=0x318E
        | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA960..=0xA97C | 0xAC00..=0xD7A3
        | 0xD7B0..=0xD7FB | 0xF900..=0xFAFF | 0x1AFF0..=0x1AFFE | 0x1B000..=0x1B167
        | 0x20000..=0x2FA1F | 0x30000..=0x323AF)
}

/// An emoji or a character of general category So. Skin tones (category Sk) are not symbols, so 👍🏽 is 👍.
fn is_symbol(c: char) -> bool {
    c.general_category() == GeneralCategory::OtherSymbol
        || (c.is_emoji_char() && !c.is_emoji_component() && !c.is_alphanumeric())
}

/// One half of a flag.
pub(crate) fn is_regional_indicator(c: char) -> bool {
    matches!(u32::from(c), 0x1F1E6..=0x1F1FF)
}

/// A combining mark (general category M); variation selectors are among them.
pub(crate) fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// A format character (general category Cf): joiners, soft hyphen, bidi controls, tag characters.
pub(crate) fn is_format(c: char) -> bool {
    c.general_category() == GeneralCategory::Format
}
