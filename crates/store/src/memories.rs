//! Memories. Who sees one is decided by [`may`], one row at a time; `memories/list.rs` and `domain::recall` hold the same
//! predicate over many rows, and a property test compares the three.

use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Access, Change, Kind, Layer, Memory, Right, Trust},
};

use crate::{
    Error, Everything, Result, Row, Scope, Tx, Value, args,
    row::{json, moment, opt_json, opt_parsed, parsed, to_json},
    teams,
};

// Here and in the modules below, which inherit these names.
macro_rules! columns {
    () => {
        concat!(
            "id, owner, key, kind, content, value, summary, tags, importance, access, team_id, trust, flags, ",
            "flags_version, superseded_by, supersedes, project, layer, expires_at, metadata, provenance, access_count, ",
            "accessed_at, relevance, version, created_at, updated_at, deleted_at"
        )
    };
}
macro_rules! selected {
    ($rest:expr) => {
        concat!("SELECT ", columns!(), " FROM memories ", $rest)
    };
}

pub mod counts;
pub mod gone;
pub mod grants;
pub mod list;
pub mod review;
pub mod searchable;
mod tags;
pub mod undo;
pub mod versions;
pub mod walk;

const INSERT: &str = "INSERT INTO memories (key, kind, content, value, summary, tags, importance, access, team_id, trust, \
     flags, flags_version, superseded_by, supersedes, project, layer, expires_at, metadata, provenance, version, \
     updated_at, deleted_at, size_bytes, changed_by, change, id, workspace_id, owner, access_count, accessed_at, \
     relevance, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
     $24, $25, $26, $27, $28, $29, $30, $31, $32)";
const UPDATE: &str = "UPDATE memories SET key = $1, kind = $2, content = $3, value = $4, summary = $5, tags = $6, \
     importance = $7, access = $8, team_id = $9, trust = $10, flags = $11, flags_version = $12, superseded_by = $13, \
     supersedes = $14, project = $15, layer = $16, expires_at = $17, metadata = $18, provenance = $19, version = $20, \
     updated_at = $21, deleted_at = $22, size_bytes = $23, changed_by = $24, change = $25 \
     WHERE id = $26 AND workspace_id = $27";
const LIVE: &str =
    selected!("WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)");
const BY_KEY: &str = selected!(
    "WHERE workspace_id = $1 AND owner = $2 AND key = $3 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $4)"
);
const DELETED: &str = selected!("WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NOT NULL");
const HOLDER: &str = "SELECT id FROM memories WHERE workspace_id = $1 AND owner = $2 AND key = $3 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $4)";
const REJUDGE: &str =
    "UPDATE memories SET flags = $1, flags_version = $2, trust = $3 WHERE id = $4 AND workspace_id = $5";
const FETCHED: &str = "UPDATE memories SET access_count = access_count + $1, accessed_at = $2, relevance = $3 \
     WHERE id = $4";
const RELEVANCE: &str = "SELECT relevance FROM memories WHERE id = $1 AND deleted_at IS NULL";

fn word<T>(found: Option<T>) -> Result<T> {
    found.ok_or_else(|| Error::internal("a column holds a word we do not know"))
}

pub(crate) fn read(row: &Row<'_>) -> Result<Memory> {
    Ok(Memory {
        id: parsed(row.text_ref(0)?)?,
        owner: parsed(row.text_ref(1)?)?,
        key: row.opt_text(2)?,
        kind: word(Kind::parse(row.text_ref(3)?))?,
        content: row.opt_text(4)?,
        value: opt_json(row.opt_text(5)?)?,
        summary: row.opt_text(6)?,
        tags: json(row.text_ref(7)?)?,
        importance: row.real(8)?,
        access: word(Access::parse(row.text_ref(9)?))?,
        team_id: opt_parsed(row.opt_text_ref(10)?)?,
        trust: word(Trust::parse(row.text_ref(11)?))?,
        flags: json(row.text_ref(12)?)?,
        flags_version: row.int(13)?,
        superseded_by: opt_parsed(row.opt_text_ref(14)?)?,
        supersedes: json(row.text_ref(15)?)?,
        project: row.opt_text(16)?,
        layer: row.opt_text_ref(17)?.map(|text| word(Layer::parse(text))).transpose()?,
        expires_at: moment(row.opt_int(18)?),
        metadata: json(row.text_ref(19)?)?,
        provenance: json(row.text_ref(20)?)?,
        access_count: row.int(21)?,
        accessed_at: moment(row.opt_int(22)?),
        relevance: row.real(23)?,
        version: row.int(24)?,
        created_at: Timestamp::from_micros(row.int(25)?),
        updated_at: Timestamp::from_micros(row.int(26)?),
        deleted_at: moment(row.opt_int(27)?),
        size_bytes: None,
        truncated: None,
    })
}

/// Bytes of a memory's content or value, as quotas and lists count them.
#[must_use]
pub fn size(memory: &Memory) -> i64 {
    let value = || memory.value.as_ref().and_then(|value| to_json(value).ok()).map_or(0, |text| text.len());
    let bytes = memory.content.as_ref().map_or_else(value, String::len);
    memory.size_bytes.unwrap_or_else(|| i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// The changeable columns and the row's name, in the order in which `INSERT` and `UPDATE` begin.
fn columns<'m>(scope: &Scope, memory: &'m Memory, change: Change) -> Result<Vec<Value<'m>>> {
    Ok(vec![
        Value::from(memory.key.as_deref()),
        Value::from(memory.kind.as_str()),
        Value::from(memory.content.as_deref()),
        Value::from(memory.value.as_ref().map(to_json).transpose()?),
        Value::from(memory.summary.as_deref()),
        Value::from(to_json(&memory.tags)?),
        Value::from(memory.importance),
        Value::from(memory.access.as_str()),
        Value::from(memory.team_id.map(|team| team.to_string())),
        Value::from(memory.trust.as_str()),
        Value::from(to_json(&memory.flags)?),
        Value::from(memory.flags_version),
        Value::from(memory.superseded_by.map(|id| id.to_string())),
        Value::from(to_json(&memory.supersedes)?),
        Value::from(memory.project.as_deref()),
        Value::from(memory.layer.map(Layer::as_str)),
        Value::from(memory.expires_at.map(Timestamp::micros)),
        Value::from(to_json(&memory.metadata)?),
        Value::from(to_json(&memory.provenance)?),
        Value::from(memory.version),
        Value::from(memory.updated_at.micros()),
        Value::from(memory.deleted_at.map(Timestamp::micros)),
        Value::from(size(memory)),
        Value::from(scope.viewer().to_string()),
        Value::from(change.as_str()),
        Value::from(memory.id.to_string()),
        Value::from(scope.workspace().to_string()),
    ])
}

/// Adds a memory, made by the viewer, and what the search index needs of it.
///
/// # Errors
/// [`Error::Conflict`] when a live memory of the owner has the key.
pub fn insert(tx: &Tx<'_>, scope: &Scope, (memory, change): (&Memory, Change), terms: &[u8]) -> Result<()> {
    let mut row = columns(scope, memory, change)?;
    row.extend([
        Value::from(memory.owner.to_string()),
        Value::from(memory.access_count),
        Value::from(memory.accessed_at.map(Timestamp::micros)),
        Value::from(memory.relevance),
        Value::from(memory.created_at.micros()),
    ]);
    tx.change(INSERT, &row)?;
    counts::moved(tx, scope.workspace(), None, Some(memory))?;
    tags::moved(tx, scope.workspace(), None, Some(memory))?;
    searchable::keep_terms(tx, scope, memory.id, terms)
}

/// Puts `new` in the place of `old` as its next version, made by the viewer; the old one is kept in the history. Terms are
/// those of a changed text; none leaves them as they are. What becomes private loses its grants: shared again later, it is
/// shared with those who are named then.
///
/// # Errors
/// [`Error::Conflict`] when another live memory of the owner has the key.
pub fn replace(
    tx: &Tx<'_>,
    scope: &Scope,
    (old, new): (&Memory, &Memory),
    change: Change,
    terms: Option<&[u8]>,
) -> Result<()> {
    versions::keep(tx, scope, old)?;
    versions::prune(tx, scope, new)?;
    if tx.change(UPDATE, &columns(scope, new, change)?)? != 1 {
        return Err(Error::internal("a memory vanished while it was changed"));
    }
    counts::moved(tx, scope.workspace(), Some(old), Some(new))?;
    tags::moved(tx, scope.workspace(), Some(old), Some(new))?;
    if new.access == Access::Private && old.access != Access::Private {
        grants::forget(tx, &scope.workspace().to_string(), &new.id.to_string())?;
    }
    match terms {
        Some(terms) => searchable::keep_terms(tx, scope, new.id, terms),
        None => Ok(()),
    }
}

/// Whether the viewer may do this to a live memory. The one predicate of contract memory §4, but for what
/// `memory:manage` adds on `system` rows.
///
/// # Errors
/// Those of the store.
pub fn may(tx: &Tx<'_>, scope: &Scope, memory: &Memory, needed: Right, now: Timestamp) -> Result<bool> {
    if memory.owner == scope.viewer() {
        return Ok(needed == Right::Read || memory.access != Access::System);
    }
    if memory.trust == Trust::Quarantined {
        return Ok(false);
    }
    let is_open = match memory.access {
        Access::Private => return Ok(false),
        Access::Shared => false,
        Access::Public | Access::System => needed == Right::Read,
        Access::Team => match memory.team_id {
            Some(team) if needed == Right::Read => teams::is_member(tx, scope, team, scope.viewer())?,
            _ => false,
        },
    };
    Ok(is_open || grants::strongest(tx, scope, memory.id, now)? >= Some(needed))
}

fn if_seen(tx: &Tx<'_>, scope: &Scope, found: Option<Memory>, now: Timestamp) -> Result<Option<Memory>> {
    match found {
        Some(memory) if may(tx, scope, &memory, Right::Read, now)? => Ok(Some(memory)),
        _ => Ok(None),
    }
}

/// The memory with this id, when the viewer may see it.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Option<Memory>> {
    let found = regardless(tx, scope, id, now)?;
    if_seen(tx, scope, found, now)
}

/// The live memory an owner keeps under a key, when the viewer may see it.
///
/// # Errors
/// Those of the store.
pub fn by_key(tx: &Tx<'_>, scope: &Scope, owner: PrincipalId, key: &str, now: Timestamp) -> Result<Option<Memory>> {
    let found = tx.row(BY_KEY, args![scope.workspace().to_string(), owner.to_string(), key, now.micros()], read)?;
    if_seen(tx, scope, found, now)
}

/// Which live memory of an owner has a key, whoever may see it.
///
/// # Errors
/// Those of the store.
pub fn holder(
    tx: &Tx<'_>,
    scope: &Scope,
    (owner, key): (PrincipalId, &str),
    now: Timestamp,
) -> Result<Option<MemoryId>> {
    let args = args![scope.workspace().to_string(), owner.to_string(), key, now.micros()];
    tx.row(HOLDER, args, |row| parsed(row.text_ref(0)?))
}

/// Writes what newer patterns say of an unchanged text; no new version.
///
/// # Errors
/// Those of the store.
pub fn rejudge(tx: &Tx<'_>, scope: &Scope, (old, new): (&Memory, &Memory)) -> Result<()> {
    let (id, workspace) = (new.id.to_string(), scope.workspace().to_string());
    tx.change(REJUDGE, args![to_json(&new.flags)?, new.flags_version, new.trust.as_str(), id, workspace])?;
    counts::moved(tx, scope.workspace(), Some(old), Some(new))
}

/// The live memory with this id, whoever may see it: for reviewers, who are not shown its text, and for grants.
///
/// # Errors
/// Those of the store.
pub fn regardless(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Option<Memory>> {
    tx.row(LIVE, args![id.to_string(), scope.workspace().to_string(), now.micros()], read)
}

/// The deleted memory with this id, whoever's it was.
///
/// # Errors
/// Those of the store.
pub fn deleted(tx: &Tx<'_>, scope: &Scope, id: MemoryId) -> Result<Option<Memory>> {
    tx.row(DELETED, args![id.to_string(), scope.workspace().to_string()], read)
}

/// Adds fetches to a memory's counters: each one lifts the relevance to `min(1, 0.99·relevance + 0.05)`.
///
/// # Errors
/// Those of the store.
pub fn fetched(tx: &Tx<'_>, _: Everything, id: MemoryId, times: i64, last: Timestamp) -> Result<()> {
    let Some(mut relevance) = tx.row(RELEVANCE, args![id.to_string()], |row| row.real(0))? else {
        return Ok(());
    };
    for _ in 0..times.min(1_000) {
        relevance = (0.99 * relevance + 0.05_f64).min(1.0);
    }
    tx.change(FETCHED, args![times, last.micros(), relevance, id.to_string()]).map(drop)
}
