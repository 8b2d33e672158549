use super::super::{Flag, scan};

fn check(flag: Flag, flagged: &[&str], free: &[&str]) {
    for text in flagged {
        assert_eq!(scan(text).flags(), [flag], "{}", text.escape_unicode());
    }
    for text in free {
        assert_eq!(scan(text).flags(), [], "{}", text.escape_unicode());
    }
}

#[test]
fn characters_that_show_nothing_are_flagged() {
    let always = [0x200B, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xFEFF, 0x180E, 0x115F, 0x1160, 0x3164, 0xFFA0];
    for code in always {
        let c = char::from_u32(code).unwrap();
        for text in [format!("{c}"), format!("a{c}b"), format!("{c}!"), format!("👩{c}👩")] {
            assert_eq!(scan(&text).flags(), [Flag::InvisibleUnicode], "U+{code:04X}");
        }
    }
    check(Flag::InvisibleUnicode, &[], &["\u{200A}", "\u{2028}", "a\u{AD}b", "\u{3163}", "\u{FF9F}", "\u{1161}"]);
}

#[test]
fn joiners_are_flagged_with_nothing_to_join() {
    check(
        Flag::InvisibleUnicode,
        &[
            "\u{200C}",
            "\u{200D}",
            "1\u{200D}2",
            "a \u{200C} b",
            "a\u{200D}\u{200D}\u{200D}b",
            "-\u{200C}!",
            "#\u{200D}#",
        ],
        &[
            "می\u{200C}خواهم",
            "क\u{94D}\u{200D}ष",
            "ක\u{DCA}\u{200D} ",
            "👩\u{200D}👩\u{200D}👧\u{200D}👦",
            "🏳\u{FE0F}\u{200D}🌈",
            "❤\u{FE0F}\u{200D}🔥",
            "👩🏽\u{200D}🚀",
            "a\u{200D}b",
            "a\u{200C}",
            "\u{200D}a",
        ],
    );
}

#[test]
fn variation_selectors_are_flagged_in_rows() {
    check(
        Flag::InvisibleUnicode,
        &["a\u{FE00}\u{FE0F}", "\u{FE0F}\u{FE0F}", "😀\u{E0100}\u{E01EF}", "😀\u{FE0F}\u{E0101}b"],
        &["❤\u{FE0F}", "葛\u{E0100}", "❤\u{FE0F}a\u{FE0F}", "☎\u{FE0E}☎\u{FE0E}"],
    );
}

#[test]
fn bidirectional_controls_are_flagged() {
    for code in (0x202A..=0x202E).chain(0x2066..=0x2069) {
        let text = format!("a{}b", char::from_u32(code).unwrap());
        assert_eq!(scan(&text).flags(), [Flag::BidiControl], "U+{code:04X}");
    }
    check(Flag::BidiControl, &[], &["שלום", "a\u{200E}b", "a\u{200F}b", "\u{2065}", "\u{2029}"]);
}

fn flag_of(region: &str) -> String {
    let tags = region.chars().map(|c| char::from_u32(0xE0000 + u32::from(c)).unwrap());
    ['\u{1F3F4}'].into_iter().chain(tags).chain(['\u{E007F}']).collect()
}

#[test]
fn tag_characters_are_flagged_outside_the_flags_of_regions() {
    for code in [0xE0000, 0xE0001, 0xE0020, 0xE0041, 0xE007E, 0xE007F] {
        let text = format!("a{}", char::from_u32(code).unwrap());
        assert_eq!(scan(&text).flags(), [Flag::TagCharacters], "U+{code:04X}");
    }
    for region in ["gbeng", "gbsct", "gbwls", "ustx"] {
        assert_eq!(scan(&format!("from {} with love", flag_of(region))).flags(), [], "{region}");
    }
    let unfinished = flag_of("gbeng").trim_end_matches('\u{E007F}').to_owned();
    for text in [flag_of("gbengland"), flag_of(""), flag_of("GBENG"), unfinished, flag_of("gbeng") + "\u{E0041}"] {
        assert_eq!(scan(&text).flags(), [Flag::TagCharacters], "{}", text.escape_unicode());
    }
}
