//! The fields callers set, with their limits; shared by create, set and update.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Scope, Tx};
use types::{
    MemoryId, TeamId, Timestamp,
    memory::{Access, Claimed, Kind, Layer, Memory, Provenance},
};

use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    input::Checks,
};

/// Longest content in characters.
pub(super) const CONTENT_CHARS: usize = 100_000;
/// Longest lifetime in seconds: a year.
pub(super) const LIFETIME_SECS: i64 = 31_536_000;

/// How long a memory is kept: a layer or seconds, not both; neither, or 0, is until deleted.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
pub(super) struct Lifetime {
    pub(super) layer: Option<Layer>,
    pub(super) expires_in: Option<i64>,
}

impl Lifetime {
    pub(super) fn seconds(&self) -> Option<i64> {
        match (self.layer, self.expires_in) {
            (Some(Layer::Short), _) => Some(86_400),
            (Some(Layer::Mid), _) => Some(604_800),
            (Some(Layer::Long), _) => None,
            (None, secs) => secs.filter(|secs| *secs > 0),
        }
    }
}

/// A key as it is stored: trimmed.
pub(super) fn key(checks: &mut Checks, key: &str) -> String {
    let key = key.trim();
    let chars = key.chars().count();
    if !(1..=255).contains(&chars) {
        checks.fail("key", format!("has {chars} characters, 1 to 255 are allowed"));
    }
    if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        checks.fail("key", "must not hold whitespace or control characters");
    }
    key.to_owned()
}

/// Exactly one of content and value.
pub(super) fn body(checks: &mut Checks, content: Option<&str>, value: Option<&Value>) {
    if content.is_some() == value.is_some() {
        checks.fail("content", "give exactly one of `content` and `value`");
    }
    either(checks, content, value);
}

/// At most one of content and value, each within its limits.
pub(super) fn either(checks: &mut Checks, content: Option<&str>, value: Option<&Value>) {
    if let Some(content) = content {
        let chars = content.chars().count();
        if chars > CONTENT_CHARS {
            checks.too_large("content", format!("has {chars} characters, at most {CONTENT_CHARS} are allowed"));
        } else {
            checks.text("content", content, 1..=CONTENT_CHARS);
        }
    }
    match value {
        Some(Value::Null) => checks.fail("value", "must not be null; delete the memory instead"),
        Some(value) => checks.free_json("value", value),
        None => {}
    }
}

/// Trimmed, without repeats, in the order given.
pub(super) fn tags(checks: &mut Checks, tags: &[String]) -> Vec<String> {
    if tags.len() > 32 {
        checks.fail("tags", format!("has {} items, at most 32 are allowed", tags.len()));
    }
    let mut kept: Vec<String> = Vec::new();
    for (n, tag) in tags.iter().enumerate() {
        let tag = tag.trim();
        checks.line(&format!("tags[{n}]"), tag, 1..=64);
        if !kept.iter().any(|one| one == tag) {
            kept.push(tag.to_owned());
        }
    }
    kept
}

pub(super) fn lifetime(checks: &mut Checks, lifetime: &Lifetime) {
    if lifetime.layer.is_some() && lifetime.expires_in.is_some() {
        checks.fail("expires_in", "give `layer` or `expires_in`, not both");
    }
    if let Some(secs) = lifetime.expires_in {
        checks.range("expires_in", secs, 0..=LIFETIME_SECS);
    }
}

/// A team is named when, and only when, a team is given access.
pub(super) fn audience(checks: &mut Checks, access: Option<Access>, team: Option<TeamId>) {
    match (access, team) {
        (Some(Access::Team), None) => checks.fail("team_id", "access `team` needs the team's id"),
        (Some(Access::Team), Some(_)) | (_, None) => {}
        (_, Some(_)) => checks.fail("team_id", "goes only with access `team`"),
    }
}

/// Refuses an access that the caller may not give: to a team they are not in, or as `system` without `memory:manage`.
pub(super) fn may_give(tx: &Tx<'_>, scope: &Scope, who: &Known, memory: &Memory) -> Result<()> {
    match (memory.access, memory.team_id) {
        (Access::System, _) => who.require(Permission::MemoryManage),
        (Access::Team, Some(team)) if !store::teams::is_member(tx, scope, team, scope.viewer())? => {
            Err(Error::invalid("team_id", "is no team that you are in").hint("`list_teams` shows the teams"))
        }
        _ => Ok(()),
    }
}

pub(super) fn importance(checks: &mut Checks, importance: Option<f64>) {
    if let Some(importance) = importance {
        checks.range("importance", importance, 0.0..=1.0);
    }
}

pub(super) fn optional_line(checks: &mut Checks, field: &str, text: Option<&str>, chars: usize) {
    if let Some(text) = text {
        checks.line(field, text, 1..=chars);
    }
}

pub(super) fn summary(checks: &mut Checks, summary: Option<&str>) {
    if let Some(summary) = summary {
        checks.text("summary", summary, 1..=2_000);
    }
}

pub(super) fn metadata(checks: &mut Checks, metadata: &Map<String, Value>) {
    checks.free_json("metadata", &Value::Object(metadata.clone()));
}

pub(super) fn claimed(checks: &mut Checks, claimed: &Claimed) {
    if let Some(why) = &claimed.why {
        optional_line(checks, "provenance.why.intent", why.intent.as_deref(), 64);
        if let Some(description) = &why.description {
            checks.text("provenance.why.description", description, 1..=500);
        }
    }
    optional_line(checks, "provenance.task_id", claimed.task_id.as_deref(), 128);
    optional_line(checks, "provenance.correlation_id", claimed.correlation_id.as_deref(), 128);
    if let Some(source) = &claimed.source {
        checks.line("provenance.source.kind", &source.kind, 1..=64);
        checks.line("provenance.source.ref", &source.reference, 1..=512);
    }
}

/// What the server says of a text's origin, with what the caller may add.
pub(super) fn provenance(who: &Known, now: Timestamp, project: Option<String>, claimed: Claimed) -> Provenance {
    let identity = who.identity();
    Provenance {
        principal: identity.principal,
        agent_type: identity.agent_type.clone(),
        via: who.origin().via.as_str().to_owned(),
        at: now,
        project,
        why: claimed.why,
        task_id: claimed.task_id,
        correlation_id: claimed.correlation_id,
        source: claimed.source,
    }
}

/// What a caller had said of a text's origin.
pub(super) fn claims(provenance: &Provenance) -> Claimed {
    Claimed {
        why: provenance.why.clone(),
        task_id: provenance.task_id.clone(),
        correlation_id: provenance.correlation_id.clone(),
        source: provenance.source.clone(),
    }
}

/// Puts a new text or value in place of the old one.
pub(super) fn replace_body(memory: &mut Memory, content: Option<String>, value: Option<Value>) {
    if content.is_some() || value.is_some() {
        (memory.content, memory.value) = (content, value);
    }
}

/// A memory of the caller as it begins, with nothing in it.
pub(super) fn fresh(call: &Call<Known>, project: Option<String>, claims: Claimed) -> Result<Memory> {
    let now = call.now();
    Ok(Memory {
        id: MemoryId::new(now, call.app.bits()?),
        owner: call.who().identity().principal,
        key: None,
        kind: Kind::Note,
        content: None,
        value: None,
        summary: None,
        tags: Vec::new(),
        importance: 0.5,
        access: Access::Private,
        team_id: None,
        trust: super::judge::start(call.who()),
        flags: Vec::new(),
        flags_version: 0,
        superseded_by: None,
        supersedes: Vec::new(),
        project: project.clone(),
        layer: None,
        expires_at: None,
        metadata: Map::new(),
        provenance: provenance(call.who(), now, project, claims),
        access_count: 0,
        accessed_at: None,
        relevance: 0.5,
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        size_bytes: None,
        truncated: None,
    })
}
