//! The only crate that names a cipher, a hash or a token format. Everything rests on aws-lc-rs.
//!
//! Knows no database, no transport, no policy: it takes bytes and gives bytes. Start at [`api_key`], [`chain`]
//! and [`scan`].

pub mod api_key;
pub mod chain;
pub mod digest;
pub mod random;
pub mod scan;
pub mod secret;
pub mod tag;

pub use random::{Random, SystemRandom};
pub use secret::Secret;
