//! The built binary, used as an operator uses it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod backup;
mod binary;
mod commands;
mod doctor;
mod first_run;
mod guides;
mod manual;
mod mcp;
mod memory;
mod operating;
mod refusals;
mod restore;
mod serving;
mod setup;
mod transfer;
