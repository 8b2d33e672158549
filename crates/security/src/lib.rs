//! The only crate that names a cipher, a hash or a token format. Everything rests on aws-lc-rs, but for
//! the sealing of backups, which is `age`'s.
//!
//! Knows no database, no transport, no policy: it takes bytes and gives bytes. Start at [`api_key`], [`chain`] and [`scan`];
//! backups are sealed by [`seal`] and signed by [`sign`].

pub mod api_key;
pub mod chain;
pub mod digest;
pub mod random;
pub mod scan;
pub mod seal;
pub mod secret;
pub mod sign;
pub mod tag;

pub use random::{Random, SystemRandom};
pub use secret::Secret;
