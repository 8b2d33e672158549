//! `memory.update`

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::Verdict;
use types::{
    MemoryId, Timestamp,
    memory::{Access as MemoryAccess, Kind, Layer, Memory},
};

use super::{
    create::taken,
    fields::{self, Lifetime},
};
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    input::{Checks, present},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Changes fields of a memory.
pub struct Update;

/// What changes; what is absent stays. `null` clears `summary`, `project` and `key`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Which one.
    id: MemoryId,
    /// Only if it is at this version.
    expected_version: Option<i64>,
    /// The new text; replaces a value.
    content: Option<String>,
    /// The new value; replaces a text.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    /// The new key.
    #[serde(default, deserialize_with = "present")]
    key: Option<Option<String>>,
    /// The new kind.
    kind: Option<Kind>,
    /// The new short form.
    #[serde(default, deserialize_with = "present")]
    summary: Option<Option<String>>,
    /// All its labels.
    tags: Option<Vec<String>>,
    /// 0 to 1.
    importance: Option<f64>,
    /// Who may read it.
    access: Option<MemoryAccess>,
    /// The new project label.
    #[serde(default, deserialize_with = "present")]
    project: Option<Option<String>>,
    /// Kept so long from now.
    layer: Option<Layer>,
    /// Seconds to live from now; 0 for ever.
    expires_in: Option<i64>,
    /// All its metadata.
    metadata: Option<Map<String, Value>>,
}

impl Changes {
    fn checked(mut self) -> Result<Self> {
        let mut checks = Checks::default();
        if self.content.is_some() && self.value.is_some() {
            checks.fail("content", "give at most one of `content` and `value`");
        }
        fields::either(&mut checks, self.content.as_deref(), self.value.as_ref());
        self.key = self.key.take().map(|key| key.map(|key| fields::key(&mut checks, &key)));
        self.tags = self.tags.take().map(|tags| fields::tags(&mut checks, &tags));
        fields::summary(&mut checks, self.summary.as_ref().and_then(Option::as_deref));
        fields::importance(&mut checks, self.importance);
        fields::optional_line(&mut checks, "project", self.project.as_ref().and_then(Option::as_deref), 255);
        fields::lifetime(&mut checks, &self.lifetime());
        if let Some(metadata) = &self.metadata {
            fields::metadata(&mut checks, metadata);
        }
        checks.done()?;
        Ok(self)
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime { layer: self.layer, expires_in: self.expires_in }
    }

    fn applied(&self, mut memory: Memory, now: Timestamp) -> Memory {
        fields::replace_body(&mut memory, self.content.clone(), self.value.clone());
        if let Some(key) = &self.key {
            memory.key.clone_from(key);
        }
        if let Some(summary) = &self.summary {
            memory.summary.clone_from(summary);
        }
        if let Some(project) = &self.project {
            memory.project.clone_from(project);
            memory.provenance.project.clone_from(project);
        }
        if let Some(tags) = &self.tags {
            memory.tags.clone_from(tags);
        }
        if let Some(metadata) = &self.metadata {
            memory.metadata.clone_from(metadata);
        }
        if self.layer.is_some() || self.expires_in.is_some() {
            memory.layer = self.layer;
            memory.expires_at = super::expiry(&self.lifetime(), now);
        }
        memory.kind = self.kind.unwrap_or(memory.kind);
        memory.importance = self.importance.unwrap_or(memory.importance);
        memory.access = self.access.unwrap_or(memory.access);
        memory.version += 1;
        memory.updated_at = now;
        memory
    }
}

impl Operation for Update {
    const SPEC: Spec = Spec {
        id: "memory.update",
        summary: "Change fields of a memory of yours; what you leave out stays.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        tool: Some(Tool {
            name: "update_memory",
            set: "memory",
            listed: &[
                "id",
                "expected_version",
                "content",
                "value",
                "key",
                "summary",
                "tags",
                "importance",
                "access",
                "project",
                "expires_in",
                "metadata",
            ],
        }),
        routes: &[route("PATCH", "/api/v1/memories/{id}")],
    };
    type Who = Known;
    type Input = Changes;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, input: Changes) -> Result<Json<Memory>> {
        let changes = input.checked()?;
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let old = owned(change, &scope, changes.id, now)?;
            super::check_version(&old, changes.expected_version)?;
            let memory = changes.applied(old, now);
            if let Some(key) = &memory.key {
                super::free_key(change, &scope, key, now)?;
            }
            store::memories::update(change, &scope, &memory, &super::terms(&memory))
                .map_err(|error| taken(error, &memory))?;
            change.touched(memory.id);
            change.publish("memory.updated", memory.id);
            Ok(Verdict::Done(memory))
        })
        .await
        .map(Json)
    }
}

/// A memory the caller may change: not found when it may not even see it, denied when it may only read it.
pub(super) fn owned(tx: &store::Tx<'_>, scope: &store::Scope, id: MemoryId, now: Timestamp) -> Result<Memory> {
    let memory = store::memories::get(tx, scope, id, now)?.ok_or_else(Error::not_found)?;
    if memory.owner != scope.viewer() {
        return Err(Error::new(Code::PermissionDenied, "only its owner may change this memory")
            .fact("required", "ownership")
            .hint("store a memory of your own instead"));
    }
    Ok(memory)
}
