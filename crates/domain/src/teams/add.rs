//! `team.add`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::{PrincipalId, TeamId, team::Team};

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Puts a principal into a team.
pub struct Add;

/// Who, and where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// Which team.
    id: TeamId,
    /// Who joins it: an agent of this workspace, or the local operator.
    principal: PrincipalId,
}

impl Operation for Add {
    const SPEC: Spec = Spec {
        id: "team.add",
        summary: "Put a principal into a team; who is in it already stays, and nothing changes.",
        access: Access::Permission(Permission::TeamManage),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::QuotaExceeded, Code::UnknownPrincipal],
        example: include_str!("add.json"),
        tool: None,
        routes: &[route("PUT", "/api/v1/teams/{id}/members/{principal}")],
    };
    type Who = Known;
    type Input = Joining;
    type Output = Json<Team>;

    async fn run(call: Call<Known>, joining: Joining) -> Result<Json<Team>> {
        let (scope, now, principal) = (call.scope(), call.now(), joining.principal);
        call.write(move |change| {
            let team = super::found(change, &scope, joining.id)?;
            change.touched(team.id);
            change.detail("principal", principal.to_string());
            if store::teams::is_member(change, &scope, team.id, principal)? {
                return Ok(Verdict::Done(team));
            }
            super::check_principal(change, &scope, principal)?;
            super::check_room(change, &scope, &team, principal)?;
            store::teams::add_member(change, &scope, team.id, principal, now)?;
            super::turned(change, &scope, team).map(Verdict::Done)
        })
        .await
        .map(Json)
    }
}
