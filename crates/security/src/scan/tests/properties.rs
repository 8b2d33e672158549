use proptest::prelude::*;

use super::{super::scan, secrets};

/// Pieces that the detectors care about, among anything else.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        ".{0,40}",
        Just("%".to_owned()),
        "(%[0-9a-f]{2}){1,9}",
        "[A-Za-z0-9+/_=-]{1,60}",
        "(sk-|ghp_|AKIA|SK|xoxb-|key=|password: ?|Bearer |eyJ|-----BEGIN PRIVATE KEY-----|ghk_)",
        "[\u{200B}-\u{200F}\u{202A}-\u{202E}\u{FE0F}\u{E0020}-\u{E007F}\u{1F3F4}\u{1F469}]{1,8}",
        "(ignore|all|previous|instructions|the|user| ){1,9}",
        Just(secrets::github_token()),
        Just(secrets::percent(&secrets::github_token())),
        Just(secrets::base64(&secrets::github_token())),
        Just(secrets::spaced(&secrets::github_token())),
    ]
}

proptest! {
    #[test]
    fn any_text_is_judged_and_twice_the_same(text in any::<String>()) {
        prop_assert_eq!(scan(&text), scan(&text));
    }

    #[test]
    fn offsets_lie_on_characters_of_the_text(pieces in prop::collection::vec(piece(), 0..8)) {
        let text = pieces.concat();
        let report = scan(&text);
        prop_assert_eq!(&report, &scan(&text));
        if let Some(secret) = report.refused() {
            prop_assert!(secret.certain);
            prop_assert!(secret.offset < text.len());
            prop_assert!(text.is_char_boundary(secret.offset));
        }
        prop_assert!(report.flags().is_sorted());
        let known: Vec<_> = super::super::patterns().collect();
        prop_assert!(report.patterns().iter().all(|name| known.contains(name)));
    }

    #[test]
    fn a_key_is_found_wherever_it_stands(before in "[^A-Za-z0-9%+/_=-]{0,40}", after in any::<String>()) {
        let text = format!("{before}{}{after}", secrets::github_token());
        let report = scan(&text);
        prop_assert_eq!(report.refused().map(|secret| (secret.kind, secret.offset)), Some(("github_token", before.len())));
    }

    #[test]
    fn prose_is_never_refused(words in prop::collection::vec("[a-zA-Z]?[a-z]{0,12}[,.]?", 0..80)) {
        prop_assert!(scan(&words.join(" ")).refused().is_none());
    }

    #[test]
    fn digests_and_ids_are_never_refused(digest in "[0-9a-f]{32,128}", id in "[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}", image in "[A-Za-z0-9+/]{200,4000}={0,2}") {
        let text = format!("{digest} {id} data:image/png;base64,{image}");
        prop_assert!(scan(&text).refused().is_none());
    }
}
