//! Tests through the mounted server: real sockets, real keys, the real store.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a failing step of a test ends the test"
)]

mod attacks;
mod catalogue;
mod docs;
mod doctor;
mod examples;
mod identity;
mod mcp;
mod memory;
mod metrics;
mod operating;
mod problems;
mod recall;
mod socket_agent;
mod streams;
mod teams;
mod transfer;
