//! `auth.whoami`

use schemars::JsonSchema;
use serde::Serialize;
use types::{PrincipalId, TeamId, Timestamp, WorkspaceId};

use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Says who the caller is.
pub struct Whoami;

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Whoami")]
pub struct Me {
    /// Who acts.
    principal: PrincipalId,
    /// Their name.
    name: String,
    /// What runs behind an agent.
    agent_type: Option<String>,
    /// Their tenant.
    workspace: WorkspaceId,
    /// Their role.
    role: &'static str,
    /// What this credential may do.
    permissions: Vec<&'static str>,
    /// The teams they belong to at this moment, by id.
    teams: Vec<MyTeam>,
    /// The face the call came through.
    via: &'static str,
    /// The credential's name.
    credential_id: String,
    /// When the credential ends.
    credential_expires_at: Option<Timestamp>,
    /// The client's address as the server saw it.
    client_address: Option<String>,
}

/// A team the caller belongs to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MyTeam {
    /// Its id.
    id: TeamId,
    /// Its name.
    name: String,
}

impl Operation for Whoami {
    const SPEC: Spec = Spec {
        id: "auth.whoami",
        summary: "Say who you are here: principal, role, permissions, teams and when your credential ends.",
        access: Access::AnyPrincipal,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("whoami.json"),
        tool: Some(Tool { name: "whoami", set: "core", listed: &[] }),
        routes: &[route("GET", "/api/v1/whoami"), route("GET", "/api/v1/me")],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Json<Me>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Json<Me>> {
        let scope = call.scope();
        let teams = call.read(move |tx| Ok(store::teams::named_memberships(tx, &scope, scope.viewer())?)).await?;
        let (identity, origin) = (call.who().identity(), call.who().origin());
        Ok(Json(Me {
            principal: identity.principal,
            name: identity.name.clone(),
            agent_type: identity.agent_type.clone(),
            workspace: identity.workspace,
            role: identity.role.as_str(),
            permissions: identity.permissions.names(),
            teams: teams.into_iter().map(|(id, name)| MyTeam { id, name }).collect(),
            via: origin.via.as_str(),
            credential_id: identity.credential.id(),
            credential_expires_at: identity.expires_at,
            client_address: origin.address.map(|address| address.to_string()),
        }))
    }
}
