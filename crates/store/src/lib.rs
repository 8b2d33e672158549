//! The seam to the database: [`Store`] takes closures, [`Tx`] runs SQL inside them, one file per noun holds the statements.
//!
//! A closure is one transaction, runs on a database thread and must be short: no hashing, no network, no waiting inside.
//! An answer to a write leaves only after the commit that holds it is on the disk.
//!
//! This crate must never know a rule of the product, a permission, a cipher or a transport.
//!
//! Start at [`Store`] and [`Tx`]; then `engine/sqlite/writer.rs` (group commit) and `migrate.rs`. The promises of the
//! engine are the tests in `conformance/`, compiled only into `tests/<engine>.rs`.

pub mod agents;
pub mod audit;
pub mod doctor;
mod engine;
mod error;
pub mod jobs;
pub mod keys;
mod lock;
pub mod memories;
mod migrate;
mod offline;
pub mod origins;
pub mod outbox;
pub mod replays;
mod row;
mod scope;
pub mod teams;
mod tx;
mod value;
pub mod workspaces;

pub use engine::{Inspection, Observer, Options, Sizes, Snapshot, Statistics, Store};
pub use error::{Cause, Error, Result};
pub use migrate::Migration;
pub use offline::{Offline, Report, verify};
pub use scope::{Everything, Scope};
pub use tx::{Announcement, Row, Tx, Verdict};
pub use value::Value;

/// Every migration this binary knows, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "spine", sql: include_str!("../migrations/0001_spine.sql") },
    Migration { number: 2, name: "memory", sql: include_str!("../migrations/0002_memory.sql") },
    Migration { number: 3, name: "tags", sql: include_str!("../migrations/0003_tags.sql") },
];
