//! An export of Guildhall: one memory a line, whole, with its owner's name and what others may do with it.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use types::{
    GranteeId, MemoryId, PrincipalId, TeamId, Timestamp,
    memory::{Access, Claimed, Flag, Grant, Kind, Layer, Memory, Right, Trust, Why},
};

use super::Former;
use crate::{Error, Result, input::present, memory::imported};

/// Grants of one memory.
const MOST_GRANTS: usize = 100;
/// How far ahead of this machine's clock a time may lie.
const AHEAD_SECS: i64 = 300;
const YEAR_SECS: i64 = 31_536_000;

/// What of a memory is its content: equal in two installations when an export of one was imported into the other.
const CONTENT: [&str; 14] = [
    "content",
    "created_at",
    "expires_at",
    "importance",
    "key",
    "kind",
    "layer",
    "metadata",
    "project",
    "provenance",
    "summary",
    "tags",
    "updated_at",
    "value",
];
const CLAIMS: [&str; 4] = ["correlation_id", "source", "task_id", "why"];
/// What only answers of the interface say of a memory.
const OF_ANSWERS: [&str; 3] = ["deleted_at", "size_bytes", "truncated"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "members that are written out and never taken over are still members of a line")]
struct Line {
    r#type: String,
    id: MemoryId,
    owner: PrincipalId,
    owner_name: String,
    key: Option<String>,
    kind: Kind,
    content: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    summary: Option<String>,
    tags: Vec<String>,
    importance: f64,
    access: Access,
    team_id: Option<TeamId>,
    #[serde(default)]
    grants: Vec<Given>,
    trust: Trust,
    flags: Vec<Flag>,
    flags_version: i64,
    superseded_by: Option<MemoryId>,
    #[serde(default)]
    supersedes: Vec<MemoryId>,
    project: Option<String>,
    layer: Option<Layer>,
    expires_at: Option<Timestamp>,
    metadata: Map<String, Value>,
    provenance: Said,
    access_count: i64,
    accessed_at: Option<Timestamp>,
    relevance: f64,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "who had stored it there is not known here")]
struct Said {
    principal: PrincipalId,
    agent_type: Option<String>,
    via: String,
    at: Timestamp,
    project: Option<String>,
    why: Option<Why>,
    task_id: Option<String>,
    correlation_id: Option<String>,
    source: Option<types::memory::Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "who had given it there may be nobody here: it is the owner's from now on")]
struct Given {
    grantee: GranteeId,
    permission: Right,
    expires_at: Option<Timestamp>,
    granted_by: PrincipalId,
    granted_at: Timestamp,
}

/// A line as it was read.
pub(super) struct Parsed {
    pub(super) id: MemoryId,
    pub(super) digest: String,
    pub(super) former: Former,
    pub(super) memory: Memory,
    pub(super) granted: Vec<Grant>,
}

/// Whether a line is one of such an export.
pub(super) fn is_of_it(line: &str) -> bool {
    super::object(line).unwrap_or_default().get("type").and_then(Value::as_str) == Some(imported::NOUN)
}

/// The id in a line, however wrong the rest of it is.
pub(super) fn id_of(line: &str) -> Option<String> {
    let members = super::object(line).ok()?;
    members.get("id")?.as_str()?.parse::<MemoryId>().ok().map(|id| id.to_string())
}

/// The memory of one line; `blank` gives what the server itself says of it.
///
/// # Errors
/// `invalid_input`, naming the member.
pub(super) fn parse(line: &str, blank: &Memory, now: Timestamp) -> Result<Parsed> {
    let members = super::object(line)?;
    if members.get("type").and_then(Value::as_str) != Some(imported::NOUN) {
        return Err(Error::invalid("type", "must be `memory`"));
    }
    let read: Line = crate::input::parse(line.as_bytes())?;
    check(&read, now)?;
    let claimed = Claimed {
        why: read.provenance.why,
        task_id: read.provenance.task_id,
        correlation_id: read.provenance.correlation_id,
        source: read.provenance.source,
    };
    let granted = read.grants.into_iter().map(|given| Grant {
        grantee: given.grantee,
        permission: given.permission,
        expires_at: given.expires_at,
        granted_by: read.owner,
        granted_at: given.granted_at,
    });
    let granted = granted.filter(|grant| grant.expires_at.is_none_or(|end| end > now)).collect();
    let memory = Memory {
        key: read.key,
        kind: read.kind,
        content: read.content,
        value: read.value,
        summary: read.summary,
        tags: read.tags,
        importance: read.importance,
        access: read.access,
        team_id: read.team_id.filter(|_| read.access == Access::Team),
        superseded_by: read.superseded_by,
        supersedes: read.supersedes,
        layer: read.layer,
        expires_at: read.expires_at,
        metadata: read.metadata,
        provenance: imported::provenance(blank, claimed, read.project.clone()),
        project: read.project,
        access_count: read.access_count,
        accessed_at: read.accessed_at,
        relevance: read.relevance,
        created_at: read.created_at,
        updated_at: read.updated_at,
        ..blank.clone()
    };
    let former = Former { id: read.owner, name: read.owner_name };
    Ok(Parsed { id: read.id, digest: digest_of(&members), former, memory, granted })
}

fn check(read: &Line, now: Timestamp) -> Result<()> {
    let mut checks = crate::input::Checks::default();
    let latest = now.plus_secs(AHEAD_SECS);
    for (field, time) in [("created_at", read.created_at), ("updated_at", read.updated_at)] {
        if time > latest {
            checks.fail(field, "lies in the future");
        }
    }
    if read.updated_at < read.created_at {
        checks.fail("updated_at", "lies before `created_at`");
    }
    if read.expires_at.is_some_and(|end| end > latest.plus_secs(YEAR_SECS)) {
        checks.fail("expires_at", "lies more than a year ahead");
    }
    if read.access == Access::Team && read.team_id.is_none() {
        checks.fail("team_id", "access `team` needs the team's id");
    }
    if read.grants.len() > MOST_GRANTS {
        checks.fail("grants", format!("has {} items, at most {MOST_GRANTS} are allowed", read.grants.len()));
    }
    checks.range("access_count", read.access_count, 0..=i64::MAX);
    checks.range("relevance", read.relevance, 0.0..=1.0);
    checks.done()
}

/// A memory as a line of an export.
///
/// # Errors
/// `internal` when it cannot be written as JSON.
pub(super) fn line(memory: &Memory, owner_name: &str, granted: &[Grant]) -> Result<String> {
    let mut line = object_of(memory)?;
    line.retain(|name, _| !OF_ANSWERS.contains(&name.as_str()));
    line.insert("type".to_owned(), imported::NOUN.into());
    line.insert("owner_name".to_owned(), owner_name.into());
    if !granted.is_empty() {
        line.insert(
            "grants".to_owned(),
            serde_json::to_value(granted).map_err(|error| Error::internal().cause(error))?,
        );
    }
    Ok(super::canonical(&Value::Object(line)))
}

/// The SHA-256, in hexadecimal, of what a line of an export says apart from where it is kept: two installations have equal
/// ones for the same memory. None when the text is no such line.
#[must_use]
pub fn content_digest(line: &str) -> Option<String> {
    Some(digest_of(&super::object(line).ok()?))
}

/// The same of a memory that is here.
pub(super) fn digest_of_memory(memory: &Memory) -> Result<String> {
    Ok(digest_of(&object_of(memory)?))
}

fn object_of(memory: &Memory) -> Result<Map<String, Value>> {
    match serde_json::to_value(memory) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Error::internal().cause("a memory is no object")),
        Err(error) => Err(Error::internal().cause(error)),
    }
}

fn digest_of(members: &Map<String, Value>) -> String {
    let of = |members: &Map<String, Value>, names: &[&str]| {
        let said = names.iter().filter_map(|name| members.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        said.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()
    };
    let mut content = of(members, &CONTENT);
    let claims = content.get("provenance").and_then(Value::as_object).map(|said| of(said, &CLAIMS));
    content.insert("provenance".into(), json!(claims));
    super::digest(&Value::Object(content))
}
