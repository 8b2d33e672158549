//! Randomness comes in as an argument; this is where it comes from.

use aws_lc_rs::rand::{SecureRandom, SystemRandom as Generator};

/// The generator failed; nothing may be made without it.
#[derive(Debug)]
pub struct NoEntropy;

impl std::fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the operating system's random generator failed")
    }
}

impl std::error::Error for NoEntropy {}

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source cannot.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system's generator, seeded and reseeded by aws-lc.
#[derive(Debug)]
pub struct SystemRandom(Generator);

impl SystemRandom {
    /// Opens the generator.
    #[must_use]
    pub fn new() -> Self {
        Self(Generator::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(buffer).map_err(|_| NoEntropy)
    }
}

/// 128 random bits, for ids.
///
/// # Errors
/// [`NoEntropy`] when the source cannot.
pub fn bits(random: &dyn Random) -> Result<u128, NoEntropy> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(u128::from_le_bytes(bytes))
}
