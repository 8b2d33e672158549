//! What `cargo xtask soak` asks of the property tests.

/// A longer run than CI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soak {
    /// How many cases.
    pub cases: u32,
    /// Which ones: the same seed gives the same cases.
    pub seed: u64,
}

impl Soak {
    /// What was asked for; none in CI. Read from `GUILDHALL_SOAK`, as `CASES:SEED`.
    ///
    /// # Panics
    /// When it is set to something else.
    #[must_use]
    pub fn wanted() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "`cargo xtask soak` has no other way to tell a test how long to run"
        )]
        let text = std::env::var("GUILDHALL_SOAK").ok()?;
        let numbers = text.split_once(':').and_then(|(cases, seed)| Some((cases.parse().ok()?, seed.parse().ok()?)));
        let (cases, seed) = numbers.unwrap_or_else(|| panic!("GUILDHALL_SOAK is {text:?}, not CASES:SEED"));
        Some(Self { cases, seed })
    }
}
