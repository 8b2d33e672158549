//! What the search index needs of memories: filter columns, grants and term blobs.

use std::collections::HashMap;

use types::{
    GranteeId, MemoryId, PrincipalId, TeamId, Timestamp, WorkspaceId,
    memory::{Access, Kind, Trust},
};

use super::{grants, word};
use crate::{
    Everything, Result, Row, Scope, Tx, args,
    row::{json, moment, opt_parsed, parsed},
};

macro_rules! searchable {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.owner, m.access, m.team_id, m.trust, m.kind, m.tags, m.project, m.importance, ",
            "m.created_at, m.updated_at, m.expires_at, m.superseded_by, t.terms FROM memories m ",
            "JOIN memory_terms t ON t.workspace_id = m.workspace_id AND t.memory_id = m.id ",
            $rest
        )
    };
}

const ALL: &str = searchable!("WHERE m.workspace_id = $1 AND m.deleted_at IS NULL");
const ONE: &str = searchable!("WHERE m.workspace_id = $1 AND m.id = $2 AND m.deleted_at IS NULL");
const TERMS: usize = 13;
const KEEP_TERMS: &str = "INSERT INTO memory_terms (workspace_id, memory_id, terms) VALUES ($1, $2, $3) \
     ON CONFLICT (workspace_id, memory_id) DO UPDATE SET terms = excluded.terms";
const FORGET_TERMS: &str = "DELETE FROM memory_terms WHERE workspace_id = $1 AND memory_id = $2";

/// What the search index holds of a memory beside its terms.
#[derive(Debug, Clone)]
pub struct Searchable {
    /// Its id.
    pub id: MemoryId,
    /// Who stored it.
    pub owner: PrincipalId,
    /// Who may read it.
    pub access: Access,
    /// The team that may.
    pub team: Option<TeamId>,
    /// Who else may, and until when.
    pub grants: Vec<(GranteeId, Option<Timestamp>)>,
    /// How far its text is relied on.
    pub trust: Trust,
    /// What sort of thing it is.
    pub kind: Kind,
    /// Its labels.
    pub tags: Vec<String>,
    /// Its project label.
    pub project: Option<String>,
    /// 0 to 1.
    pub importance: f64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// From then on it is gone.
    pub expires_at: Option<Timestamp>,
    /// Another one took its place.
    pub is_superseded: bool,
}

fn read(row: &Row<'_>) -> Result<Searchable> {
    Ok(Searchable {
        id: parsed(row.text_ref(0)?)?,
        owner: parsed(row.text_ref(1)?)?,
        access: word(Access::parse(row.text_ref(2)?))?,
        team: opt_parsed(row.opt_text_ref(3)?)?,
        grants: Vec::new(),
        trust: word(Trust::parse(row.text_ref(4)?))?,
        kind: word(Kind::parse(row.text_ref(5)?))?,
        tags: json(row.text_ref(6)?)?,
        project: row.opt_text(7)?,
        importance: row.real(8)?,
        created_at: Timestamp::from_micros(row.int(9)?),
        updated_at: Timestamp::from_micros(row.int(10)?),
        expires_at: moment(row.opt_int(11)?),
        is_superseded: row.opt_text_ref(12)?.is_some(),
    })
}

/// Whether grants can make the memory visible.
fn heeds_grants(access: Access) -> bool {
    matches!(access, Access::Shared | Access::Team)
}

/// Hands every undeleted memory of a workspace to `visit`, with its term blob; for loading the index.
///
/// # Errors
/// Those of the store and of `visit`.
pub fn all(
    tx: &Tx<'_>,
    reason: Everything,
    workspace: WorkspaceId,
    mut visit: impl FnMut(Searchable, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut granted: HashMap<MemoryId, Vec<(GranteeId, Option<Timestamp>)>> = HashMap::new();
    grants::all(tx, reason, workspace, |id, grant| {
        granted.entry(id).or_default().push((grant.grantee, grant.expires_at));
    })?;
    tx.each(ALL, args![workspace.to_string()], |row| {
        let mut found = read(row)?;
        if heeds_grants(found.access) {
            found.grants = granted.remove(&found.id).unwrap_or_default();
        }
        visit(found, row.bytes_ref(TERMS)?)
    })
}

/// One undeleted memory as the index holds it, with its term blob.
///
/// # Errors
/// Those of the store.
pub fn one(tx: &Tx<'_>, _: Everything, workspace: WorkspaceId, id: MemoryId) -> Result<Option<(Searchable, Vec<u8>)>> {
    let found = tx.row(ONE, args![workspace.to_string(), id.to_string()], |row| {
        Ok::<_, crate::Error>((read(row)?, row.bytes(TERMS)?))
    })?;
    let Some((mut found, terms)) = found else { return Ok(None) };
    if heeds_grants(found.access) {
        found.grants =
            grants::of(tx, workspace, id)?.into_iter().map(|grant| (grant.grantee, grant.expires_at)).collect();
    }
    Ok(Some((found, terms)))
}

/// Keeps the terms of a memory's text.
///
/// # Errors
/// Those of the store.
pub fn keep_terms(tx: &Tx<'_>, scope: &Scope, id: MemoryId, terms: &[u8]) -> Result<()> {
    tx.change(KEEP_TERMS, args![scope.workspace().to_string(), id.to_string(), terms]).map(drop)
}

/// Drops the terms of a memory.
pub(super) fn forget(tx: &Tx<'_>, workspace: &str, id: &str) -> Result<()> {
    tx.change(FORGET_TERMS, args![workspace, id]).map(drop)
}
