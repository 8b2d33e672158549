//! Teams: principals of one workspace that share (contract identity.md §1). A team gives no permission.

use store::{Scope, Tx};
use types::{PrincipalId, TeamId, team::Team};

use crate::{
    Change, Code, Error, Result,
    agents::{check_name, check_reserved},
    input::Checks,
};

pub mod add;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod remove;
pub mod update;

/// Members of one team.
const MOST_MEMBERS: usize = 1_000;
/// Teams of one principal.
const MOST_TEAMS: usize = 50;

/// The rule for names of agents holds for those of teams.
fn named(name: &str) -> Result<()> {
    let mut checks = Checks::default();
    check_name(&mut checks, name);
    checks.done()?;
    check_reserved(name)
}

fn taken(error: store::Error, name: &str) -> Error {
    match Error::from(error) {
        error if error.code() == Code::AlreadyExists => {
            Error::new(Code::AlreadyExists, format!("there is a team named `{name}`"))
                .hint("names are unique ignoring case; choose another one")
        }
        error => error,
    }
}

fn found(tx: &Tx<'_>, scope: &Scope, id: TeamId) -> Result<Team> {
    store::teams::get(tx, scope, id)?.ok_or_else(Error::not_found)
}

fn check_version(team: &Team, expected: Option<i64>) -> Result<()> {
    if expected.is_some_and(|version| version != team.version) {
        return Err(Error::new(Code::VersionConflict, format!("the team is at version {}", team.version))
            .fact("current_version", team.version)
            .hint("read it again, then repeat the change with `current_version`"));
    }
    Ok(())
}

/// Refuses who is no principal of this workspace: an agent of it, or the local operator.
fn check_principal(tx: &Tx<'_>, scope: &Scope, principal: PrincipalId) -> Result<()> {
    let is_known = match principal {
        PrincipalId::Agent(id) => store::agents::get(tx, scope, id)?.is_some(),
        PrincipalId::User(_) => principal == PrincipalId::LOCAL,
    };
    if is_known {
        return Ok(());
    }
    Err(Error::new(Code::UnknownPrincipal, "there is no such principal in this workspace")
        .hint("`list_agents` shows the agents of this workspace"))
}

/// Refuses one more member where there is no room for it.
fn check_room(tx: &Tx<'_>, scope: &Scope, team: &Team, principal: PrincipalId) -> Result<()> {
    if team.members.len() >= MOST_MEMBERS {
        return Err(Error::new(
            Code::QuotaExceeded,
            format!("the team has {MOST_MEMBERS} members, the most there may be"),
        )
        .fact("quota", "members_of_a_team")
        .fact("maximum", MOST_MEMBERS)
        .hint("remove a member first, or make another team"));
    }
    if store::teams::memberships(tx, scope, principal)?.len() >= MOST_TEAMS {
        return Err(Error::new(
            Code::QuotaExceeded,
            format!("the principal is in {MOST_TEAMS} teams, the most there may be"),
        )
        .fact("quota", "teams_of_a_principal")
        .fact("maximum", MOST_TEAMS)
        .hint("remove the principal from another team first"));
    }
    Ok(())
}

/// Ends a change of a team's members: the next version, the audit row and the announcement.
fn turned(change: &mut Change<'_, '_>, scope: &Scope, team: Team) -> Result<Team> {
    let next = Team { version: team.version + 1, ..team };
    store::teams::update(change, scope, &next)?;
    change.publish("team.updated", next.id);
    found(change, scope, next.id)
}
