//! A walk over every undeleted row of a workspace, whoever may read it, along an index: owner by owner, and of each in the
//! order in which its rows were stored.

use std::fmt;

use types::memory::Memory;

use super::read;
use crate::{Result, Scope, Tx, args};

const AFTER: &str = selected!(
    "WHERE workspace_id = $1 AND deleted_at IS NULL AND (owner, created_at, id) > ($2, $3, $4) \
     ORDER BY owner, created_at, id LIMIT $5"
);

/// A place in the walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    owner: String,
    created_at: i64,
    id: String,
}

impl Place {
    /// Where a row stands.
    #[must_use]
    pub fn of(memory: &Memory) -> Self {
        Self { owner: memory.owner.to_string(), created_at: memory.created_at.micros(), id: memory.id.to_string() }
    }

    /// The place that was printed so; none when the text is no place.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (owner, created_at, id) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { owner: owner.to_owned(), created_at: created_at.parse().ok()?, id: id.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.owner, self.created_at, self.id)
    }
}

/// At most `limit` rows after a place.
///
/// # Errors
/// Those of the store.
pub fn after(tx: &Tx<'_>, scope: &Scope, place: &Place, limit: i64) -> Result<Vec<Memory>> {
    let args = args![scope.workspace().to_string(), place.owner.as_str(), place.created_at, place.id.as_str(), limit];
    tx.rows(AFTER, args, read)
}
