//! `memory.create_many`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Verdict;
use types::memory::{Change, Memory};

use super::create::NewMemory;
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Memories one call may store.
const MOST: usize = 100;

/// Stores several memories of the caller, all or none.
pub struct CreateMany;

/// New memories.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMemories {
    /// 1 to 100 of what `create_memory` takes.
    items: Vec<NewMemory>,
}

/// What was stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StoredMemories")]
pub struct Stored {
    /// In the order given.
    items: Vec<Memory>,
}

/// Says which item an error is about.
fn at(index: usize) -> impl Fn(Error) -> Error {
    move |error| error.fact("index", index)
}

impl Operation for CreateMany {
    const SPEC: Spec = Spec {
        id: "memory.create_many",
        summary: "Store up to 100 memories at once: all of them, or none if one is wrong.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::KeyExists, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("create_many.json"),
        tool: Some(Tool { name: "create_memories", set: "memory", listed: &[] }),
        routes: &[route("POST", "/api/v1/memories/batch")],
    };
    type Who = Known;
    type Input = NewMemories;
    type Output = Json<Stored>;

    async fn run(call: Call<Known>, input: NewMemories) -> Result<Json<Stored>> {
        if !(1..=MOST).contains(&input.items.len()) {
            return Err(Error::invalid("items", format!("has {}, 1 to {MOST} are allowed", input.items.len())));
        }
        let items = input.items.into_iter().enumerate().map(|(n, item)| item.checked(&call).map_err(at(n)));
        let items = items.collect::<Result<Vec<_>>>()?;
        let (scope, who, app) = (call.scope(), call.who().clone(), Arc::clone(&call.app));
        call.write(move |change| {
            for (n, (memory, terms)) in items.iter().enumerate() {
                super::store_new(&app, change, (&scope, &who), (memory, Change::Created), terms).map_err(at(n))?;
            }
            change.detail("count", items.len());
            Ok(Verdict::Done(Stored { items: items.iter().map(|(memory, _)| memory.clone()).collect() }))
        })
        .await
        .map(Json)
    }
}
