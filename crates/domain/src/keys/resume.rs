//! `key.resume`

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Verdict, keys::KeyRow};
use types::{KeyId, key::ApiKey};

use super::{reached, shown};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Lets a key work again that a restore suspended.
pub struct Resume;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: KeyId,
}

impl Operation for Resume {
    const SPEC: Spec = Spec {
        id: "key.resume",
        summary: "Let an API key work again that a restore suspended. A revoked or expired key stays what it is.",
        access: Access::Interactive(Permission::KeyManage),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("resume.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/keys/{id}/resume")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<ApiKey>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<ApiKey>> {
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        call.write(move |change| {
            let key = reached(change, &who, which.id)?;
            store::keys::resume(change, &scope, key.id)?;
            change.touched(key.id);
            change.publish("key.resumed", key.id);
            Ok(Verdict::Done(shown(&KeyRow { suspended_at: None, ..key }, now)))
        })
        .await
        .map(Json)
    }
}
