//! Credentials to callers. A credential seen before is checked without the database.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use security::{api_key, digest::Digest};
use store::{Scope, keys::KeyRow};
use tokio::sync::watch;
use types::{KeyId, PrincipalId, Timestamp, WorkspaceId, agent::Agent, workspace::Workspace};

use super::{
    Caller, Credential, Identity, Origin, Permissions, Role, everything, role::NEVER_IN_A_KEY, system_scope,
    unauthenticated,
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
    /// The same peer, who acts as an agent of the workspace: with its rights, never as the local operator.
    SocketAgent {
        /// The peer's user id.
        uid: u32,
        /// The workspace's slug.
        workspace: Option<&'a str>,
        /// The agent's name, in any case.
        name: &'a str,
    },
}

/// The slug of the workspace that is meant when none is named.
const DEFAULT: &str = "default";

/// By what an identity is found again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Proof {
    Key(Digest),
    Agent { uid: u32, workspace: String, name: String },
}

/// Identities seen before. A change of any key, agent or workspace makes all of them be read anew.
#[derive(Clone)]
pub(crate) struct Identities {
    inner: Arc<Inner>,
}

struct Inner {
    generation: watch::Sender<u64>,
    known: Mutex<Generations<Proof, (u64, Arc<Identity>)>>,
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

    fn find(&self, proof: &Proof) -> Option<Arc<Identity>> {
        let generation = self.generation();
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, identity) = known.get(proof)?;
        (*seen == generation).then(|| Arc::clone(identity))
    }

    fn keep(&self, proof: Proof, generation: u64, identity: &Arc<Identity>) {
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(proof, (generation, Arc::clone(identity)));
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
            Presented::SocketAgent { uid, workspace, name } => {
                let (workspace, name) = (workspace.unwrap_or(DEFAULT).to_owned(), name.to_ascii_lowercase());
                self.by_name(uid, workspace, name).await
            }
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
        let proof = Proof::Key(hash);
        if let Some(identity) = self.identities.find(&proof)
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
        self.identities.keep(proof, generation, &identity);
        self.used(&identity, now);
        Ok(identity)
    }

    /// An agent of the data directory's owner; the name is in lower case.
    async fn by_name(self: &Arc<Self>, uid: u32, workspace: String, name: String) -> Result<Arc<Identity>> {
        let now = self.now();
        let proof = Proof::Agent { uid, workspace: workspace.clone(), name: name.clone() };
        if let Some(identity) = self.identities.find(&proof) {
            self.used(&identity, now);
            return Ok(identity);
        }
        let generation = self.identities.generation();
        let found = self.store.read(move |tx| {
            let reason = everything("the owner of the directory names a workspace and its agent");
            let Some(workspace) = store::workspaces::by_slug(tx, reason, &workspace)? else { return Ok(None) };
            let agent = store::agents::by_name(tx, &system_scope(workspace.id), &name)?;
            Ok::<_, Error>(agent.map(|agent| (agent, workspace)))
        });
        self.metrics.credential_reads.fetch_add(1, Ordering::Relaxed);
        let Some((agent, workspace)) = found.await?.filter(|(agent, workspace)| is_at_work(agent, workspace)) else {
            return Err(unauthenticated());
        };
        let identity = Arc::new(agent_identity(&agent, workspace.id, Credential::SocketAgent { uid })?);
        self.identities.keep(proof, generation, &identity);
        self.used(&identity, now);
        Ok(identity)
    }

    /// Waits until a credential has ended. Looks when anything about identities changed, and every second for its expiry.
    pub(crate) async fn credential_ended(&self, identity: &Identity) {
        let key = match identity.credential {
            Credential::Key(id) => Some(id),
            Credential::SocketAgent { .. } => None,
            Credential::Socket { .. } => return std::future::pending().await,
        };
        let mut changed = self.identities.inner.generation.subscribe();
        // It may have ended between the call's begin and here.
        changed.mark_changed();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        #[expect(clippy::disallowed_methods, reason = "access makes the scopes")]
        let scope = Scope::of(identity.workspace, identity.principal);
        loop {
            tokio::select! {
                _ = changed.changed() => {
                    let now = self.now();
                    let live = self.store.read(move |tx| is_live(tx, &scope, key, now));
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
        let PrincipalId::Agent(agent) = identity.principal else { return };
        match identity.credential {
            Credential::Key(key) => self.tally.key_used(key, agent, now),
            Credential::Socket { .. } | Credential::SocketAgent { .. } => self.tally.agent_called(agent, now),
        }
    }

    async fn local_operator(self: &Arc<Self>, uid: u32, slug: Option<&str>) -> Result<Arc<Identity>> {
        let slug = slug.unwrap_or(DEFAULT).to_owned();
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
    ends(key).is_none_or(|end| now < end) && is_at_work(agent, workspace)
}

fn is_at_work(agent: &Agent, workspace: &Workspace) -> bool {
    agent.status == "active" && workspace.status == "active"
}

/// Whether the agent of a scope is active, and its key, where it has one, not ended.
fn is_live(tx: &store::Tx<'_>, scope: &Scope, key: Option<KeyId>, now: Timestamp) -> Result<bool> {
    let PrincipalId::Agent(agent) = scope.viewer() else { return Ok(false) };
    let agent = store::agents::get(tx, scope, agent)?;
    let workspace = store::workspaces::by_id(tx, everything("a stream ends with its workspace"), scope.workspace())?;
    let key = match key {
        Some(id) => store::keys::get(tx, scope, id)?.is_some_and(|key| ends(&key).is_none_or(|end| now < end)),
        None => true,
    };
    Ok(key && agent.zip(workspace).is_some_and(|(agent, workspace)| is_at_work(&agent, &workspace)))
}

/// The first of the moments at which a key stops working.
fn ends(key: &KeyRow) -> Option<Timestamp> {
    [Some(key.expires_at), key.rotates_out_at, key.revoked_at, key.suspended_at].into_iter().flatten().min()
}

fn unknown(what: String) -> Error {
    Error::internal().cause(format!("{what} in the database"))
}

fn parse(names: &[String]) -> Result<Permissions> {
    Permissions::parse(names.iter().map(String::as_str)).map_err(|name| unknown(format!("unknown permission {name}")))
}

/// An agent with all that a credential of it can carry.
fn agent_identity(agent: &Agent, workspace: WorkspaceId, credential: Credential) -> Result<Identity> {
    let role = Role::parse(&agent.role).ok_or_else(|| unknown(format!("unknown role {}", agent.role)))?;
    let rights = role.permissions().or(parse(&agent.grants)?);
    let never = Permissions::of(NEVER_IN_A_KEY);
    let carried = super::Permission::ALL.iter().copied().filter(|one| rights.has(*one) && !never.has(*one));
    Ok(Identity {
        principal: PrincipalId::Agent(agent.id),
        name: agent.name.clone(),
        agent_type: Some(agent.agent_type.clone()),
        role,
        workspace,
        permissions: Permissions::of(&carried.collect::<Vec<_>>()),
        credential,
        toolsets: None,
        expires_at: None,
        rates: None,
    })
}

fn identity(key: &KeyRow, agent: &Agent) -> Result<Identity> {
    let whole = agent_identity(agent, key.workspace, Credential::Key(key.id))?;
    let permissions = match &key.permissions {
        Some(names) => whole.permissions.and(parse(names)?),
        None => whole.permissions,
    };
    Ok(Identity {
        permissions,
        toolsets: key.toolsets.clone(),
        expires_at: ends(key),
        rates: Some((key.rate_per_minute, key.rate_per_hour)),
        ..whole
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
