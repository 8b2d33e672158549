//! `memory.update`

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::Verdict;
use types::{
    MemoryId, TeamId, Timestamp,
    memory::{Access as MemoryAccess, Change, Kind, Layer, Memory, Right},
};

use super::fields::{self, Lifetime};
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
    /// The team that may read it, for access `team`.
    team_id: Option<TeamId>,
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
        fields::audience(&mut checks, self.access, self.team_id);
        if let Some(metadata) = &self.metadata {
            fields::metadata(&mut checks, metadata);
        }
        checks.done()?;
        Ok(self)
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime { layer: self.layer, expires_in: self.expires_in }
    }

    /// Whether it changes text that readers and the search index see.
    fn changes_text(&self) -> bool {
        self.changes_body()
            || self.key.is_some()
            || self.summary.is_some()
            || self.tags.is_some()
            || self.project.is_some()
            || self.metadata.is_some()
    }

    fn changes_body(&self) -> bool {
        self.content.is_some() || self.value.is_some()
    }

    fn applied(&self, old: &Memory, now: Timestamp) -> Memory {
        let mut memory = super::next(old, now);
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
        if let Some(access) = self.access {
            (memory.access, memory.team_id) = (access, self.team_id);
        }
        memory
    }

    /// Refuses what only the owner decides: who may read it, and what it is called.
    fn check_foreign(&self) -> Result<()> {
        match (self.access, &self.key) {
            (Some(_), _) => Err(only_owner("access")),
            (None, Some(_)) => Err(only_owner("key")),
            (None, None) => Ok(()),
        }
    }
}

impl Operation for Update {
    const SPEC: Spec = Spec {
        id: "memory.update",
        summary: "Change fields of a memory you may write; what you leave out stays.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::KeyExists, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("update.json"),
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
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = std::sync::Arc::clone(&call.app);
        call.write(move |change| {
            let old = super::allowed(change, &scope, &who, (changes.id, Right::Write), now)?;
            if old.owner != scope.viewer() {
                changes.check_foreign()?;
            }
            super::check_version(&old, changes.expected_version)?;
            let mut memory = changes.applied(&old, now);
            if (memory.access, memory.team_id) != (old.access, old.team_id) {
                fields::may_give(change, &scope, &who, &memory)?;
            }
            if let (Some(key), Some(_)) = (&memory.key, &changes.key) {
                super::free_key(change, &scope, (memory.owner, key), now)?;
            }
            let terms = changes.changes_text().then(|| super::terms(&memory));
            if changes.changes_body() {
                // Whoever changes the text answers for it.
                let claimed = fields::claims(&memory.provenance);
                memory.provenance = fields::provenance(&who, now, memory.project.clone(), claimed);
                let start = super::judge::restart(&who, &[&old], &memory);
                super::judge::judge(&app, &mut memory, start)?;
            } else if changes.changes_text() {
                super::judge::judge(&app, &mut memory, old.trust)?;
                // What a reviewer decided of these flags stands; only a new one can hide the memory again.
                if memory.flags.iter().all(|flag| old.flags.contains(flag)) {
                    memory.trust = old.trust;
                }
            }
            let how = (Change::Updated, "memory.updated", terms.as_deref());
            super::store_changed(&app, change, &scope, (&old, &memory), how)?;
            Ok(Verdict::Done(memory))
        })
        .await
        .map(Json)
    }
}

/// Refuses a change that only the owner may make.
pub(super) fn only_owner(field: &str) -> Error {
    Error::new(Code::PermissionDenied, format!("only its owner may change the {field} of a memory"))
        .fact("required", "ownership")
        .hint(format!("leave `{field}` out"))
}
