//! Ids, records, pages, time and the judging of raw JSON: the words every other crate speaks.
//!
//! Knows no database, no transport, no policy. Start at [`id`] and [`memory`].

pub mod agent;
pub mod audit;
pub mod histogram;
pub mod id;
pub mod json;
pub mod key;
pub mod memory;
pub mod page;
pub mod team;
pub mod time;
pub mod workspace;

pub use id::{AgentId, BackupId, GranteeId, JobId, KeyId, MemoryId, PrincipalId, TeamId, UserId, WorkspaceId};
pub use page::Page;
pub use time::{Clock, SystemClock, Timestamp};
