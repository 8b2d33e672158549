//! Memories. One predicate decides what a viewer sees; `domain::recall` holds the same one over its filter columns.

use types::{
    MemoryId, PrincipalId, Timestamp, WorkspaceId,
    memory::{Access, Kind, Layer, Memory},
};

use crate::{
    Error, Everything, Result, Row, Scope, Tx, Value, args,
    row::{json, moment, opt_json, parsed, to_json},
};

pub mod list;

const INSERT: &str = "INSERT INTO memories (key, kind, content, value, summary, tags, importance, access, project, \
     layer, expires_at, metadata, provenance, version, updated_at, size_bytes, id, workspace_id, owner, access_count, \
     accessed_at, relevance, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)";
const BY_ID: &str = "SELECT id, owner, key, kind, content, value, summary, tags, importance, access, project, layer, \
     expires_at, metadata, provenance, access_count, accessed_at, relevance, version, created_at, updated_at \
     FROM memories WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $3) AND (owner = $4 OR access = 'public')";
const BY_KEY: &str = "SELECT id, owner, key, kind, content, value, summary, tags, importance, access, project, layer, \
     expires_at, metadata, provenance, access_count, accessed_at, relevance, version, created_at, updated_at \
     FROM memories WHERE workspace_id = $1 AND owner = $2 AND key = $3 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $4) AND (owner = $5 OR access = 'public')";
const UPDATE: &str = "UPDATE memories SET key = $1, kind = $2, content = $3, value = $4, summary = $5, tags = $6, \
     importance = $7, access = $8, project = $9, layer = $10, expires_at = $11, metadata = $12, provenance = $13, \
     version = $14, updated_at = $15, size_bytes = $16 WHERE id = $17 AND workspace_id = $18 AND owner = $19";
const DELETE: &str = "UPDATE memories SET deleted_at = $1, version = version + 1 \
     WHERE id = $2 AND workspace_id = $3 AND owner = $4";
const FREE_KEY: &str = "UPDATE memories SET deleted_at = expires_at WHERE workspace_id = $1 AND owner = $2 \
     AND key = $3 AND deleted_at IS NULL AND expires_at <= $4 RETURNING id";
const FETCHED: &str = "UPDATE memories SET access_count = access_count + $1, accessed_at = $2, relevance = $3 \
     WHERE id = $4";
const RELEVANCE: &str = "SELECT relevance FROM memories WHERE id = $1 AND deleted_at IS NULL";
const FORGET_TERMS: &str = "DELETE FROM memory_terms WHERE workspace_id = $1 AND memory_id = $2";
const KEEP_TERMS: &str = "INSERT INTO memory_terms (workspace_id, memory_id, terms) VALUES ($1, $2, $3)";
const SEARCHABLE: &str = "SELECT m.id, m.owner, m.access, m.kind, m.tags, m.project, m.importance, m.created_at, \
     m.updated_at, m.expires_at, t.terms FROM memories m \
     JOIN memory_terms t ON t.workspace_id = m.workspace_id AND t.memory_id = m.id \
     WHERE m.workspace_id = $1 AND m.deleted_at IS NULL";
const SEARCHABLE_ONE: &str = "SELECT m.id, m.owner, m.access, m.kind, m.tags, m.project, m.importance, m.created_at, \
     m.updated_at, m.expires_at, t.terms FROM memories m \
     JOIN memory_terms t ON t.workspace_id = m.workspace_id AND t.memory_id = m.id \
     WHERE m.workspace_id = $1 AND m.id = $2 AND m.deleted_at IS NULL";

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
        project: row.opt_text(10)?,
        layer: row.opt_text(11)?.as_deref().map(|text| word(Layer::parse(text))).transpose()?,
        expires_at: moment(row.opt_int(12)?),
        metadata: json(row.text_ref(13)?)?,
        provenance: json(row.text_ref(14)?)?,
        access_count: row.int(15)?,
        accessed_at: moment(row.opt_int(16)?),
        relevance: row.real(17)?,
        version: row.int(18)?,
        created_at: Timestamp::from_micros(row.int(19)?),
        updated_at: Timestamp::from_micros(row.int(20)?),
        size_bytes: None,
        truncated: None,
    })
}

/// The changeable columns and the row's name, in the order in which `INSERT` and `UPDATE` begin.
fn columns<'m>(scope: &Scope, memory: &'m Memory) -> Result<Vec<Value<'m>>> {
    let value = memory.value.as_ref().map(to_json).transpose()?;
    let size = memory.content.as_ref().or(value.as_ref()).map_or(0, String::len);
    Ok(vec![
        Value::from(memory.key.as_deref()),
        Value::from(memory.kind.as_str()),
        Value::from(memory.content.as_deref()),
        Value::from(value),
        Value::from(memory.summary.as_deref()),
        Value::from(to_json(&memory.tags)?),
        Value::from(memory.importance),
        Value::from(memory.access.as_str()),
        Value::from(memory.project.as_deref()),
        Value::from(memory.layer.map(Layer::as_str)),
        Value::from(memory.expires_at.map(Timestamp::micros)),
        Value::from(to_json(&memory.metadata)?),
        Value::from(to_json(&memory.provenance)?),
        Value::from(memory.version),
        Value::from(memory.updated_at.micros()),
        Value::from(i64::try_from(size).unwrap_or(i64::MAX)),
        Value::from(memory.id.to_string()),
        Value::from(scope.workspace().to_string()),
        Value::from(scope.viewer().to_string()),
    ])
}

/// Adds a memory of the viewer, and what the search index needs of it.
///
/// # Errors
/// [`Error::Conflict`] when a live memory of the owner has the key.
pub fn insert(tx: &Tx<'_>, scope: &Scope, memory: &Memory, terms: &[u8]) -> Result<()> {
    let mut row = columns(scope, memory)?;
    row.extend([
        Value::from(memory.access_count),
        Value::from(memory.accessed_at.map(Timestamp::micros)),
        Value::from(memory.relevance),
        Value::from(memory.created_at.micros()),
    ]);
    tx.change(INSERT, &row)?;
    tx.change(KEEP_TERMS, args![scope.workspace().to_string(), memory.id.to_string(), terms]).map(drop)
}

/// The memory with this id, when the viewer may see it.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Option<Memory>> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    tx.row(BY_ID, args![id.to_string(), workspace, now.micros(), viewer], read)
}

/// The live memory an owner keeps under a key, when the viewer may see it.
///
/// # Errors
/// Those of the store.
pub fn by_key(tx: &Tx<'_>, scope: &Scope, owner: PrincipalId, key: &str, now: Timestamp) -> Result<Option<Memory>> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    tx.row(BY_KEY, args![workspace, owner.to_string(), key, now.micros(), viewer], read)
}

/// Writes a memory of the viewer anew; false when it is not the viewer's.
///
/// # Errors
/// [`Error::Conflict`] when another live memory of the owner has the key.
pub fn update(tx: &Tx<'_>, scope: &Scope, memory: &Memory, terms: &[u8]) -> Result<bool> {
    let changed = tx.change(UPDATE, &columns(scope, memory)?)?;
    if changed == 1 {
        let (workspace, id) = (scope.workspace().to_string(), memory.id.to_string());
        tx.change(FORGET_TERMS, args![workspace.as_str(), id.as_str()])?;
        tx.change(KEEP_TERMS, args![workspace, id, terms])?;
    }
    Ok(changed == 1)
}

/// Hides a memory of the viewer everywhere and frees its key; false when it is not the viewer's.
///
/// # Errors
/// Those of the store.
pub fn delete(tx: &Tx<'_>, scope: &Scope, id: MemoryId, at: Timestamp) -> Result<bool> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    Ok(tx.change(DELETE, args![at.micros(), id.to_string(), workspace, viewer])? == 1)
}

/// Takes a key away from a memory of the viewer that has expired, so that it can be given anew; which one it was.
///
/// # Errors
/// Those of the store.
pub fn free_expired_key(tx: &Tx<'_>, scope: &Scope, key: &str, now: Timestamp) -> Result<Option<MemoryId>> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    tx.row(FREE_KEY, args![workspace, viewer, key, now.micros()], |row| parsed(row.text_ref(0)?))
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

/// What the search index holds of a memory.
#[derive(Debug, Clone)]
pub struct Searchable {
    /// Its id.
    pub id: MemoryId,
    /// Who stored it.
    pub owner: PrincipalId,
    /// Who may read it.
    pub access: Access,
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
}

fn searchable(row: &Row<'_>) -> Result<Searchable> {
    Ok(Searchable {
        id: parsed(row.text_ref(0)?)?,
        owner: parsed(row.text_ref(1)?)?,
        access: word(Access::parse(row.text_ref(2)?))?,
        kind: word(Kind::parse(row.text_ref(3)?))?,
        tags: json(row.text_ref(4)?)?,
        project: row.opt_text(5)?,
        importance: row.real(6)?,
        created_at: Timestamp::from_micros(row.int(7)?),
        updated_at: Timestamp::from_micros(row.int(8)?),
        expires_at: moment(row.opt_int(9)?),
    })
}

/// Hands every undeleted memory of a workspace to `visit`, with its term blob; for loading the search index.
///
/// # Errors
/// Those of the store and of `visit`.
pub fn searchables(
    tx: &Tx<'_>,
    _: Everything,
    workspace: WorkspaceId,
    mut visit: impl FnMut(Searchable, &[u8]) -> Result<()>,
) -> Result<()> {
    tx.each(SEARCHABLE, args![workspace.to_string()], |row| visit(searchable(row)?, row.bytes_ref(10)?))
}

/// One undeleted memory as the search index holds it, with its term blob.
///
/// # Errors
/// Those of the store.
pub fn searchable_one(
    tx: &Tx<'_>,
    _: Everything,
    workspace: WorkspaceId,
    id: MemoryId,
) -> Result<Option<(Searchable, Vec<u8>)>> {
    tx.row(SEARCHABLE_ONE, args![workspace.to_string(), id.to_string()], |row| Ok((searchable(row)?, row.bytes(10)?)))
}
