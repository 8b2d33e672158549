//! Credentials are put together at run time, so that none stands in the repository.

use super::super::{Flag, scan, secrets};
use crate::{SystemRandom, api_key};

/// Words that excused a text in an earlier system.
const EXCUSES: [&str; 5] = ["localhost", "127.0.0.1", "test_key", "example", "EXAMPLE"];

/// Random-looking characters of an alphabet; the same at every run.
fn filler(alphabet: &str, length: usize) -> String {
    let letters = alphabet.as_bytes();
    let mut state = 7usize;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[(state >> 33) % letters.len()])
    };
    (0..length).map(|_| next()).collect()
}

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";

fn base62(length: usize) -> String {
    filler(BASE62, length)
}

pub(super) fn github_token() -> String {
    ["gh", "p_", &base62(36)].concat()
}

/// One key of ours, with another prefix and the checksum that belongs to it.
fn own(prefix: &str) -> String {
    let head = [prefix, &base62(43)].concat();
    [head.as_str(), "_", &api_key::checksum(head.as_bytes())].concat()
}

fn certain() -> Vec<(&'static str, String)> {
    let begin = ["-----BE", "GIN PRIVATE ", "KEY-----"].concat();
    let body = filler(&[BASE62, "+/"].concat(), 64);
    vec![
        ("anthropic_key", ["sk-", "ant-api03-", &filler(&[BASE62, "-_"].concat(), 93), "AA"].concat()),
        ("openai_key", ["s", "k-", &base62(20), "T3Blbk", "FJ", &base62(20)].concat()),
        ("openai_project_key", ["s", "k-proj-", &base62(48)].concat()),
        ("github_token", github_token()),
        ("github_token", ["gh", "o_", &base62(36)].concat()),
        ("github_token", ["gh", "r_", &base62(76)].concat()),
        ("github_app_token", ["gh", "u_", &base62(36)].concat()),
        ("github_app_token", ["gh", "s_", &base62(36)].concat()),
        ("github_fine_grained_token", ["github", "_pat_", &base62(22), "_", &base62(59)].concat()),
        ("gitlab_token", ["gl", "pat-", &base62(20)].concat()),
        ("aws_access_key_id", ["AK", "IA", &filler("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)].concat()),
        ("azure_storage_key", ["Account", "Key=", &base62(86), "=="].concat()),
        ("gcp_service_account", ["\"private", "_key\": \"", &begin, "\\n", &body, "\\n"].concat()),
        ("google_api_key", ["AI", "za", &base62(35)].concat()),
        ("slack_token", ["xo", "xb-", &filler("0123456789", 12), "-", &base62(24)].concat()),
        ("slack_app_token", ["xa", "pp-1-", &base62(11), "-", &filler("0123456789", 13), "-", &base62(40)].concat()),
        (
            "slack_webhook",
            ["https://hooks.sl", "ack.com/services/T", &base62(9), "/B", &base62(9), "/", &base62(24)].concat(),
        ),
        ("stripe_key", ["sk_", "live_", &base62(24)].concat()),
        ("stripe_key", ["rk_", "test_", &base62(24)].concat()),
        ("stripe_webhook_secret", ["wh", "sec_", &base62(32)].concat()),
        ("twilio_key", ["S", "K", &filler(HEX, 32)].concat()),
        ("sendgrid_key", ["S", "G.", &base62(22), ".", &base62(43)].concat()),
        ("npm_token", ["np", "m_", &base62(36)].concat()),
        ("pypi_token", ["py", "pi-AgEIcHlwaS5vcmc", &base62(80)].concat()),
        ("guildhall_key", own("ghk_")),
        ("guildhall_refresh_token", own("ghkr_")),
        ("guildhall_setup_token", own("ghkb_")),
        ("guildhall_reset_token", own("ghkp_")),
        ("guildhall_live_ticket", own("ghkt_")),
        ("private_key", [&begin, "\n", &body, "\n"].concat()),
        ("private_key", ["-----BE", "GIN OPENSSH PRIVATE ", "KEY-----\r\n", &body].concat()),
        ("private_key", ["-----BE", "GIN RSA PRIVATE ", "KEY-----\nProc-Type: 4,ENCRYPTED\n"].concat()),
        ("private_key", [&begin, "\nshort\n-----END PRIVATE KEY-----"].concat()),
    ]
}

fn generic() -> Vec<(&'static str, String)> {
    let aws = filler(&[BASE62, "/+"].concat(), 40);
    vec![
        ("jwt", ["ey", "JhbGciOiJIUzI1NiJ9", ".ey", "JzdWIiOiIxMjM0NTY3ODkwIn0.", &base62(43)].concat()),
        ("url_password", ["postgres://app:", "s3cr3t", "@db.internal/app"].concat()),
        ("basic_credentials", ["Authorization: Basic ", &base64("alice:wonderland")].concat()),
        ("bearer_token", ["Authorization: Bearer ", &base62(32)].concat()),
        ("password_field", ["pass", "word=hunter2"].concat()),
        ("password_field", ["\"pass", "word\": \"swordfish\""].concat()),
        ("password_field", ["Pass", "word: correct-horse-4"].concat()),
        ("aws_secret_access_key", ["aws_secret", "_access_key = ", &aws].concat()),
        ("bare_aws_secret", aws),
        ("named_secret", ["api_", "key: ", &base62(24)].concat()),
        ("generic_value", ["value", "=", &base62(24)].concat()),
    ]
}

pub(super) fn base64(text: &str) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0usize, |bits, at| bits << 8 | group.get(at).copied().map_or(0, usize::from));
        for place in 0..4 {
            out.push(if place <= group.len() { char::from(digits[bits >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    out
}

pub(super) fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(super) fn spaced(text: &str) -> String {
    text.chars().map(|c| format!("{c} ")).collect()
}

#[track_caller]
fn refused(kind: &str, text: &str, offset: usize) {
    let report = scan(text);
    let secret = report.refused().unwrap_or_else(|| panic!("{kind} passes"));
    assert!(report.patterns().contains(&kind), "{kind}: {:?}", report.patterns());
    assert_eq!(report.flags(), [Flag::SecretLike], "{kind}");
    assert!(secret.certain);
    assert_eq!(secret.offset, offset, "{kind}");
}

#[test]
fn provider_keys_are_refused_alone_and_in_a_sentence() {
    for (kind, key) in certain() {
        refused(kind, &key, 0);
        refused(kind, &format!("Ünser key: {key} (do keep)"), 12);
        refused(kind, &format!("KEY='{key}';"), 5);
    }
}

#[test]
fn provider_keys_are_refused_in_base64() {
    for (kind, key) in certain() {
        let standard = base64(&key);
        for encoded in [standard.replace('=', ""), standard.replace('+', "-").replace('/', "_"), standard] {
            refused(kind, &format!("see {encoded}"), 4);
            refused(kind, &format!("see:{}", percent(&encoded)), 4);
            refused(kind, &format!("see:{}", spaced(&encoded)), 4);
        }
        for shift in 1..4 {
            refused(kind, &format!("see {}{}", "A".repeat(shift), base64(&key)), 4);
        }
        refused(kind, &base64(&format!("the key is {key}")), 0);
    }
}

#[test]
fn provider_keys_are_refused_percent_encoded() {
    for (kind, key) in certain() {
        refused(kind, &format!("100 % of {}", percent(&key)), 9);
        refused(kind, &format!("q={}", key.replace('-', "%2D").replace('_', "%5f").replace('=', "%3d")), 2);
    }
}

#[test]
fn provider_keys_are_refused_split_by_spaces() {
    for (kind, key) in certain() {
        refused(kind, &spaced(&key), 0);
        for size in [2, 3, 4, 5, 8, 16] {
            let letters: Vec<_> = key.chars().collect();
            for gap in [" ", "\n", "\u{200B}", "\u{3000}"] {
                let split = letters.chunks(size).map(String::from_iter).collect::<Vec<_>>().join(gap);
                let report = scan(&format!("key: {split}"));
                assert!(report.refused().is_some(), "{kind} in pieces of {size}");
            }
        }
        let (left, right) = key.split_at(key.len() / 2);
        refused(kind, &format!("key {left} {right} ok"), 4);
    }
}

#[test]
fn full_width_letters_hide_no_key() {
    let wide = github_token().bytes().map(|byte| char::from_u32(0xFEE0 + u32::from(byte)).unwrap()).collect::<String>();
    assert_eq!(scan(&wide).refused().map(|secret| secret.offset), Some(0));
}

#[test]
fn allow_word_does_not_pass_a_secret() {
    for (kind, key) in certain() {
        for word in EXCUSES {
            for text in [format!("{key} {word}"), format!("{key} # {word}"), format!("{key}{word}")] {
                refused(kind, &text, 0);
            }
            assert!(scan(&format!("{word}={key}")).refused().is_some(), "{kind} after {word}");
            assert!(
                scan(&format!("{word} {}", base64(&format!("{key} {word}")))).refused().is_some(),
                "{kind}, {word}"
            );
            assert!(scan(&format!("{} {word}", spaced(&key))).refused().is_some(), "{kind} in letters, {word}");
        }
    }
    for (kind, text) in generic() {
        for word in EXCUSES {
            assert!(scan(&format!("{text} {word}")).flags().contains(&Flag::SecretLike), "{kind}, {word}");
        }
    }
}

#[test]
fn generic_credentials_raise_the_flag_and_are_not_refused() {
    for (kind, text) in generic() {
        for text in [text.clone(), format!("so: {text}\n"), percent(&text), base64(&text)] {
            let report = scan(&text);
            assert_eq!(report.flags(), [Flag::SecretLike], "{kind}");
            assert!(report.patterns().contains(&kind), "{kind}: {:?}", report.patterns());
            assert_eq!(report.refused(), None, "{kind}");
        }
    }
}

#[test]
fn every_kind_of_credential_has_a_sample() {
    let shown: std::collections::BTreeSet<_> = certain().into_iter().chain(generic()).map(|(kind, _)| kind).collect();
    assert_eq!(shown, secrets::names().collect());
}

#[test]
fn our_keys_are_known_by_their_checksum() {
    let fresh = api_key::generate(&SystemRandom::new()).unwrap();
    refused("guildhall_key", fresh.secret.reveal(), 0);
    let key = own("ghk_");
    let last = if key.ends_with('0') { "1" } else { "0" };
    assert_eq!(scan(&format!("{}{last}", key.split_at(key.len() - 1).0)).refused(), None);
}

#[test]
fn the_first_credential_of_the_text_is_named() {
    let (slack, npm) = (["xo", "xb-", &base62(24)].concat(), ["np", "m_", &base62(36)].concat());
    let report = scan(&format!("a {npm} b {slack}"));
    assert_eq!(report.refused().map(|secret| (secret.kind, secret.offset)), Some(("npm_token", 2)));
    let report = scan(&format!("a {} b {npm}", base64(&slack)));
    assert_eq!(report.refused().map(|secret| (secret.kind, secret.offset)), Some(("slack_token", 2)));
}

#[test]
fn a_key_within_a_blob_is_chance() {
    let blob = filler(&[BASE62, "-_"].concat(), 400);
    assert_eq!(scan(&[&blob, "_", &github_token()].concat()).refused(), None);
    assert!(scan(&["my_", &github_token()].concat()).refused().is_some());
}
