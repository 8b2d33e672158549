//! Finding what looks like a credential: it raises a flag and refuses nothing.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexSet};

use super::{
    super::{Report, Secret, compile},
    view::{self, View},
};

/// The names of the kinds.
pub(super) const KINDS: &[&str] = &[
    "jwt",
    "url_password",
    "basic_credentials",
    "bearer_token",
    "password_field",
    "aws_secret_access_key",
    "named_secret",
    "generic_value",
    "bare_aws_secret",
];

/// Where a value begins to look like one: the name before it. What follows is judged by the function.
struct Lead {
    kind: &'static str,
    pattern: &'static str,
    judge: fn(&Found<'_>) -> bool,
}

/// The text around a lead.
struct Found<'a> {
    lead: &'a [u8],
    after: &'a [u8],
    before: Option<u8>,
}

const LONGEST_VALUE: usize = 256;
const LEAST_VALUE: usize = 20;
const LEAST_BITS: f64 = 3.5;
const LEAST_PASSWORD: usize = 4;
const LEAST_BEARER: usize = 16;
const LEAST_BASIC: usize = 8;
const AWS_SECRET: usize = 40;
/// Random characters of 64 have 4.8 bits at this length, identifiers and paths fewer than this.
const LEAST_AWS_BITS: f64 = 4.3;

const LEADS: &[Lead] = &[
    Lead {
        kind: "jwt",
        pattern: r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8}",
        judge: |found| !found.is_within_word(),
    },
    Lead {
        kind: "url_password",
        pattern: r"(?i)[a-z][a-z0-9+.-]{1,20}://[^\s/:@?#]{0,100}:[^\s/@]{1,200}@",
        judge: |_| true,
    },
    Lead { kind: "basic_credentials", pattern: r"(?i)basic ", judge: |found| found.is_basic() },
    Lead { kind: "bearer_token", pattern: r"(?i)bearer ", judge: |found| found.is_bearer() },
    Lead {
        kind: "password_field",
        pattern: r#"(?i)(?:password|passwd|passphrase|passwort|pwd)[a-z0-9_-]{0,20}\\?["']?\s{0,4}(?::=|=>|[:=])\s{0,4}\\?["'`]?"#,
        judge: |found| found.is_password(),
    },
    Lead {
        kind: "aws_secret_access_key",
        pattern: r#"(?i)(?:aws_?secret|secret_?access_?key|aws_secret_key|aws_sec)[a-z0-9_-]{0,20}\\?["']?\s{0,4}(?::=|=>|[:=])\s{0,4}\\?["'`]?"#,
        judge: |found| found.is_aws_secret(),
    },
    Lead {
        kind: "named_secret",
        pattern: r#"(?i)(?:key|token|secret|passw|pwd|credential|auth|cookie|session|signature|private)[a-z0-9_.-]{0,30}\\?["']?\s{0,4}(?::=|=>|[:=])\s{0,4}\\?["'`]?"#,
        judge: |found| found.is_named_secret(),
    },
    Lead { kind: "generic_value", pattern: r#"[A-Za-z0-9_.-]=["']?"#, judge: |found| found.is_generic_value() },
];

static SET: LazyLock<RegexSet> = LazyLock::new(|| compile::set(LEADS.iter().map(|lead| lead.pattern)));
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| LEADS.iter().map(|lead| compile::pattern(lead.pattern)).collect());

pub(super) fn search(view: &View<'_>, report: &mut Report) {
    for index in SET.matches(&view.bytes) {
        if let (Some(lead), Some(pattern)) = (LEADS.get(index), EACH.get(index)) {
            let found = pattern.find_iter(&view.bytes).find(|found| {
                (lead.judge)(&Found {
                    lead: found.as_bytes(),
                    after: view.bytes.get(found.end()..).unwrap_or_default(),
                    before: found.start().checked_sub(1).and_then(|place| view.bytes.get(place)).copied(),
                })
            });
            if let Some(found) = found {
                report.secret(Secret { kind: lead.kind, offset: view.origin(found.start()), certain: false });
            }
        }
    }
    let mut start = 0;
    for run in view.bytes.split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+'))) {
        if is_aws_secret(run) && is_random(run) {
            report.secret(Secret { kind: "bare_aws_secret", offset: view.origin(start), certain: false });
            break;
        }
        start += run.len() + 1;
    }
}

impl Found<'_> {
    fn is_within_word(&self) -> bool {
        self.before.is_some_and(|byte| byte.is_ascii_alphanumeric())
    }

    /// The bytes after the lead that are of a class.
    fn value(&self, is_part: impl Fn(u8) -> bool) -> &[u8] {
        let length = self.after.iter().take(LONGEST_VALUE).take_while(|byte| is_part(**byte)).count();
        self.after.get(..length).unwrap_or_default()
    }

    /// Base64 of a user's name, a colon and a password (RFC 7617); prose after the word decodes to something else.
    fn is_basic(&self) -> bool {
        let digits = self.value(|byte| view::sextet(byte).is_some());
        let mut plain = Vec::new();
        view::decode(digits, &mut plain);
        digits.len() >= LEAST_BASIC
            && !self.is_within_word()
            && plain.contains(&b':')
            && std::str::from_utf8(&plain).is_ok_and(|text| !text.chars().any(char::is_control))
    }

    fn is_bearer(&self) -> bool {
        let value = self.value(|byte| byte.is_ascii_alphanumeric() || b"._~+/-=".contains(&byte));
        value.len() >= LEAST_BEARER && value.iter().any(u8::is_ascii_digit) && !self.is_within_word()
    }

    /// A quoted value, or one right after `=`; elsewhere one with a digit, as `password: required` is prose.
    fn is_password(&self) -> bool {
        let value = self.value(|byte| !byte.is_ascii_whitespace() && !b"\"'`,;&|<>(){}[]\\".contains(&byte));
        let is_reference = value.starts_with(b"$") || value.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x'));
        let is_quoted = self.lead.last().is_some_and(|byte| b"\"'`".contains(byte));
        let is_adjacent = self.lead.ends_with(b"=");
        let is_call = self.after.get(value.len()).is_some_and(|next| matches!(next, b'(' | b'['));
        let is_plain = !value.contains(&b'.');
        let has_digit = value.iter().any(u8::is_ascii_digit);
        value.len() >= LEAST_PASSWORD
            && !is_reference
            && (is_quoted || (!is_call && (has_digit || (is_adjacent && is_plain))))
    }

    fn is_aws_secret(&self) -> bool {
        is_aws_secret(self.value(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+')))
    }

    fn is_named_secret(&self) -> bool {
        let value = self.value(|byte| byte.is_ascii_alphanumeric() || b"+/_.~-".contains(&byte));
        let is_mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
        value.len() >= LEAST_VALUE && is_mixed && bits_per_byte(value) >= LEAST_BITS && !is_identifier(value)
    }

    /// A value of any name: digits and letters of both cases, so that no hash, no UUID and no path is meant.
    fn is_generic_value(&self) -> bool {
        let value = self.value(|byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte));
        value.len() >= LEAST_VALUE && is_random(value) && bits_per_byte(value) >= LEAST_BITS && !is_identifier(value)
    }
}

fn is_aws_secret(value: &[u8]) -> bool {
    value.len() == AWS_SECRET && bits_per_byte(value) >= LEAST_AWS_BITS
}

/// Digits, small letters and capitals.
fn is_random(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
}

/// An id of ours, a UUID or a digest with its name: known to be no secret by its form.
fn is_identifier(value: &[u8]) -> bool {
    let is_id = matches!(value, [a, b, c, b'_', rest @ ..]
        if [a, b, c].into_iter().all(u8::is_ascii_lowercase) && rest.len() == 26
            && rest.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
    let is_uuid = value.len() == 36 && value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let is_digest = [b"sha256-".as_slice(), b"sha384-", b"sha512-"].into_iter().any(|name| value.starts_with(name));
    is_id || is_uuid || is_digest
}

/// Shannon's entropy of the bytes.
fn bits_per_byte(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts.into_iter().filter(|count| *count > 0).map(|count| f64::from(count) / length).map(|p| -p * p.log2()).sum()
}
