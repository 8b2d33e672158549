//! Teams and who belongs to them.

use types::{PrincipalId, TeamId, Timestamp, team::Team};

use crate::{Result, Row, Scope, Tx, args, row::parsed};

const INSERT: &str =
    "INSERT INTO teams (id, workspace_id, name, name_folded, created_at, version) VALUES ($1, $2, $3, $4, $5, $6)";
const BY_ID: &str = "SELECT id, name, created_at, version FROM teams WHERE workspace_id = $1 AND id = $2";
const LIST: &str = "SELECT id, name, created_at, version FROM teams WHERE workspace_id = $1 AND id > $2 \
     AND (CAST($3 AS TEXT) IS NULL OR name_folded = $3) ORDER BY id LIMIT $4";
const COUNT: &str = "SELECT COUNT(*) FROM teams WHERE workspace_id = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR name_folded = $2)";
const UPDATE: &str = "UPDATE teams SET name = $1, name_folded = $2, version = $3 WHERE workspace_id = $4 AND id = $5";
const DELETE: &str = "DELETE FROM teams WHERE workspace_id = $1 AND id = $2";
const MEMBERS: &str = "SELECT team_id, principal FROM team_members \
     WHERE workspace_id = $1 AND team_id >= $2 AND team_id <= $3 ORDER BY team_id, principal";
// The team's own row gives the workspace, so that no member is added to a team of another one.
const ADD_MEMBER: &str = "INSERT INTO team_members (workspace_id, team_id, principal, added_at) \
     SELECT workspace_id, id, CAST($1 AS TEXT), CAST($2 AS BIGINT) FROM teams WHERE workspace_id = $3 AND id = $4";
const REMOVE_MEMBER: &str = "DELETE FROM team_members WHERE workspace_id = $1 AND team_id = $2 AND principal = $3";
const REMOVE_MEMBERS: &str = "DELETE FROM team_members WHERE workspace_id = $1 AND team_id = $2";
const IS_MEMBER: &str = "SELECT COUNT(*) FROM team_members WHERE workspace_id = $1 AND team_id = $2 AND principal = $3";
const MEMBERSHIPS: &str =
    "SELECT team_id FROM team_members WHERE workspace_id = $1 AND principal = $2 ORDER BY team_id";
const NAMED: &str = "SELECT teams.id, teams.name FROM team_members JOIN teams ON teams.id = team_members.team_id \
     WHERE team_members.workspace_id = $1 AND team_members.principal = $2 ORDER BY teams.id";

fn read(row: &Row<'_>) -> Result<Team> {
    Ok(Team {
        id: parsed(row.text_ref(0)?)?,
        name: row.text(1)?,
        members: Vec::new(),
        created_at: Timestamp::from_micros(row.int(2)?),
        version: row.int(3)?,
    })
}

/// Puts the members into teams that are in order of their ids, in one statement for all of them.
fn peopled(tx: &Tx<'_>, scope: &Scope, mut teams: Vec<Team>) -> Result<Vec<Team>> {
    let (Some(first), Some(last)) = (teams.first(), teams.last()) else {
        return Ok(teams);
    };
    let args = args![scope.workspace().to_string(), first.id.to_string(), last.id.to_string()];
    let members: Vec<(TeamId, PrincipalId)> =
        tx.rows(MEMBERS, args, |row| Ok::<_, crate::Error>((parsed(row.text_ref(0)?)?, parsed(row.text_ref(1)?)?)))?;
    for (team, principal) in members {
        let place = teams.binary_search_by_key(&team, |one| one.id);
        if let Some(team) = place.ok().and_then(|place| teams.get_mut(place)) {
            team.members.push(principal);
        }
    }
    Ok(teams)
}

/// Adds a team without members; those in `team` are not written.
///
/// # Errors
/// [`crate::Error::Conflict`] when the name is taken, ignoring case.
pub fn insert(tx: &Tx<'_>, scope: &Scope, team: &Team) -> Result<()> {
    tx.change(
        INSERT,
        args![
            team.id.to_string(),
            scope.workspace().to_string(),
            team.name.as_str(),
            team.name.to_ascii_lowercase(),
            team.created_at.micros(),
            team.version,
        ],
    )?;
    Ok(())
}

/// The team with this id in the scope's workspace, with its members.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: TeamId) -> Result<Option<Team>> {
    let found = tx.row(BY_ID, args![scope.workspace().to_string(), id.to_string()], read)?;
    Ok(peopled(tx, scope, found.into_iter().collect())?.pop())
}

/// At most `limit` teams after the one with the id `after`, by id, with their members; only the one with this name,
/// ignoring case, when a name is given.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, name: Option<&str>, after: &str, limit: usize) -> Result<Vec<Team>> {
    let teams = tx.rows(
        LIST,
        args![
            scope.workspace().to_string(),
            after,
            name.map(str::to_ascii_lowercase),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        read,
    )?;
    peopled(tx, scope, teams)
}

/// How many teams there are; how many with this name, ignoring case, when a name is given.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, name: Option<&str>) -> Result<i64> {
    let args = args![scope.workspace().to_string(), name.map(str::to_ascii_lowercase)];
    Ok(tx.row(COUNT, args, |row| row.int(0))?.unwrap_or(0))
}

/// Writes a team's name and version; false when there is no such team.
///
/// # Errors
/// [`crate::Error::Conflict`] when the name is taken, ignoring case.
pub fn update(tx: &Tx<'_>, scope: &Scope, team: &Team) -> Result<bool> {
    let changed = tx.change(
        UPDATE,
        args![
            team.name.as_str(),
            team.name.to_ascii_lowercase(),
            team.version,
            scope.workspace().to_string(),
            team.id.to_string(),
        ],
    )?;
    Ok(changed == 1)
}

/// Removes a team and its members; false when there is no such team.
///
/// # Errors
/// Those of the store.
pub fn delete(tx: &Tx<'_>, scope: &Scope, id: TeamId) -> Result<bool> {
    let (workspace, team) = (scope.workspace().to_string(), id.to_string());
    tx.change(REMOVE_MEMBERS, args![&workspace, &team])?;
    Ok(tx.change(DELETE, args![&workspace, &team])? == 1)
}

/// Adds a member; false when there is no such team.
///
/// # Errors
/// [`crate::Error::Conflict`] when the principal is a member already.
pub fn add_member(tx: &Tx<'_>, scope: &Scope, id: TeamId, member: PrincipalId, at: Timestamp) -> Result<bool> {
    let args = args![member.to_string(), at.micros(), scope.workspace().to_string(), id.to_string()];
    Ok(tx.change(ADD_MEMBER, args)? == 1)
}

/// Removes a member; false when the principal is none.
///
/// # Errors
/// Those of the store.
pub fn remove_member(tx: &Tx<'_>, scope: &Scope, id: TeamId, member: PrincipalId) -> Result<bool> {
    let args = args![scope.workspace().to_string(), id.to_string(), member.to_string()];
    Ok(tx.change(REMOVE_MEMBER, args)? == 1)
}

/// Whether a principal belongs to a team of the scope's workspace.
///
/// # Errors
/// Those of the store.
pub fn is_member(tx: &Tx<'_>, scope: &Scope, id: TeamId, principal: PrincipalId) -> Result<bool> {
    let args = args![scope.workspace().to_string(), id.to_string(), principal.to_string()];
    Ok(tx.row(IS_MEMBER, args, |row| row.int(0))?.unwrap_or(0) > 0)
}

/// The teams a principal belongs to in the scope's workspace, by id.
///
/// # Errors
/// Those of the store.
pub fn memberships(tx: &Tx<'_>, scope: &Scope, principal: PrincipalId) -> Result<Vec<TeamId>> {
    tx.rows(MEMBERSHIPS, args![scope.workspace().to_string(), principal.to_string()], |row| parsed(row.text_ref(0)?))
}

/// The teams a principal belongs to in the scope's workspace, by id, with their names.
///
/// # Errors
/// Those of the store.
pub fn named_memberships(tx: &Tx<'_>, scope: &Scope, principal: PrincipalId) -> Result<Vec<(TeamId, String)>> {
    tx.rows(NAMED, args![scope.workspace().to_string(), principal.to_string()], |row| {
        Ok((parsed(row.text_ref(0)?)?, row.text(1)?))
    })
}
