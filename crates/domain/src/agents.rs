//! Agents: machine principals (contract identity.md §1).

use types::agent::Agent;

use crate::{
    Code, Error, Result,
    access::{Known, Permissions, Role},
    input::Checks,
};

pub mod create;
pub mod disable;
pub mod get;
pub mod list;
pub mod update;

const RESERVED: [&str; 6] = ["system", "guildhall", "anonymous", "local", "admin", "root"];

/// A name of an agent or a team: `^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`, so look-alikes cannot exist.
pub(crate) fn check_name(checks: &mut Checks, name: &str) {
    let sound = name.len() <= 64
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    if !sound {
        checks.fail("name", "must be 1 to 64 of A-Z a-z 0-9 _ . : - and begin with a letter or digit");
    }
}

/// A name for people: one line, nothing that turns or hides text.
fn check_display_name(checks: &mut Checks, name: &str) {
    checks.line("display_name", name, 1..=100);
    let hides = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            )
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{E0000}'..='\u{E007F}')
    };
    if name.chars().any(hides) {
        checks.fail("display_name", "must not hold invisible or direction-changing characters");
    }
}

/// Refuses a name that stands for something else.
pub(crate) fn check_reserved(name: &str) -> Result<()> {
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Error::new(Code::NameNotAllowed, format!("`{name}` is reserved")).hint("choose another name"));
    }
    Ok(())
}

fn check_type(checks: &mut Checks, agent_type: &str) {
    let sound = (1..=32).contains(&agent_type.len())
        && agent_type.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if !sound {
        checks.fail("agent_type", "must be 1 to 32 of a-z 0-9 _ -");
    }
}

/// A role an agent may have.
fn check_role(checks: &mut Checks, name: &str) {
    if !Role::OF_AGENTS.contains(&name) {
        checks.fail("role", format!("must be one of {}; only people are admins", Role::OF_AGENTS.join(", ")));
    }
}

fn check_grants(checks: &mut Checks, grants: &[String]) {
    if let Err(name) = Permissions::parse(grants.iter().map(String::as_str)) {
        checks.fail("grants", format!("there is no permission `{name}`"));
    }
}

fn rights(agent: &Agent) -> Permissions {
    let role = Role::parse(&agent.role).map_or(Permissions::NONE, Role::permissions);
    role.or(Permissions::parse(agent.grants.iter().map(String::as_str)).unwrap_or_default())
}

/// Nobody gives rights they do not have.
fn within_own(who: &Known, agent: &Agent) -> Result<()> {
    if who.identity().permissions.covers(rights(agent)) {
        return Ok(());
    }
    Err(Error::new(Code::PermissionDenied, "an agent's rights must lie within those of whoever sets them")
        .fact("required", "the rights given")
        .hint("choose a lesser role or fewer grants"))
}
