//! The stdio shim: `guildhall mcp`, and `guildhall stop`.

mod eras;
mod failures;
mod identity;
mod kit;
mod servers;
