//! The forms of credentials that are certain: each begins as nothing else does.
//!
//! A form ends with the least number of characters that makes it whole, so that what follows it changes nothing.

/// Where a form may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Anywhere but deep inside a run of digits and letters, such as an image in base64.
    Anywhere,
    /// Not within a word: the prefix is also the end of words (`task-`).
    Word,
}

/// What a match must also fulfil.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: its punctuation is proof enough.
    Form,
    /// One part at least that is not a word, as `glpat-your-access-token-here` is made of words.
    Random,
    /// The checksum of our own keys.
    Checksum,
    /// What must follow the first line of a private key.
    KeyBlock,
}

/// One kind of credential.
pub(super) struct Form {
    /// Its name.
    pub(super) kind: &'static str,
    /// The expression, over bytes.
    pub(super) pattern: &'static str,
    pub(super) left: Left,
    pub(super) proof: Proof,
}

const fn form(kind: &'static str, left: Left, proof: Proof, pattern: &'static str) -> Form {
    Form { kind, pattern, left, proof }
}

use Left::{Anywhere, Word};
use Proof::{Checksum, KeyBlock, Random};

pub(super) const CERTAIN: &[Form] = &[
    form("anthropic_key", Anywhere, Random, r"sk-ant-[A-Za-z0-9_-]{20}"),
    form("openai_key", Word, Random, r"sk-[A-Za-z0-9]{20}"),
    form("openai_project_key", Word, Random, r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20}"),
    form("github_token", Anywhere, Random, r"gh[por]_[A-Za-z0-9]{36}"),
    form("github_app_token", Anywhere, Random, r"gh[us]_(?:[A-Za-z0-9]{36}|[0-9]{1,12}_eyJ[A-Za-z0-9_-]{20})"),
    form("github_fine_grained_token", Anywhere, Random, r"github_pat_[A-Za-z0-9_]{36}"),
    form("gitlab_token", Anywhere, Random, r"gl(?:pat|dt|rt|rtr|ptt|ft|soat|imt|cbt|agent|oas|ffct)-[A-Za-z0-9_-]{20}"),
    form("aws_access_key_id", Word, Random, r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"),
    form("azure_storage_key", Anywhere, Proof::Form, r"(?i:AccountKey) ?= ?[A-Za-z0-9+/]{86}=="),
    form(
        "gcp_service_account",
        Anywhere,
        KeyBlock,
        r#"(?:\\?")?private_key\\?"\s{0,4}:\s{0,4}\\?"-----BEGIN ?(?:RSA ?)?PRIVATE ?KEY-----"#,
    ),
    form("google_api_key", Anywhere, Random, r"AIza[A-Za-z0-9_-]{35}"),
    form("slack_token", Anywhere, Random, r"xox[abceoprs]-[A-Za-z0-9-]{20}"),
    form("slack_app_token", Anywhere, Random, r"xapp-[0-9]-[A-Za-z0-9-]{20}"),
    form(
        "slack_webhook",
        Anywhere,
        Proof::Form,
        r"(?i:(?:https://)?hooks\.slack\.com)/(?:services|workflows|triggers)/[TE][A-Za-z0-9]{5,14}/[A-Za-z0-9]{5,20}/[A-Za-z0-9/]{20}",
    ),
    form("stripe_key", Anywhere, Random, r"[rs]k_(?:live|test)_[A-Za-z0-9]{16}"),
    form("stripe_webhook_secret", Anywhere, Random, r"whsec_[A-Za-z0-9+/]{24}"),
    form("twilio_key", Word, Random, r"SK[0-9a-fA-F]{32}"),
    form("sendgrid_key", Anywhere, Proof::Form, r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32}"),
    form("npm_token", Anywhere, Random, r"npm_[A-Za-z0-9]{36}"),
    form("pypi_token", Anywhere, Random, r"pypi-AgE[A-Za-z0-9_-]{30}"),
    form("guildhall_key", Anywhere, Checksum, r"ghk_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"),
    form("guildhall_refresh_token", Anywhere, Checksum, r"ghkr_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"),
    form("guildhall_setup_token", Anywhere, Checksum, r"ghkb_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"),
    form("guildhall_reset_token", Anywhere, Checksum, r"ghkp_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"),
    form("guildhall_live_ticket", Anywhere, Checksum, r"ghkt_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"),
    form(
        "private_key",
        Anywhere,
        KeyBlock,
        r"-{4,5} ?BEGIN ?(?:[A-Z0-9]{1,12} ?){0,4}PRIVATE ?KEY ?(?:BLOCK)? ?-{4,5}",
    ),
];
