//! `memory.set`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::Verdict;
use types::{
    PrincipalId,
    memory::{Access as MemoryAccess, Claimed, Layer, Memory},
};

use super::fields::{self, Lifetime};
use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    input::{Checks, present},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Sets the value the caller keeps under a key.
pub struct Set;

/// A keyed value. It replaces value or content, metadata, tags, access and expiry as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// 1 to 255 characters without whitespace.
    key: String,
    /// Any JSON but null, up to 64 KiB. Give this or `content`.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    /// A text, up to 100,000 characters.
    content: Option<String>,
    /// Default true; false refuses to replace a live value.
    overwrite: Option<bool>,
    /// Only if it is at this version.
    expected_version: Option<i64>,
    /// Seconds to live, up to a year; absent or 0 for ever.
    expires_in: Option<i64>,
    /// `short` 1 day, `mid` 7 days, `long` for ever.
    layer: Option<Layer>,
    /// Who may read it; default `private`.
    access: Option<MemoryAccess>,
    /// Project label.
    project: Option<String>,
    /// Free JSON object.
    #[serde(default)]
    metadata: Map<String, Value>,
    /// Up to 32 labels.
    #[serde(default)]
    tags: Vec<String>,
    /// Whose; default you.
    owner: Option<PrincipalId>,
}

/// What was set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SetMemory {
    /// The memory.
    #[serde(flatten)]
    memory: Memory,
    /// It is new.
    created: bool,
}

impl NewValue {
    fn checked(self, call: &Call<Known>) -> Result<Memory> {
        let mut checks = Checks::default();
        let lifetime = Lifetime { layer: self.layer, expires_in: self.expires_in };
        let key = fields::key(&mut checks, &self.key);
        fields::body(&mut checks, self.content.as_deref(), self.value.as_ref());
        let tags = fields::tags(&mut checks, &self.tags);
        fields::lifetime(&mut checks, &lifetime);
        fields::optional_line(&mut checks, "project", self.project.as_deref(), 255);
        fields::metadata(&mut checks, &self.metadata);
        checks.done()?;
        Ok(Memory {
            key: Some(key),
            kind: super::default_kind(self.value.as_ref()),
            content: self.content,
            value: self.value,
            tags,
            access: self.access.unwrap_or(MemoryAccess::Private),
            layer: self.layer,
            expires_at: super::expiry(&lifetime, call.now()),
            metadata: self.metadata,
            ..fields::fresh(call, self.project, Claimed::default())?
        })
    }
}

/// The new value in the place of the old one: what a set does not speak of stays.
fn replacing(new: &Memory, old: Memory) -> Memory {
    Memory {
        kind: if old.content.is_some() == new.content.is_some() { old.kind } else { new.kind },
        content: new.content.clone(),
        value: new.value.clone(),
        tags: new.tags.clone(),
        access: new.access,
        project: new.project.clone(),
        layer: new.layer,
        expires_at: new.expires_at,
        metadata: new.metadata.clone(),
        provenance: new.provenance.clone(),
        version: old.version + 1,
        updated_at: new.updated_at,
        ..old
    }
}

impl Operation for Set {
    const SPEC: Spec = Spec {
        id: "memory.set",
        summary: "Set the JSON value or text you keep under a key, creating or replacing it; read it back with get_memory.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        tool: Some(Tool {
            name: "set_memory",
            set: "core",
            listed: &[
                "key",
                "value",
                "content",
                "overwrite",
                "expected_version",
                "expires_in",
                "access",
                "project",
                "metadata",
                "tags",
            ],
        }),
        routes: &[route("PUT", "/api/v1/memories/by-key/{key}")],
    };
    type Who = Known;
    type Input = NewValue;
    type Output = Json<SetMemory>;

    async fn run(call: Call<Known>, input: NewValue) -> Result<Json<SetMemory>> {
        let (overwrite, expected, owner) = (input.overwrite.unwrap_or(true), input.expected_version, input.owner);
        let new = input.checked(&call)?;
        if owner.is_some_and(|owner| owner != new.owner) {
            return Err(Error::not_found());
        }
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let key = new.key.as_deref().unwrap_or_default();
            super::free_key(change, &scope, key, now)?;
            let old = store::memories::by_key(change, &scope, scope.viewer(), key, now)?;
            let created = old.is_none();
            let memory = match old {
                None if expected.is_some() => return Err(Error::not_found()),
                None => {
                    store::memories::insert(change, &scope, &new, &super::terms(&new))?;
                    new.clone()
                }
                Some(_) if !overwrite => return Err(super::key_exists(key)),
                Some(old) => {
                    super::check_version(&old, expected)?;
                    let memory = replacing(&new, old);
                    store::memories::update(change, &scope, &memory, &super::terms(&memory))?;
                    memory
                }
            };
            change.touched(memory.id);
            change.publish(if created { "memory.created" } else { "memory.updated" }, memory.id);
            Ok(Verdict::Done(SetMemory { memory, created }))
        })
        .await
        .map(Json)
    }
}
