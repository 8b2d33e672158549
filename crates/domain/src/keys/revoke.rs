//! `key.revoke`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::KeyId;

use super::reached;
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Nothing, Operation, Rate, Replay, Spec, route},
};

/// Ends a key now.
pub struct Revoke;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: KeyId,
}

impl Operation for Revoke {
    const SPEC: Spec = Spec {
        id: "key.revoke",
        summary: "End an API key now: it is refused from the next call on.",
        access: Access::Permission(Permission::KeyOwn),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("revoke.json"),
        tool: None,
        routes: &[route("DELETE", "/api/v1/keys/{id}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Nothing;

    async fn run(call: Call<Known>, which: Which) -> Result<Nothing> {
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        call.write(move |change| {
            let key = reached(change, &who, which.id)?;
            if key.revoked_at.is_none() {
                store::keys::revoke(change, &scope, key.id, now)?;
            }
            change.touched(key.id);
            change.publish("key.revoked", key.id);
            Ok(Verdict::Done(()))
        })
        .await
        .map(|()| Nothing)
    }
}
