//! API keys: `ghk_`, 43 base62 digits of 256 random bits, `_`, and 6 base62 digits of the CRC-32 (IEEE 802.3) over
//! everything before that underscore. Kept as SHA-256; a wrong checksum is refused without a look-up.

use zeroize::Zeroize as _;

use crate::{
    Random, Secret,
    digest::{self, Digest},
    random::NoEntropy,
};

const PREFIX: &str = "ghk_";
const BODY: usize = 43;
const CHECK: usize = 6;
const LENGTH: usize = PREFIX.len() + BODY + 1 + CHECK;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of a key that may be shown.
pub const SHOWN: usize = 12;

/// A fresh key: the secret for its first reader, and what is kept.
pub struct NewKey {
    /// The key itself, shown once.
    pub secret: Secret<String>,
    /// What is kept to find it again.
    pub hash: Digest,
    /// Its first [`SHOWN`] characters.
    pub prefix: String,
}

/// Makes a key.
///
/// # Errors
/// [`NoEntropy`] when the generator fails.
pub fn generate(random: &dyn Random) -> Result<NewKey, NoEntropy> {
    let mut bits = [0u8; 32];
    random.fill(&mut bits)?;
    let mut text = String::with_capacity(LENGTH);
    text.push_str(PREFIX);
    text.push_str(&base62(&mut bits, BODY));
    bits.zeroize();
    let check = checksum(text.as_bytes());
    text.push('_');
    text.push_str(&check);
    Ok(NewKey {
        hash: digest::sha256_of(text.as_bytes()),
        prefix: text.chars().take(SHOWN).collect(),
        secret: Secret::new(text),
    })
}

/// The hash to look a presented key up by; none when its shape or checksum is wrong.
#[must_use]
pub fn lookup(presented: &str) -> Option<Digest> {
    if presented.len() != LENGTH || !presented.starts_with(PREFIX) || !presented.is_ascii() {
        return None;
    }
    let (head, check) = presented.rsplit_once('_')?;
    let body = head.strip_prefix(PREFIX)?;
    let sound = body.len() == BODY
        && body.bytes().all(|digit| digit.is_ascii_alphanumeric())
        && digest::equal(checksum(head.as_bytes()).as_bytes(), check.as_bytes());
    sound.then(|| digest::sha256_of(presented.as_bytes()))
}

/// The six digits that end a key, over everything before the last underscore.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    base62(&mut crc32(bytes).to_be_bytes(), CHECK)
}

/// The big-endian number in `bytes` as `length` base62 digits; consumes the bytes.
fn base62(bytes: &mut [u8], length: usize) -> String {
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut rest = 0usize;
        for byte in bytes.iter_mut() {
            let value = rest * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        digits.push(char::from(DIGITS.get(rest).copied().unwrap_or(b'0')));
    }
    digits.iter().rev().collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        // Without a branch on the bits, so that it takes as long for every key.
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_fresh_key_is_found_by_its_hash() {
        let key = generate(&SystemRandom::new()).unwrap();
        assert_eq!(key.secret.reveal().len(), 54);
        assert_eq!(lookup(key.secret.reveal()), Some(key.hash));
        assert!(key.secret.reveal().starts_with(&key.prefix) && key.prefix.len() == SHOWN);
    }

    #[test]
    fn one_changed_character_is_refused_before_any_look_up() {
        let key = generate(&SystemRandom::new()).unwrap();
        let text = key.secret.reveal();
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(lookup(std::str::from_utf8(&changed).unwrap()), None, "place {place}");
        }
        assert_eq!(lookup(""), None);
        assert_eq!(lookup(&"é".repeat(27)), None);
    }

    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    // asvs 11.5.1
    #[test]
    fn ten_thousand_keys_do_not_repeat() {
        let random = SystemRandom::new();
        let keys: std::collections::HashSet<_> = (0..10_000).map(|_| generate(&random).unwrap().hash).collect();
        assert_eq!(keys.len(), 10_000);
    }
}
