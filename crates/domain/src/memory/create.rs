//! `memory.create`

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::Verdict;
use types::{
    TeamId,
    memory::{Access as MemoryAccess, Change, Claimed, Kind, Layer, Memory},
};

use super::fields::{self, Lifetime};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    input::{Checks, present},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Stores one memory of the caller.
pub struct Create;

/// A new memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMemory {
    /// The text, up to 100,000 characters. Give this or `value`.
    content: Option<String>,
    /// Any JSON but null, up to 64 KiB.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    /// Unique name among your memories.
    key: Option<String>,
    /// Default `note`.
    kind: Option<Kind>,
    /// Short form, up to 2,000 characters.
    summary: Option<String>,
    /// Up to 32 labels.
    #[serde(default)]
    tags: Vec<String>,
    /// 0 to 1, default 0.5.
    importance: Option<f64>,
    /// Who may read it; default `private`.
    access: Option<MemoryAccess>,
    /// The team that may read it, for access `team`.
    team_id: Option<TeamId>,
    /// Project label.
    project: Option<String>,
    /// `short` 1 day, `mid` 7 days, `long` for ever.
    layer: Option<Layer>,
    /// Seconds to live, up to a year; 0 for ever.
    expires_in: Option<i64>,
    /// Free JSON object.
    #[serde(default)]
    metadata: Map<String, Value>,
    /// Why and from where.
    #[serde(default)]
    provenance: Claimed,
}

impl NewMemory {
    /// The memory it describes, and its terms.
    pub(super) fn checked(self, call: &Call<Known>) -> Result<(Memory, Vec<u8>)> {
        let mut checks = Checks::default();
        let lifetime = Lifetime { layer: self.layer, expires_in: self.expires_in };
        fields::body(&mut checks, self.content.as_deref(), self.value.as_ref());
        let key = self.key.map(|key| fields::key(&mut checks, &key));
        let tags = fields::tags(&mut checks, &self.tags);
        fields::summary(&mut checks, self.summary.as_deref());
        fields::importance(&mut checks, self.importance);
        fields::optional_line(&mut checks, "project", self.project.as_deref(), 255);
        fields::lifetime(&mut checks, &lifetime);
        fields::audience(&mut checks, self.access, self.team_id);
        fields::metadata(&mut checks, &self.metadata);
        fields::claimed(&mut checks, &self.provenance);
        checks.done()?;
        let mut memory = Memory {
            key,
            kind: self.kind.unwrap_or_else(|| super::default_kind(self.value.as_ref())),
            content: self.content,
            value: self.value,
            summary: self.summary,
            tags,
            importance: self.importance.unwrap_or(0.5),
            access: self.access.unwrap_or(MemoryAccess::Private),
            team_id: self.team_id,
            layer: self.layer,
            expires_at: super::expiry(&lifetime, call.now()),
            metadata: self.metadata,
            ..fields::fresh(call, self.project, self.provenance)?
        };
        super::judge::judge(&call.app, &mut memory, super::judge::start(call.who()))?;
        let terms = super::terms(&memory);
        Ok((memory, terms))
    }
}

impl Operation for Create {
    const SPEC: Spec = Spec {
        id: "memory.create",
        summary: "Store one memory: a note, fact, decision or JSON value that you, your team or, with access public, every agent here can find later.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::KeyExists, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("create.json"),
        tool: Some(Tool {
            name: "create_memory",
            set: "core",
            listed: &[
                "content",
                "value",
                "key",
                "kind",
                "summary",
                "tags",
                "importance",
                "access",
                "project",
                "expires_in",
                "metadata",
            ],
        }),
        routes: &[route("POST", "/api/v1/memories")],
    };
    type Who = Known;
    type Input = NewMemory;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, input: NewMemory) -> Result<Json<Memory>> {
        let (memory, terms) = input.checked(&call)?;
        let (scope, who, app) = (call.scope(), call.who().clone(), std::sync::Arc::clone(&call.app));
        call.write(move |change| {
            super::store_new(&app, change, (&scope, &who), (&memory, Change::Created), &terms)?;
            Ok(Verdict::Done(memory.clone()))
        })
        .await
        .map(Json)
    }
}
