//! Credentials to callers. A credential seen before is checked without the database.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use security::{api_key, digest::Digest};
use store::{Scope, keys::KeyRow};
use tokio::sync::watch;
use types::{PrincipalId, Timestamp, WorkspaceId, agent::Agent, workspace::Workspace};

use super::{
    Caller, Credential, Identity, Origin, Permissions, Role, everything, role::NEVER_IN_A_KEY, unauthenticated,
};
use crate::{App, Code, Error, Result, audit::denials, generations::Generations};

/// What a client shows.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// Nothing.
    Nothing,
    /// A bearer token or API key.
    Bearer(&'a str),
    /// The data directory's Unix socket: the peer's user id, already found to own the directory, and the workspace
    /// asked for; none is `default`.
    Socket {
        /// The peer's user id.
        uid: u32,
        /// The workspace's slug.
        workspace: Option<&'a str>,
    },
}

/// Identities seen before. A change of any key, agent or workspace makes all of them be read anew.
#[derive(Clone)]
pub(crate) struct Identities {
    inner: Arc<Inner>,
}

struct Inner {
    generation: watch::Sender<u64>,
    known: Mutex<Generations<Digest, (u64, Arc<Identity>)>>,
}

impl Default for Identities {
    fn default() -> Self {
        let known = Mutex::new(Generations::new(super::limit::TABLE));
        Self { inner: Arc::new(Inner { generation: watch::Sender::new(0), known }) }
    }
}

impl Identities {
    /// Whether an event changes who may do what.
    pub(crate) fn concerns(kind: &str) -> bool {
        ["key.", "agent.", "workspace."].iter().any(|noun| kind.starts_with(noun))
    }

    /// What was known is read anew before it is used again.
    pub(crate) fn forget(&self) {
        self.inner.generation.send_modify(|generation| *generation += 1);
    }

    fn generation(&self) -> u64 {
        *self.inner.generation.borrow()
    }

    fn find(&self, hash: &Digest) -> Option<Arc<Identity>> {
        let generation = self.generation();
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, identity) = known.get(hash)?;
        (*seen == generation).then(|| Arc::clone(identity))
    }

    fn keep(&self, hash: Digest, generation: u64, identity: &Arc<Identity>) {
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(hash, (generation, Arc::clone(identity)));
    }
}

impl App {
    /// Finds out who calls.
    pub(crate) async fn identify(self: &Arc<Self>, presented: Presented<'_>, origin: Origin) -> Result<Caller> {
        let origin = Arc::new(origin);
        let found = match presented {
            Presented::Nothing => return Ok(Caller::Visitor(origin)),
            Presented::Bearer(text) => self.by_key(text, &Caller::Visitor(Arc::clone(&origin))).await,
            Presented::Socket { uid, workspace } => self.local_operator(uid, workspace).await,
        };
        match found {
            Ok(identity) => Ok(Caller::Known(identity, origin)),
            Err(error) => {
                if error.code() == Code::Unauthenticated {
                    self.metrics.credentials_refused.fetch_add(1, Ordering::Relaxed);
                }
                denials::note(self, &Caller::Visitor(origin), denials::CREDENTIAL, &error).await?;
                Err(error)
            }
        }
    }

    async fn by_key(self: &Arc<Self>, text: &str, stranger: &Caller) -> Result<Arc<Identity>> {
        let (now, origin) = (self.now(), stranger.origin());
        let Some(hash) = api_key::lookup(text) else {
            self.limits.count_refused(origin.address, now)?;
            return Err(unauthenticated());
        };
        if let Some(identity) = self.identities.find(&hash)
            && identity.expires_at.is_none_or(|end| now < end)
        {
            self.used(&identity, now);
            return Ok(identity);
        }
        self.limits.refused_too_often(origin.address, now)?;
        // Read before the rows are: a change that is committed meanwhile makes this entry stale.
        let generation = self.identities.generation();
        let row = self.store.read(move |tx| {
            let reason = everything("a credential names its workspace");
            let Some(key) = store::keys::by_hash(tx, reason, &hash)? else { return Ok(None) };
            let agent = match key.principal {
                PrincipalId::Agent(id) => store::agents::behind(tx, reason, key.workspace, id)?,
                PrincipalId::User(_) => None,
            };
            let workspace = store::workspaces::by_id(tx, reason, key.workspace)?;
            Ok::<_, Error>(agent.zip(workspace).map(|(agent, workspace)| (key, agent, workspace)))
        });
        self.metrics.credential_reads.fetch_add(1, Ordering::Relaxed);
        let (key, agent) = match row.await? {
            Some((key, agent, workspace)) if is_usable(&key, &agent, &workspace, now) => (key, agent),
            found => {
                self.limits.count_refused(origin.address, now)?;
                if let Some((key, ..)) = found.filter(|(key, ..)| key.revoked_at.is_some()) {
                    denials::note_in(self, key.workspace, stranger, denials::REVOKED, &unauthenticated()).await?;
                }
                return Err(unauthenticated());
            }
        };
        let identity = Arc::new(identity(&key, &agent)?);
        self.identities.keep(hash, generation, &identity);
        self.used(&identity, now);
        Ok(identity)
    }

    /// Waits until a credential has ended. Looks when anything about identities changed, and every second for its expiry.
    pub(crate) async fn credential_ended(&self, identity: &Identity) {
        let Credential::Key(id) = identity.credential else { return std::future::pending().await };
        let mut changed = self.identities.inner.generation.subscribe();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        #[expect(clippy::disallowed_methods, reason = "access makes the scopes")]
        let scope = Scope::of(identity.workspace, identity.principal);
        loop {
            tokio::select! {
                _ = changed.changed() => {
                    let now = self.now();
                    let live = self.store.read(move |tx| {
                        let key = store::keys::get(tx, &scope, id)?;
                        let agent = match scope.viewer() {
                            PrincipalId::Agent(agent) => store::agents::get(tx, &scope, agent)?,
                            PrincipalId::User(_) => None,
                        };
                        Ok::<_, Error>(key.zip(agent).is_some_and(|(key, agent)| {
                            ends(&key).is_none_or(|end| now < end) && agent.status == "active"
                        }))
                    });
                    // What cannot be told to be alive is treated as ended.
                    if !live.await.unwrap_or(false) {
                        return;
                    }
                }
                _ = tick.tick() => {
                    if identity.expires_at.is_some_and(|end| end <= self.now()) {
                        return;
                    }
                }
            }
        }
    }

    fn used(&self, identity: &Identity, now: Timestamp) {
        if let (Credential::Key(key), PrincipalId::Agent(agent)) = (identity.credential, identity.principal) {
            self.tally.key_used(key, agent, now);
        }
    }

    async fn local_operator(self: &Arc<Self>, uid: u32, slug: Option<&str>) -> Result<Arc<Identity>> {
        let slug = slug.unwrap_or("default").to_owned();
        let found = self
            .store
            .read(move |tx| {
                Ok::<_, Error>(store::workspaces::by_slug(tx, everything("the operator names a workspace"), &slug)?)
            })
            .await?;
        let Some(workspace) = found else {
            return Err(Error::new(Code::NotFound, "there is no workspace of this name")
                .hint("`guildhall workspace list` shows them"));
        };
        Ok(Arc::new(local_identity(uid, workspace.id)))
    }
}

fn is_usable(key: &KeyRow, agent: &Agent, workspace: &Workspace, now: Timestamp) -> bool {
    ends(key).is_none_or(|end| now < end) && agent.status == "active" && workspace.status == "active"
}

/// The first of the moments at which a key stops working.
fn ends(key: &KeyRow) -> Option<Timestamp> {
    [Some(key.expires_at), key.rotates_out_at, key.revoked_at, key.suspended_at].into_iter().flatten().min()
}

fn identity(key: &KeyRow, agent: &Agent) -> Result<Identity> {
    let unknown = |what: String| Error::internal().cause(format!("{what} in the database"));
    let role = Role::parse(&agent.role).ok_or_else(|| unknown(format!("unknown role {}", agent.role)))?;
    let parse = |names: &[String]| {
        Permissions::parse(names.iter().map(String::as_str))
            .map_err(|name| unknown(format!("unknown permission {name}")))
    };
    let rights = role.permissions().or(parse(&agent.grants)?);
    let carried = match &key.permissions {
        Some(names) => parse(names)?,
        None => rights,
    };
    let never = Permissions::of(NEVER_IN_A_KEY);
    let permissions = Permissions::of(
        &super::Permission::ALL
            .iter()
            .copied()
            .filter(|one| rights.and(carried).has(*one) && !never.has(*one))
            .collect::<Vec<_>>(),
    );
    Ok(Identity {
        principal: PrincipalId::Agent(agent.id),
        name: agent.name.clone(),
        agent_type: Some(agent.agent_type.clone()),
        role,
        workspace: key.workspace,
        permissions,
        credential: Credential::Key(key.id),
        toolsets: key.toolsets.clone(),
        expires_at: ends(key),
        rates: Some((key.rate_per_minute, key.rate_per_hour)),
    })
}

/// Whoever owns the data directory, in one workspace.
pub(crate) fn local_identity(uid: u32, workspace: WorkspaceId) -> Identity {
    Identity {
        principal: PrincipalId::LOCAL,
        name: "local".into(),
        agent_type: None,
        role: Role::Admin,
        workspace,
        permissions: Role::Admin.permissions(),
        credential: Credential::Socket { uid },
        toolsets: None,
        expires_at: None,
        rates: None,
    }
}
