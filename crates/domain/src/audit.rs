//! The audit log as operations see it, and the rows of calls that were refused.

pub(crate) mod denials;
pub mod list;
pub mod verify;
