//! Which undeleted memories carry a tag: a list by one that is rare reads those alone.

use types::{WorkspaceId, memory::Memory};

use crate::{Result, Scope, Tx, args};

const ADD: &str = "INSERT INTO memory_tags (workspace_id, tag, memory_id) VALUES ($1, $2, $3) \
     ON CONFLICT (workspace_id, tag, memory_id) DO NOTHING";
const DROP: &str = "DELETE FROM memory_tags WHERE workspace_id = $1 AND tag = $2 AND memory_id = $3";
const CARRIERS: &str = "SELECT COUNT(*) FROM (SELECT memory_id FROM memory_tags WHERE workspace_id = $1 AND tag = $2 \
     LIMIT $3) AS carriers";

/// Follows a memory that was stored, changed or removed.
///
/// # Errors
/// Those of the store.
pub(super) fn moved(
    tx: &Tx<'_>,
    workspace: WorkspaceId,
    before: Option<&Memory>,
    after: Option<&Memory>,
) -> Result<()> {
    fn carried(memory: Option<&Memory>) -> &[String] {
        memory.filter(|memory| memory.deleted_at.is_none()).map_or(&[], |memory| &memory.tags)
    }
    let Some(id) = after.or(before).map(|memory| memory.id.to_string()) else { return Ok(()) };
    let (old, new, workspace) = (carried(before), carried(after), workspace.to_string());
    for (statement, tags, others) in [(DROP, old, new), (ADD, new, old)] {
        for tag in tags.iter().filter(|tag| !others.contains(tag)) {
            tx.change(statement, args![workspace.as_str(), tag.as_str(), id.as_str()])?;
        }
    }
    Ok(())
}

/// How many undeleted memories carry a tag, whoever may see them; no more than `most` are counted.
///
/// # Errors
/// Those of the store.
pub(super) fn carriers(tx: &Tx<'_>, scope: &Scope, tag: &str, most: i64) -> Result<i64> {
    let counted = tx.row(CARRIERS, args![scope.workspace().to_string(), tag, most], |row| row.int(0))?;
    Ok(counted.unwrap_or(0))
}
