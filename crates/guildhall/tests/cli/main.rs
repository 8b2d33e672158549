//! The built binary, used as an operator uses it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod binary;
mod commands;
mod first_run;
mod refusals;
mod serving;
mod transfer;
