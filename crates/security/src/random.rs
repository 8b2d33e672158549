//! Randomness comes in as an argument; this is where it comes from.

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

/// The operating system's generator. It is asked directly, because the one of aws-lc first gathers entropy of its own for some
/// 50 ms, for which the first write after every start would wait.
#[derive(Debug, Default)]
pub struct SystemRandom;

impl SystemRandom {
    /// The generator.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
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
