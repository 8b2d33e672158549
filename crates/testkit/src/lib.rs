//! Dev-only: a mounted server on real sockets, callers with real keys, a clock moved by hand.
//!
//! Start at [`TestApp::start`]; then [`TestApp::rest`], [`TestApp::mcp`] and [`TestApp::as_operator`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing step of a test ends the test"
)]

mod app;
mod client;
mod clock;
mod declared;
mod gate;
mod machine;
mod mcp;
mod soak;

pub use app::{Agent, HeldReads, TestApp};
pub use client::{Answer, Client, Request};
pub use clock::ManualClock;
pub use machine::ManualMachine;
pub use mcp::{Mcp, ToolResult};
pub use soak::Soak;

use std::{future::Future, time::Duration};

/// The SHA-256 of a text, in lower-case hex.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    security::digest::hex(&security::digest::sha256_of(text.as_bytes()))
}

/// Waits until a condition holds; fails the test after ten seconds.
///
/// # Panics
/// When it never holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        pause.tick().await;
    }
}
