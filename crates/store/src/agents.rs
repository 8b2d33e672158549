//! Agents.

use types::{AgentId, TeamId, Timestamp, WorkspaceId, agent::Agent};

use crate::{
    Everything, Result, Row, Scope, Tx, args,
    row::{json, moment, parsed, to_json},
};

const INSERT: &str = "INSERT INTO agents (id, workspace_id, name, name_folded, display_name, agent_type, role, \
     grants, owner, capabilities, status, last_seen_at, created_at, version) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const BY_ID: &str = "SELECT id, name, display_name, agent_type, role, grants, owner, capabilities, status, \
     last_seen_at, created_at, version FROM agents WHERE workspace_id = $1 AND id = $2";
const BY_NAME: &str = "SELECT id, name, display_name, agent_type, role, grants, owner, capabilities, status, \
     last_seen_at, created_at, version FROM agents WHERE workspace_id = $1 AND name_folded = $2";
const LIST: &str = "SELECT id, name, display_name, agent_type, role, grants, owner, capabilities, status, \
     last_seen_at, created_at, version FROM agents WHERE workspace_id = $1 AND id > $2 \
     AND (CAST($3 AS TEXT) IS NULL OR agent_type = $3) AND (CAST($4 AS TEXT) IS NULL OR status = $4) \
     AND (CAST($5 AS TEXT) IS NULL OR name_folded = $5) AND (CAST($6 AS TEXT) IS NULL OR id IN (SELECT principal \
     FROM team_members WHERE workspace_id = $1 AND team_id = $6)) ORDER BY id LIMIT $7";
const COUNT: &str = "SELECT COUNT(*) FROM agents WHERE workspace_id = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR agent_type = $2) AND (CAST($3 AS TEXT) IS NULL OR status = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR name_folded = $4) AND (CAST($5 AS TEXT) IS NULL OR id IN (SELECT principal \
     FROM team_members WHERE workspace_id = $1 AND team_id = $5))";
const UPDATE: &str = "UPDATE agents SET display_name = $1, agent_type = $2, role = $3, grants = $4, \
     capabilities = $5, status = $6, version = $7 WHERE workspace_id = $8 AND id = $9";
const SEEN: &str = "UPDATE agents SET last_seen_at = $1 WHERE id = $2";

fn read(row: &Row<'_>) -> Result<Agent> {
    Ok(Agent {
        id: parsed(row.text_ref(0)?)?,
        name: row.text(1)?,
        display_name: row.text(2)?,
        agent_type: row.text(3)?,
        role: row.text(4)?,
        grants: json(row.text_ref(5)?)?,
        owner: row.opt_text(6)?.as_deref().map(parsed).transpose()?,
        capabilities: json(row.text_ref(7)?)?,
        status: row.text(8)?,
        last_seen_at: moment(row.opt_int(9)?),
        created_at: Timestamp::from_micros(row.int(10)?),
        version: row.int(11)?,
    })
}

/// Adds an agent.
///
/// # Errors
/// [`crate::Error::Conflict`] when the name is taken, ignoring case.
pub fn insert(tx: &Tx<'_>, scope: &Scope, agent: &Agent) -> Result<()> {
    tx.change(
        INSERT,
        args![
            agent.id.to_string(),
            scope.workspace().to_string(),
            agent.name.as_str(),
            agent.name.to_ascii_lowercase(),
            agent.display_name.as_str(),
            agent.agent_type.as_str(),
            agent.role.as_str(),
            to_json(&agent.grants)?,
            agent.owner.map(|owner| owner.to_string()),
            to_json(&agent.capabilities)?,
            agent.status.as_str(),
            agent.last_seen_at.map(Timestamp::micros),
            agent.created_at.micros(),
            agent.version,
        ],
    )?;
    Ok(())
}

/// The agent with this id in the scope's workspace.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: AgentId) -> Result<Option<Agent>> {
    tx.row(BY_ID, args![scope.workspace().to_string(), id.to_string()], read)
}

/// The agent with this name, ignoring case.
///
/// # Errors
/// Those of the store.
pub fn by_name(tx: &Tx<'_>, scope: &Scope, name: &str) -> Result<Option<Agent>> {
    tx.row(BY_NAME, args![scope.workspace().to_string(), name.to_ascii_lowercase()], read)
}

/// The agent behind a credential, in the workspace the credential belongs to.
///
/// # Errors
/// Those of the store.
pub fn behind(tx: &Tx<'_>, _: Everything, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>> {
    tx.row(BY_ID, args![workspace.to_string(), id.to_string()], read)
}

/// What a list of agents is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this type.
    pub agent_type: Option<String>,
    /// Only this status.
    pub status: Option<String>,
    /// Only the one with this name, ignoring case.
    pub name: Option<String>,
    /// Only members of this team.
    pub team: Option<TeamId>,
}

/// At most `limit` agents after the one with the id `after`, by id.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, filter: &Filter, after: &str, limit: usize) -> Result<Vec<Agent>> {
    tx.rows(
        LIST,
        args![
            scope.workspace().to_string(),
            after,
            filter.agent_type.clone(),
            filter.status.clone(),
            filter.name.as_deref().map(str::to_ascii_lowercase),
            filter.team.map(|team| team.to_string()),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        read,
    )
}

/// How many agents pass the filter.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, filter: &Filter) -> Result<i64> {
    let args = args![
        scope.workspace().to_string(),
        filter.agent_type.clone(),
        filter.status.clone(),
        filter.name.as_deref().map(str::to_ascii_lowercase),
        filter.team.map(|team| team.to_string()),
    ];
    Ok(tx.row(COUNT, args, |row| row.int(0))?.unwrap_or(0))
}

/// Writes an agent's changeable fields; false when there is no such agent.
///
/// # Errors
/// Those of the store.
pub fn update(tx: &Tx<'_>, scope: &Scope, agent: &Agent) -> Result<bool> {
    let changed = tx.change(
        UPDATE,
        args![
            agent.display_name.as_str(),
            agent.agent_type.as_str(),
            agent.role.as_str(),
            to_json(&agent.grants)?,
            to_json(&agent.capabilities)?,
            agent.status.as_str(),
            agent.version,
            scope.workspace().to_string(),
            agent.id.to_string(),
        ],
    )?;
    Ok(changed == 1)
}

/// Notes when an agent last called.
///
/// # Errors
/// Those of the store.
pub fn seen(tx: &Tx<'_>, _: Everything, id: AgentId, at: Timestamp) -> Result<()> {
    tx.change(SEEN, args![at.micros(), id.to_string()]).map(drop)
}
