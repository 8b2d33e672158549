//! `team.remove`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::{PrincipalId, TeamId, team::Team};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Takes a principal out of a team.
pub struct Remove;

/// Who, and where from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// Which team.
    id: TeamId,
    /// Who leaves it.
    principal: PrincipalId,
}

impl Operation for Remove {
    const SPEC: Spec = Spec {
        id: "team.remove",
        summary: "Take a principal out of a team; from the next call on it sees nothing through it.",
        access: Access::Permission(Permission::TeamManage),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("remove.json"),
        tool: None,
        routes: &[route("DELETE", "/api/v1/teams/{id}/members/{principal}")],
    };
    type Who = Known;
    type Input = Leaving;
    type Output = Json<Team>;

    async fn run(call: Call<Known>, leaving: Leaving) -> Result<Json<Team>> {
        let (scope, principal) = (call.scope(), leaving.principal);
        call.write(move |change| {
            let team = super::found(change, &scope, leaving.id)?;
            if !store::teams::remove_member(change, &scope, team.id, principal)? {
                return Err(Error::not_found());
            }
            change.touched(team.id);
            change.detail("principal", principal.to_string());
            super::turned(change, &scope, team).map(Verdict::Done)
        })
        .await
        .map(Json)
    }
}
