//! SHA-256 (FIPS 180-4) of things that are looked up or compared, and equality in constant time.

use aws_lc_rs::{constant_time, digest};

/// A SHA-256 value.
pub type Digest = [u8; 32];

/// The SHA-256 of the parts, each preceded by its length so that no two lists of parts collide.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    to_array(context.finish().as_ref())
}

/// The plain SHA-256 of some bytes.
#[must_use]
pub fn sha256_of(bytes: &[u8]) -> Digest {
    to_array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// A plain SHA-256 of bytes that come in pieces.
pub struct Pieces(digest::Context);

impl Pieces {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// With these bytes after those before.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    #[must_use]
    pub fn finish(self) -> Digest {
        to_array(self.0.finish().as_ref())
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self::new()
    }
}

/// Equality that takes the same time wherever the first difference is.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

pub(crate) fn to_array(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_digest_is_the_standards() {
        assert_eq!(hex(&sha256_of(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn pieces_are_one_text() {
        let mut pieces = Pieces::new();
        pieces.add(b"a");
        pieces.add(b"bc");
        assert_eq!(pieces.finish(), sha256_of(b"abc"));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(sha256(&[b"ab", b"c"]), sha256(&[b"a", b"bc"]));
        assert!(equal(b"same", b"same") && !equal(b"same", b"other"));
    }
}
