//! Signatures that must last: Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204) side by side, and both must verify.
//!
//! One alone would not do: Ed25519 falls to a large quantum computer, ML-DSA is young.

use aws_lc_rs::signature::{
    self, ED25519, Ed25519KeyPair, KeyPair as _, ML_DSA_65, ML_DSA_65_SIGNING, PqdsaKeyPair, UnparsedPublicKey,
};

use crate::{
    Random, Secret,
    digest::{self, Digest},
    random::NoEntropy,
};

/// What is stored beside a signature, and the only value that verifies.
pub const ALGORITHM: &str = "ed25519+ml-dsa-65";
/// Bytes of a seed: 32 for each of the two keys.
pub const SEED: usize = 64;

/// The key pair could not be made of its seed, or did not sign.
#[derive(Debug)]
pub struct Rejected;

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the signing key was rejected")
    }
}

impl std::error::Error for Rejected {}

/// The public halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys {
    /// 32 bytes.
    pub ed25519: Vec<u8>,
    /// 1,952 bytes.
    pub ml_dsa_65: Vec<u8>,
}

/// Both signatures of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// 64 bytes.
    pub ed25519: Vec<u8>,
    /// 3,309 bytes.
    pub ml_dsa_65: Vec<u8>,
}

/// Both private keys.
pub struct SigningKey {
    classic: Ed25519KeyPair,
    lattice: PqdsaKeyPair,
}

/// A seed for [`SigningKey::from_seed`].
///
/// # Errors
/// [`NoEntropy`] when the generator fails.
pub fn seed(random: &dyn Random) -> Result<Secret<[u8; SEED]>, NoEntropy> {
    let mut bytes = [0; SEED];
    random.fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

impl SigningKey {
    /// The key pairs of a seed: 32 bytes for Ed25519, then 32 for ML-DSA-65.
    ///
    /// # Errors
    /// [`Rejected`] when the library does not take them.
    pub fn from_seed(seed: &Secret<[u8; SEED]>) -> Result<Self, Rejected> {
        let (classic, lattice) = seed.reveal().split_at(SEED / 2);
        Ok(Self {
            classic: Ed25519KeyPair::from_seed_unchecked(classic).map_err(|_| Rejected)?,
            lattice: PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, lattice).map_err(|_| Rejected)?,
        })
    }

    /// The public halves.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys {
            ed25519: self.classic.public_key().as_ref().to_vec(),
            ml_dsa_65: self.lattice.public_key().as_ref().to_vec(),
        }
    }

    /// Signs `message` for one purpose, such as `backup manifest`; a signature holds for no other purpose.
    ///
    /// # Errors
    /// [`Rejected`] when the library does not sign.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> Result<Signatures, Rejected> {
        let bound = bound(purpose, message);
        let mut lattice = vec![0; ML_DSA_65_SIGNING.signature_len()];
        let length = self.lattice.sign(&bound, &mut lattice).map_err(|_| Rejected)?;
        lattice.truncate(length);
        let classic = self.classic.try_sign(&bound).map_err(|_| Rejected)?;
        Ok(Signatures { ed25519: classic.as_ref().to_vec(), ml_dsa_65: lattice })
    }
}

impl PublicKeys {
    /// Whether both signatures are by these keys over the message and its purpose.
    #[must_use]
    pub fn verify(&self, purpose: &str, message: &[u8], signatures: &Signatures) -> bool {
        let bound = bound(purpose, message);
        let holds = |algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(&bound, signature).is_ok()
        };
        holds(&ED25519, &self.ed25519, &signatures.ed25519) && holds(&ML_DSA_65, &self.ml_dsa_65, &signatures.ml_dsa_65)
    }

    /// A short name of the two keys together.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        digest::sha256(&[&self.ed25519, &self.ml_dsa_65])
    }
}

fn bound(purpose: &str, message: &[u8]) -> Vec<u8> {
    [b"guildhall ", purpose.as_bytes(), &[0], message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    fn key() -> SigningKey {
        SigningKey::from_seed(&seed(&SystemRandom::new()).unwrap()).unwrap()
    }

    #[test]
    fn a_signature_holds_only_when_both_do() {
        let (key, other) = (key(), key());
        let (made, public) = (key.sign("test", b"message").unwrap(), key.public());
        assert_eq!((made.ed25519.len(), made.ml_dsa_65.len()), (64, 3_309));
        assert!(public.verify("test", b"message", &made));
        assert!(!public.verify("test", b"massage", &made));
        assert!(!public.verify("tests", b"message", &made));
        assert!(!other.public().verify("test", b"message", &made));
        let foreign = other.sign("test", b"message").unwrap();
        for half in [
            Signatures { ed25519: foreign.ed25519.clone(), ..made.clone() },
            Signatures { ml_dsa_65: foreign.ml_dsa_65.clone(), ..made.clone() },
            Signatures { ed25519: Vec::new(), ..made.clone() },
            Signatures { ml_dsa_65: Vec::new(), ..made },
        ] {
            assert!(!public.verify("test", b"message", &half));
        }
    }

    #[test]
    fn one_seed_is_one_key() {
        let seed = seed(&SystemRandom::new()).unwrap();
        let (one, same) = (SigningKey::from_seed(&seed).unwrap(), SigningKey::from_seed(&seed).unwrap());
        assert_eq!(one.public(), same.public());
        assert_ne!(one.public().fingerprint(), key().public().fingerprint());
    }
}
