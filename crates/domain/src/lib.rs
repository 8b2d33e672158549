//! What the product does: operations, the one gate in front of them, and who may do what.
//!
//! Every call from every face becomes a [`Caller`](access::Caller) and an [`Entry`](operation::Entry) of the
//! [`CATALOGUE`](catalogue::CATALOGUE) and goes through [`Gate::run`](gate::Gate::run). Knows no transport.
//!
//! Start at [`operation`], then `gate.rs`, `call.rs`, and one operation such as `memory/create.rs`.

pub mod access;
pub mod agents;
mod app;
pub mod audit;
pub mod auth;
pub mod backups;
mod call;
mod calls;
pub mod catalogue;
mod cursor;
pub mod error;
pub mod gate;
mod generations;
mod input;
pub mod keys;
mod ledger;
pub mod machine;
pub mod memory;
pub mod metrics;
pub mod operation;
pub mod ops;
mod recall;
pub mod reference;
mod replay;
mod space;
mod tally;
pub mod teams;
pub mod transfer;
pub mod workspaces;

pub use access::unauthenticated;
pub use app::{App, Finish, MemorySettings, Secrets, Settings, Sources};
pub use call::{Call, Change, Meta};
pub use error::{Code, Error, Result};
pub use gate::Gate;
