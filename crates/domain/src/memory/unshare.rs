//! `memory.unshare`

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Verdict, memories::grants};
use types::{GranteeId, MemoryId};

use super::share::{Grants, owned};
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Takes a grant back.
pub struct Unshare;

/// Whose grant on which memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which memory.
    id: MemoryId,
    /// Whose grant.
    grantee: GranteeId,
}

impl Operation for Unshare {
    const SPEC: Spec = Spec {
        id: "memory.unshare",
        summary: "Take back what a principal or team was granted on a memory of yours; it takes effect on their next call.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Withdraw,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("unshare.json"),
        tool: Some(Tool { name: "unshare_memory", set: "memory", listed: &[] }),
        routes: &[route("DELETE", "/api/v1/memories/{id}/grants/{grantee}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Grants>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Grants>> {
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let memory = owned(change, &scope, which.id, now)?;
            if !grants::take(change, &scope, memory.id, which.grantee)? {
                return Err(Error::not_found());
            }
            change.touched(memory.id);
            change.publish("memory.shared", memory.id);
            let grants = grants::list(change, &scope, memory.id)?;
            Ok(Verdict::Done(Grants { id: memory.id, access: memory.access, grants }))
        })
        .await
        .map(Json)
    }
}
