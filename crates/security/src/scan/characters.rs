//! Characters that people do not see, judged on the text as given.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};

use types::memory::Flag;

use super::Report;

const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
/// Letters and digits of a region and its part, such as `gbeng`.
const REGION: std::ops::RangeInclusive<usize> = 3..=6;

pub(super) fn judge(text: &str, report: &mut Report) {
    if text.is_ascii() {
        return;
    }
    let mut run = Run::default();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c.is_ascii() {
            run = Run { before: Neighbour::of(c), ..Run::default() };
            continue;
        }
        if c == BLACK_FLAG
            && let Some(after) = flag_tags(rest.as_str())
        {
            rest = after.chars();
            run = Run { before: Neighbour::Bearer, ..Run::default() };
            continue;
        }
        if is_bidi_control(c) {
            report.raise(Flag::BidiControl);
        }
        if is_tag(c) {
            report.raise(Flag::TagCharacters);
        }
        let is_lonely_joiner = is_joiner(c) && run.before != Neighbour::Bearer && !begins_with_bearer(rest.as_str());
        run.selectors = if is_variation_selector(c) { run.selectors + 1 } else { 0 };
        if is_always_invisible(c) || is_lonely_joiner || run.selectors == 2 {
            report.raise(Flag::InvisibleUnicode);
        }
        // A mark or a selector belongs to the letter or emoji before it.
        if !is_mark(c) {
            run.before = Neighbour::of(c);
        }
    }
}

/// What has been read just before.
#[derive(Default)]
struct Run {
    before: Neighbour,
    selectors: usize,
}

/// Whether a joiner beside it has something to join.
#[derive(Default, PartialEq, Eq)]
enum Neighbour {
    /// A letter or an emoji.
    Bearer,
    #[default]
    Other,
}

impl Neighbour {
    fn of(c: char) -> Self {
        let is_letter = c.general_category_group() == GeneralCategoryGroup::Letter && !is_always_invisible(c);
        // ASCII digits have the emoji property, because keycaps begin with them.
        let is_emoji = !c.is_ascii() && c.is_emoji_char();
        if is_letter || is_emoji { Self::Bearer } else { Self::Other }
    }
}

fn begins_with_bearer(text: &str) -> bool {
    text.chars().next().is_some_and(|c| Neighbour::of(c) == Neighbour::Bearer)
}

/// What follows the tags of a regional flag, when the text begins with them.
fn flag_tags(text: &str) -> Option<&str> {
    let is_region = |c: &char| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
    let length = text.chars().take(REGION.end() + 1).take_while(is_region).count();
    let (_, rest) = text.split_at_checked(length * CANCEL_TAG.len_utf8())?;
    rest.strip_prefix(CANCEL_TAG).filter(|_| REGION.contains(&length))
}

/// A character that no text shows and no reader removes: it leaves nothing behind when folded.
pub(super) fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && (is_always_invisible(c)
            || is_variation_selector(c)
            || c == '\u{34F}'
            || c.general_category() == GeneralCategory::Format)
}

fn is_always_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200B}' | '\u{2060}'
            ..='\u{2064}' | '\u{FEFF}' | '\u{180E}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}'
    )
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}
