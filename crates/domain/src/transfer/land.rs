//! What becomes of one arriving memory: new, changed, as it was, or left alone. Nothing becomes visible to more principals
//! than it was where it comes from, unless the caller named the audience.

use std::sync::Arc;

use store::{Scope, Tx, memories, memories::grants, origins};
use types::{
    AgentId, GranteeId, JobId, MemoryId, PrincipalId, Timestamp,
    agent::Agent,
    memory::{Access, Grant, Memory, Trust},
};

use super::{Arriving, Former, Source, guildhall, rows};
use crate::{
    App, Change, Code, Error, Result,
    access::{Known, Permission, Role},
    agents,
    input::Checks,
    memory::imported,
};

/// What is done with a memory that is here already and says something else now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnConflict {
    /// It is left as it is.
    #[default]
    Skip,
    /// It is changed to what the source says; what it was stays in its history.
    Update,
    /// The import ends there.
    Fail,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Created,
    Updated,
    Unchanged,
    Skipped,
}

/// Where an arriving memory stands with what is here.
enum Standing {
    New,
    /// It was here, and was deleted since.
    Gone,
    Same,
    Other {
        old: Box<Memory>,
        came_by_import: bool,
    },
}

/// What holds for every row of a call.
pub(super) struct Landing {
    pub(super) app: Arc<App>,
    pub(super) scope: Scope,
    pub(super) who: Known,
    pub(super) now: Timestamp,
    pub(super) source: Source,
    pub(super) job: JobId,
    pub(super) file_sha256: String,
    pub(super) on_conflict: OnConflict,
    pub(super) owner: Option<PrincipalId>,
    pub(super) access: Option<Access>,
}

impl Landing {
    /// Brings one memory in.
    pub(super) fn land(&self, change: &mut Change<'_, '_>, arriving: &Arriving) -> Result<Fate> {
        if arriving.memory.expires_at.is_some_and(|end| end <= self.now) {
            return Ok(Fate::Skipped);
        }
        match (self.standing(change, arriving)?, self.on_conflict) {
            (Standing::New, _) => self.create(change, arriving),
            (Standing::Same, _) => Ok(Fate::Unchanged),
            (Standing::Other { old, came_by_import }, OnConflict::Update) => {
                if !came_by_import {
                    imported::may_replace(change, &self.scope, &old, self.now)?;
                }
                self.update(change, &old, arriving)
            }
            (Standing::Gone, _) | (Standing::Other { .. }, OnConflict::Skip | OnConflict::Fail) => Ok(Fate::Skipped),
        }
    }

    /// Whether the source says something else now of a memory that is here.
    pub(super) fn is_other(&self, tx: &Tx<'_>, arriving: &Arriving) -> Result<bool> {
        Ok(matches!(self.standing(tx, arriving)?, Standing::Other { .. }))
    }

    fn origin<'a>(&self, noun: &'a str, id: &'a str) -> origins::Source<'a> {
        origins::Source { system: self.source.as_str(), noun, id }
    }

    fn standing(&self, tx: &Tx<'_>, arriving: &Arriving) -> Result<Standing> {
        let source = self.origin(imported::NOUN, &arriving.source_id);
        let (old, digest, came_by_import) = match origins::find(tx, &self.scope, source)? {
            Some(known) => {
                let id = known.object.parse().map_err(|error| Error::internal().cause(error))?;
                match memories::regardless(tx, &self.scope, id, self.now)? {
                    Some(old) => (old, known.digest, true),
                    None => return Ok(Standing::Gone),
                }
            }
            None => match self.itself(tx, arriving)? {
                Some(old) => {
                    let digest = guildhall::digest_of_memory(&old)?;
                    (old, digest, false)
                }
                None => return Ok(Standing::New),
            },
        };
        let is_same = digest == arriving.digest && self.access.is_none_or(|access| access == old.access);
        Ok(if is_same { Standing::Same } else { Standing::Other { old: Box::new(old), came_by_import } })
    }

    /// The very memory that was exported, when it comes back to where it is from.
    fn itself(&self, tx: &Tx<'_>, arriving: &Arriving) -> Result<Option<Memory>> {
        match (self.source, arriving.source_id.parse::<MemoryId>()) {
            (Source::Guildhall, Ok(id)) => Ok(memories::regardless(tx, &self.scope, id, self.now)?),
            _ => Ok(None),
        }
    }

    fn create(&self, change: &mut Change<'_, '_>, arriving: &Arriving) -> Result<Fate> {
        let owner = match (self.owner, &arriving.former) {
            (Some(owner), _) => owner,
            (None, Some(former)) => self.owner_of(change, former)?,
            (None, None) => self.scope.viewer(),
        };
        let mut memory = Memory { owner, ..arriving.memory.clone() };
        let granted = self.audience(change, &mut memory, &arriving.granted)?;
        if memory.superseded_by.is_some() || !memory.supersedes.is_empty() {
            self.follow_ids(change, &mut memory)?;
        }
        imported::store(&self.app, change, &self.scope, (&memory, &granted, &arriving.terms), self.now)?;
        self.note(change, (imported::NOUN, &arriving.source_id), (memory.id.to_string(), arriving.digest.clone()))?;
        Ok(Fate::Created)
    }

    fn update(&self, change: &mut Change<'_, '_>, old: &Memory, arriving: &Arriving) -> Result<Fate> {
        let mut new = Memory {
            id: old.id,
            owner: old.owner,
            trust: if old.trust == Trust::Quarantined { old.trust } else { arriving.memory.trust },
            superseded_by: old.superseded_by,
            supersedes: old.supersedes.clone(),
            access_count: old.access_count,
            accessed_at: old.accessed_at,
            relevance: old.relevance,
            version: old.version + 1,
            ..arriving.memory.clone()
        };
        self.audience(change, &mut new, &arriving.granted)?;
        let is_another_team = (new.access, old.access) == (Access::Team, Access::Team) && new.team_id != old.team_id;
        if self.access.is_none() && (new.access > old.access || is_another_team) {
            (new.access, new.team_id) = (old.access, old.team_id);
        }
        imported::replace(&self.app, change, (&self.scope, &self.who), (old, &new, &arriving.terms), self.now)?;
        self.note(change, (imported::NOUN, &arriving.source_id), (new.id.to_string(), arriving.digest.clone()))?;
        Ok(Fate::Updated)
    }

    fn note(&self, tx: &Tx<'_>, (noun, source_id): (&str, &str), (object, digest): (String, String)) -> Result<()> {
        let arrival = origins::Arrival { file_sha256: &self.file_sha256, at: self.now, job: self.job };
        Ok(origins::put(tx, &self.scope, self.origin(noun, source_id), &origins::Known { object, digest }, arrival)?)
    }

    /// Sets who may read a memory that has its owner: what the caller named; otherwise what held where it comes from, as
    /// far as it means the same here, and `private` where it does not. The grants that stay.
    fn audience(&self, tx: &Tx<'_>, memory: &mut Memory, granted: &[Grant]) -> Result<Vec<Grant>> {
        if let Some(access) = self.access {
            (memory.access, memory.team_id) = (access, None);
        }
        let mut known = Vec::new();
        for grant in granted {
            if grant.grantee != memory.owner.into() && grants::is_known(tx, &self.scope, grant.grantee)? {
                known.push(Grant { granted_by: memory.owner, ..grant.clone() });
            }
        }
        let holds = match (memory.access, memory.team_id) {
            (Access::Team, Some(team)) => {
                grants::is_known(tx, &self.scope, GranteeId::Team(team))?
                    && store::teams::is_member(tx, &self.scope, team, memory.owner)?
            }
            (Access::Team, None) | (Access::Private, _) => false,
            (Access::Shared, _) => !known.is_empty(),
            (Access::Public, _) => true,
            (Access::System, _) => self.who.has(Permission::MemoryManage),
        };
        if !holds {
            (memory.access, memory.team_id) = (Access::Private, None);
            known.clear();
        }
        Ok(known)
    }

    /// Puts the ids that memories have here in the place of those they had.
    fn follow_ids(&self, tx: &Tx<'_>, memory: &mut Memory) -> Result<()> {
        let follow = |old: MemoryId| {
            let id = old.to_string();
            if let Some(known) = origins::find(tx, &self.scope, self.origin(imported::NOUN, &id))? {
                return known.object.parse().map_err(|error| Error::internal().cause(error));
            }
            let is_here = memories::regardless(tx, &self.scope, old, self.now)?.is_some();
            Ok(if is_here { old } else { rows::successor(self.scope.workspace(), old) })
        };
        memory.superseded_by = memory.superseded_by.map(follow).transpose()?;
        memory.supersedes = memory.supersedes.iter().map(|old| follow(*old)).collect::<Result<_>>()?;
        Ok(())
    }

    /// Who owns here what this principal owned: the principal itself when it is of this workspace; otherwise a disabled
    /// agent without a credential that stands for it, made when it is first named. An agent that only has the same name is
    /// somebody else.
    fn owner_of(&self, change: &mut Change<'_, '_>, former: &Former) -> Result<PrincipalId> {
        if imported::is_principal(change, &self.scope, former.id)? {
            return Ok(former.id);
        }
        let id = former.id.to_string();
        if let Some(known) = origins::find(change, &self.scope, self.origin("agent", &id))? {
            return known.object.parse().map_err(|error| Error::internal().cause(error));
        }
        let agent = self.stand_in(change, former)?;
        store::agents::insert(change, &self.scope, &agent)?;
        change.publish("agent.created", agent.id);
        self.note(change, ("agent", &id), (agent.id.to_string(), String::new()))?;
        Ok(PrincipalId::Agent(agent.id))
    }

    fn stand_in(&self, tx: &Tx<'_>, former: &Former) -> Result<Agent> {
        let (workspace, principal) = (self.scope.workspace().to_string(), former.id.to_string());
        let digest = security::digest::sha256(&[workspace.as_bytes(), principal.as_bytes()]);
        let bits = digest.into_iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(byte));
        let mut checks = Checks::default();
        agents::check_name(&mut checks, &former.name);
        let is_sound = checks.done().is_ok() && agents::check_reserved(&former.name).is_ok();
        let mut name = if is_sound { former.name.clone() } else { "imported".to_owned() };
        if !is_sound || store::agents::by_name(tx, &self.scope, &name)?.is_some() {
            // Sound names are ASCII, so that any place is one between two characters.
            name.truncate(40);
            name = format!("{name}-{}", security::digest::hex(&digest).chars().take(16).collect::<String>());
        }
        Ok(Agent {
            id: AgentId::new(self.now, bits),
            display_name: name.clone(),
            name,
            agent_type: "imported".to_owned(),
            role: Role::Reader.as_str().to_owned(),
            grants: Vec::new(),
            owner: None,
            capabilities: serde_json::Map::new(),
            status: "disabled".to_owned(),
            last_seen_at: None,
            created_at: self.now,
            version: 1,
        })
    }
}

/// Whether an error is about one row; any other ends the call.
pub(super) fn is_of_a_row(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::InvalidInput
            | Code::TooLarge
            | Code::SecretDetected
            | Code::KeyExists
            | Code::QuotaExceeded
            | Code::PermissionDenied
    )
}
