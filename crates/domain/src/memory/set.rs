//! `memory.set`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::Verdict;
use types::{
    PrincipalId, TeamId,
    memory::{Access as MemoryAccess, Change, Claimed, Layer, Memory, Right},
};

use super::fields::{self, Lifetime};
use crate::{
    Call, Code, Error, Result,
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
    /// The team that may read it, for access `team`.
    team_id: Option<TeamId>,
    /// Project label.
    project: Option<String>,
    /// Free JSON object.
    #[serde(default)]
    metadata: Map<String, Value>,
    /// Up to 32 labels.
    #[serde(default)]
    tags: Vec<String>,
    /// Whose; default you. Somebody else's value is replaced under a write grant, never made.
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
    fn checked(self, call: &Call<Known>) -> Result<(Memory, Vec<u8>)> {
        let mut checks = Checks::default();
        let lifetime = Lifetime { layer: self.layer, expires_in: self.expires_in };
        let key = fields::key(&mut checks, &self.key);
        fields::body(&mut checks, self.content.as_deref(), self.value.as_ref());
        let tags = fields::tags(&mut checks, &self.tags);
        fields::lifetime(&mut checks, &lifetime);
        fields::audience(&mut checks, self.access, self.team_id);
        fields::optional_line(&mut checks, "project", self.project.as_deref(), 255);
        fields::metadata(&mut checks, &self.metadata);
        checks.done()?;
        let mut memory = Memory {
            key: Some(key),
            kind: super::default_kind(self.value.as_ref()),
            content: self.content,
            value: self.value,
            tags,
            access: self.access.unwrap_or(MemoryAccess::Private),
            team_id: self.team_id,
            layer: self.layer,
            expires_at: super::expiry(&lifetime, call.now()),
            metadata: self.metadata,
            ..fields::fresh(call, self.project, Claimed::default())?
        };
        super::judge::judge(&call.app, &mut memory, super::judge::start(call.who()))?;
        let terms = super::terms(&memory);
        Ok((memory, terms))
    }
}

/// The new value in the place of the old one. The summary of the old text goes with it; whose it is, its importance and
/// its history stay, and somebody else's audience is not theirs to change.
fn replacing(new: &Memory, old: &Memory) -> Memory {
    let is_own = old.owner == new.owner;
    Memory {
        id: old.id,
        owner: old.owner,
        kind: if old.content.is_some() == new.content.is_some() { old.kind } else { new.kind },
        importance: old.importance,
        access: if is_own { new.access } else { old.access },
        team_id: if is_own { new.team_id } else { old.team_id },
        superseded_by: old.superseded_by,
        supersedes: old.supersedes.clone(),
        access_count: old.access_count,
        accessed_at: old.accessed_at,
        relevance: old.relevance,
        version: old.version + 1,
        created_at: old.created_at,
        ..new.clone()
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
        refusals: &[Code::NotFound, Code::KeyExists, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("set.json"),
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
        let names_access = input.access.is_some();
        let (new, terms) = input.checked(&call)?;
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = std::sync::Arc::clone(&call.app);
        call.write(move |change| {
            let owner = owner.unwrap_or(new.owner);
            let key = new.key.as_deref().unwrap_or_default();
            let Some(old) = store::memories::by_key(change, &scope, owner, key, now)? else {
                if owner != new.owner || expected.is_some() {
                    return Err(Error::not_found());
                }
                super::store_new(&app, change, (&scope, &who), (&new, Change::Created), &terms)?;
                return Ok(Verdict::Done(SetMemory { memory: new.clone(), created: true }));
            };
            super::permit(change, &scope, &who, (&old, Right::Write), now)?;
            if owner != new.owner && names_access {
                return Err(super::update::only_owner("access"));
            }
            if !overwrite {
                return Err(super::key_exists(key));
            }
            super::check_version(&old, expected)?;
            let mut memory = replacing(&new, &old);
            memory.trust = memory.trust.min(super::judge::restart(&who, &[&old], &memory));
            if memory.access != old.access || memory.team_id != old.team_id {
                super::fields::may_give(change, &scope, &who, &memory)?;
            }
            let how = (Change::Updated, "memory.updated", Some(&*terms));
            super::store_changed(&app, change, &scope, (&old, &memory), how)?;
            Ok(Verdict::Done(SetMemory { memory, created: false }))
        })
        .await
        .map(Json)
    }
}
