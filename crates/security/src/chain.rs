//! The audit chain: each row's MAC covers the MAC before it, so a row cannot be changed, removed or moved unseen.
//!
//! `mac = HMAC-SHA-256(audit key, prev ‖ fields)`, each field as a presence byte, an 8-byte length and its bytes.
//! Whoever holds only the database cannot rebuild it.

use aws_lc_rs::hmac;

use crate::digest::{self, Digest};

/// What stands before the first row.
pub const ORIGIN: Digest = [0; 32];

/// The key of the audit chain.
pub struct AuditKey(hmac::Key);

impl AuditKey {
    /// From the 32 bytes of the key file.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The MAC of a row that follows `prev`.
    #[must_use]
    pub fn mac(&self, prev: &Digest, fields: &[Option<&[u8]>]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(prev);
        for field in fields {
            match field {
                None => context.update(&[0]),
                Some(bytes) => {
                    context.update(&[1]);
                    context.update(&(bytes.len() as u64).to_le_bytes());
                    context.update(bytes);
                }
            }
        }
        digest::to_array(context.sign().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_its_place_and_the_past_change_the_mac() {
        let key = AuditKey::new(&[1; 32]);
        let mac = key.mac(&ORIGIN, &[Some(b"a"), None, Some(b"")]);
        assert_eq!(mac, key.mac(&ORIGIN, &[Some(b"a"), None, Some(b"")]));
        assert_ne!(mac, key.mac(&ORIGIN, &[Some(b"a"), Some(b""), None]));
        assert_ne!(mac, key.mac(&mac, &[Some(b"a"), None, Some(b"")]));
        assert_ne!(mac, AuditKey::new(&[2; 32]).mac(&ORIGIN, &[Some(b"a"), None, Some(b"")]));
    }
}
