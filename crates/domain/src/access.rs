//! Who calls and what they may do. The only place that makes a [`Permit`] and a [`Scope`].

use std::{net::IpAddr, sync::Arc};

use store::{Everything, Scope};
use types::{KeyId, PrincipalId, Timestamp, WorkspaceId};

use crate::{
    Code, Error, Result,
    operation::{Access, Spec},
};

pub(crate) mod identify;
pub mod limit;
pub mod permission;
pub mod role;

pub use permission::{Permission, Permissions};
pub use role::Role;

/// The face a call came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// REST over the network.
    Rest,
    /// An MCP client.
    Mcp,
    /// The data directory's Unix socket.
    Socket,
    /// The server itself.
    System,
}

impl Via {
    /// The word in audit rows and provenance.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Mcp => "mcp",
            Self::Socket => "socket",
            Self::System => "system",
        }
    }
}

/// Where a call comes from, whoever makes it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The face.
    pub via: Via,
    /// The client's address; none on the Unix socket.
    pub address: Option<IpAddr>,
    /// What the client calls itself, at most 200 characters.
    pub user_agent: Option<String>,
    /// Finds the call in the log.
    pub request_id: String,
}

/// What a caller proved themselves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    Key(KeyId),
    /// The Unix socket's peer, who owns the data directory.
    Socket {
        /// Their user id.
        uid: u32,
    },
    /// The same peer, who acts as an agent: no more than that agent's own rights.
    SocketAgent {
        /// Their user id.
        uid: u32,
    },
}

impl Credential {
    /// The credential's name in audit rows.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Key(id) => id.to_string(),
            Self::Socket { uid } | Self::SocketAgent { uid } => format!("uid:{uid}"),
        }
    }
}

/// An authenticated principal with the rights of one credential.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who acts.
    pub principal: PrincipalId,
    /// Their name, for people.
    pub name: String,
    /// What runs behind an agent.
    pub agent_type: Option<String>,
    /// Their role.
    pub role: Role,
    /// Their tenant.
    pub workspace: WorkspaceId,
    /// (role ∪ grants) ∩ the credential's.
    pub permissions: Permissions,
    /// What they proved themselves with.
    pub credential: Credential,
    /// MCP toolsets the credential lists by default.
    pub toolsets: Option<Vec<String>>,
    /// When the credential ends.
    pub expires_at: Option<Timestamp>,
    /// Calls per minute and per hour of the key; none without a key.
    pub rates: Option<(u32, u32)>,
}

/// Who makes a call. Rebuilt for every call, and only from its credential.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Somebody who proved who they are.
    Known(Arc<Identity>, Arc<Origin>),
    /// Anybody.
    Visitor(Arc<Origin>),
}

impl Caller {
    /// Where the call comes from.
    #[must_use]
    pub fn origin(&self) -> &Arc<Origin> {
        match self {
            Self::Known(_, origin) | Self::Visitor(origin) => origin,
        }
    }

    /// Who calls, if they proved it.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        match self {
            Self::Known(identity, _) => Some(identity),
            Self::Visitor(_) => None,
        }
    }

    /// Whether [`authorize`](Party::admit) would let this caller reach the operation.
    #[must_use]
    pub fn may(&self, spec: &Spec) -> bool {
        match self {
            Self::Known(identity, _) => check(identity, spec).is_ok(),
            Self::Visitor(_) => spec.access == Access::Open,
        }
    }
}

/// Proof that the caller was authorised for the operation it stands in. Made only here.
#[derive(Debug, Clone)]
pub struct Permit(());

/// Who reaches an operation's `run`.
pub trait Party: Send + Sync + Sized + 'static {
    /// Lets the caller in, or says why not.
    ///
    /// # Errors
    /// `unauthenticated` or `permission_denied`.
    fn admit(from: &Caller, spec: &Spec) -> Result<Self>;
}

/// A principal who may do this.
#[derive(Debug, Clone)]
pub struct Known {
    identity: Arc<Identity>,
    origin: Arc<Origin>,
    scope: Scope,
    permit: Permit,
}

/// Anybody; exists only where the specification says [`Access::Open`].
#[derive(Debug, Clone)]
pub struct Visitor {
    origin: Arc<Origin>,
}

impl Known {
    /// Who they are.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the call comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The rows they may touch.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The proof.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Whether they may do this.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        self.identity.permissions.has(permission)
    }

    /// Refuses whoever may not do this.
    ///
    /// # Errors
    /// `permission_denied`, naming what is required.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.has(permission) { Ok(()) } else { Err(denied(permission.as_str())) }
    }

    /// Every workspace, for operations that only the local operator reaches.
    ///
    /// # Errors
    /// `permission_denied` for anybody else.
    pub fn everything(&self, reason: &'static str) -> Result<Everything> {
        match self.identity.credential {
            Credential::Socket { .. } => Ok(everything(reason)),
            Credential::Key(_) | Credential::SocketAgent { .. } => Err(denied("the local operator")),
        }
    }
}

impl Visitor {
    /// Where the call comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Reach across workspaces for the server's own work.
pub(crate) fn everything(reason: &'static str) -> Everything {
    #[expect(clippy::disallowed_methods, reason = "access makes the scopes")]
    Everything::because(reason)
}

/// One workspace, seen by the server itself.
pub(crate) fn system_scope(workspace: WorkspaceId) -> Scope {
    #[expect(clippy::disallowed_methods, reason = "access makes the scopes")]
    Scope::of(workspace, PrincipalId::LOCAL)
}

fn denied(required: &str) -> Error {
    Error::new(Code::PermissionDenied, format!("this needs {required}"))
        .fact("required", required)
        .hint("`whoami` lists what this credential may do; an operator can grant more")
}

fn check(identity: &Identity, spec: &Spec) -> Result<()> {
    match spec.access {
        Access::Open | Access::AnyPrincipal => Ok(()),
        Access::Permission(needed) if identity.permissions.has(needed) => Ok(()),
        Access::Permission(needed) => Err(denied(needed.as_str())),
        Access::Interactive(needed) => match identity.credential {
            Credential::Key(_) | Credential::SocketAgent { .. } => {
                Err(denied("an interactive login or the local operator")
                    .hint("use the command line on the server's machine, such as `guildhall key create`"))
            }
            Credential::Socket { .. } if identity.permissions.has(needed) => Ok(()),
            Credential::Socket { .. } => Err(denied(needed.as_str())),
        },
        Access::LocalOperator => match identity.credential {
            Credential::Socket { .. } => Ok(()),
            Credential::Key(_) | Credential::SocketAgent { .. } => Err(denied("the local operator")
                .hint("use the command line on the server's machine, such as `guildhall workspace list`")),
        },
    }
}

impl Party for Known {
    fn admit(from: &Caller, spec: &Spec) -> Result<Self> {
        let Caller::Known(identity, origin) = from else {
            return Err(unauthenticated());
        };
        check(identity, spec)?;
        #[expect(clippy::disallowed_methods, reason = "access makes the scopes")]
        let scope = Scope::of(identity.workspace, identity.principal);
        Ok(Self { identity: Arc::clone(identity), origin: Arc::clone(origin), scope, permit: Permit(()) })
    }
}

impl Party for Visitor {
    fn admit(from: &Caller, spec: &Spec) -> Result<Self> {
        if spec.access == Access::Open {
            Ok(Self { origin: Arc::clone(from.origin()) })
        } else {
            Err(Error::internal().cause("an operation for visitors is not declared open"))
        }
    }
}

/// The one answer to every missing, malformed, unknown, expired or revoked credential.
#[must_use]
pub fn unauthenticated() -> Error {
    Error::new(Code::Unauthenticated, "a valid credential is needed")
        .hint("send `Authorization: Bearer <API key>`; `guildhall key create` makes one")
}
