//! Short authentication tags for values that a client carries for us, such as cursors (HMAC-SHA-256, cut to 128 bits).

use aws_lc_rs::{hkdf, hmac};

use crate::digest;

/// Length of a tag in bytes.
pub const LENGTH: usize = 16;

/// A key for tags, derived from the installation's sealing key by HKDF-SHA-256 (RFC 5869).
pub struct TagKey(hmac::Key);

struct Bytes32;

impl hkdf::KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

impl TagKey {
    /// Derives the key for one purpose.
    ///
    /// # Errors
    /// When the derivation fails, which it does not for these lengths.
    pub fn derive(sealing: &[u8; 32], purpose: &'static str) -> Result<Self, crate::random::NoEntropy> {
        let mut key = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"guildhall tag")
            .extract(sealing)
            .expand(&[purpose.as_bytes()], Bytes32)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| crate::random::NoEntropy)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The tag over the parts.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; LENGTH] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut out = [0; LENGTH];
        for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        out
    }

    /// Whether the tag is the one over the parts; constant time.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        digest::equal(&self.tag(parts), tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_for_its_parts_and_purpose_only() {
        let (one, two) = (TagKey::derive(&[7; 32], "cursor").unwrap(), TagKey::derive(&[7; 32], "other").unwrap());
        let tag = one.tag(&[b"a", b"b"]);
        assert!(one.verifies(&[b"a", b"b"], &tag));
        assert!(!one.verifies(&[b"ab"], &tag) && !two.verifies(&[b"a", b"b"], &tag));
        assert!(!one.verifies(&[b"a", b"b"], &tag[..15]));
    }
}
