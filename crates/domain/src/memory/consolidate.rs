//! `memory.consolidate`

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Scope, Verdict};
use types::{
    MemoryId, TeamId, Timestamp,
    memory::{Access as MemoryAccess, Change, Claimed, Kind, Memory, Right, Trust},
};

use super::{fields, judge};
use crate::{
    App, Call, Code, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Makes one memory of several.
pub struct Consolidate;

/// Where the new text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Mode {
    Summary,
    Merge,
}

/// What is made of which memories.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// 2 to 50 memories.
    ids: Vec<MemoryId>,
    /// `merge` joins their texts by age, without lines already there; `summary` stores the `content` you give.
    mode: Mode,
    /// The text of a summary, up to 100,000 characters.
    content: Option<String>,
    /// Default true: the sources leave search, and say what took their place. You must be able to write every one.
    supersede: Option<bool>,
}

impl Sources {
    fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        if !(2..=50).contains(&self.ids.len()) {
            checks.fail("ids", format!("has {} items, 2 to 50 are allowed", self.ids.len()));
        }
        if self.ids.iter().collect::<BTreeSet<_>>().len() < self.ids.len() {
            checks.fail("ids", "names a memory twice");
        }
        match (self.mode, &self.content) {
            (Mode::Summary, None) => checks.fail("content", "a summary needs its text"),
            (Mode::Merge, Some(_)) => checks.fail("content", "goes only with mode `summary`"),
            (_, content) => fields::either(&mut checks, content.as_deref(), None),
        }
        checks.done()
    }
}

fn text(memory: &Memory) -> String {
    memory.content.clone().or_else(|| memory.value.as_ref().map(ToString::to_string)).unwrap_or_default()
}

/// The sources' texts in the order they were stored, a blank line between, without lines that are already there.
fn merged(sources: &[Memory]) -> String {
    let mut seen = HashSet::new();
    let parts = sources.iter().map(|source| {
        let text = text(source);
        let lines: Vec<_> =
            text.lines().filter(|line| line.trim().is_empty() || seen.insert((*line).to_owned())).collect();
        lines.join("\n").trim_matches('\n').to_owned()
    });
    parts.filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The most private access of the sources; a team's only if it is the same one.
fn audience(sources: &[Memory]) -> (MemoryAccess, Option<TeamId>) {
    let access = sources.iter().map(|source| source.access).min().unwrap_or(MemoryAccess::Private);
    if access != MemoryAccess::Team {
        return (access, None);
    }
    let teams: BTreeSet<_> = sources.iter().filter_map(|source| source.team_id).collect();
    match teams.first() {
        Some(team) if teams.len() == 1 => (MemoryAccess::Team, Some(*team)),
        _ => (MemoryAccess::Private, None),
    }
}

/// The new memory: a text of the caller's own for a summary; of the sources', with their least trust, for a merge.
fn consolidated(app: &App, who: &Known, (fresh, sources): (&Memory, &[Memory]), given: Option<&str>) -> Result<Memory> {
    let content = given.map_or_else(|| merged(sources), str::to_owned);
    let mut checks = Checks::default();
    fields::either(&mut checks, Some(&content), None);
    let mut tags: Vec<String> = Vec::new();
    for tag in sources.iter().flat_map(|source| &source.tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    if tags.len() > 32 {
        checks.fail("ids", format!("their tags are {} together, at most 32 are allowed", tags.len()));
    }
    checks.done()?;
    let kinds: BTreeSet<_> = sources.iter().map(|source| source.kind).collect();
    let kind = match (given, kinds.first()) {
        (Some(_), _) => Kind::Summary,
        (None, Some(kind)) if kinds.len() == 1 && *kind != Kind::Value => *kind,
        (None, _) => Kind::Note,
    };
    let (mut access, team_id) = audience(sources);
    if access == MemoryAccess::System && !who.has(Permission::MemoryManage) {
        access = MemoryAccess::Public;
    }
    let mut memory = Memory {
        content: Some(content),
        kind,
        tags,
        importance: sources.iter().map(|source| source.importance).fold(0.0, f64::max),
        access,
        team_id,
        expires_at: expiry(sources),
        supersedes: sources.iter().map(|source| source.id).collect(),
        ..fresh.clone()
    };
    let least = sources.iter().map(|source| source.trust).min().unwrap_or(Trust::Unreviewed);
    let start = if given.is_some() { judge::start(who) } else { judge::start(who).min(least) };
    judge::judge(app, &mut memory, start)?;
    Ok(memory)
}

/// The latest end of the sources; none when one of them has no end.
fn expiry(sources: &[Memory]) -> Option<Timestamp> {
    sources.iter().map(|source| source.expires_at).collect::<Option<Vec<_>>>()?.into_iter().max()
}

impl Operation for Consolidate {
    const SPEC: Spec = Spec {
        id: "memory.consolidate",
        summary: "Make one memory of 2 to 50: a merge of their texts, or a summary you give. It is as private as the most private of them.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::KeyExists, Code::QuotaExceeded, Code::Quarantined, Code::SecretDetected],
        example: include_str!("consolidate.json"),
        tool: Some(Tool { name: "consolidate_memories", set: "memory", listed: &[] }),
        routes: &[route("POST", "/api/v1/memories/consolidate")],
    };
    type Who = Known;
    type Input = Sources;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, input: Sources) -> Result<Json<Memory>> {
        input.check()?;
        let fresh = fields::fresh(&call, None, Claimed::default())?;
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = Arc::clone(&call.app);
        let supersede = input.supersede.unwrap_or(true);
        call.write(move |change| {
            let mut sources = Vec::with_capacity(input.ids.len());
            for id in &input.ids {
                let needed = if supersede { Right::Write } else { Right::Read };
                let source = super::allowed(change, &scope, &who, (*id, needed), now)?;
                if source.trust == Trust::Quarantined {
                    return Err(super::quarantined(*id));
                }
                sources.push(source);
            }
            sources.sort_by_key(|source| (source.created_at, source.id));
            let mut memory = consolidated(&app, &who, (&fresh, &sources), input.content.as_deref())?;
            if !supersede {
                memory.supersedes.clear();
            }
            // A grantee may write rows of a team they are not in; what they make of them is then theirs alone.
            if let Some(team) = memory.team_id
                && !store::teams::is_member(change, &scope, team, scope.viewer())?
            {
                (memory.access, memory.team_id) = (MemoryAccess::Private, None);
            }
            let terms = super::terms(&memory);
            super::store_new(&app, change, (&scope, &who), (&memory, Change::Created), &terms)?;
            if supersede {
                superseded(&app, change, &scope, (&sources, memory.id), now)?;
            }
            change.detail("sources", sources.len());
            Ok(Verdict::Done(memory))
        })
        .await
        .map(Json)
    }
}

fn superseded(
    app: &App,
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (sources, by): (&[Memory], MemoryId),
    now: Timestamp,
) -> Result<()> {
    for source in sources {
        let memory = Memory { superseded_by: Some(by), ..super::next(source, now) };
        let how = (Change::Superseded, "memory.updated", None);
        super::store_changed(app, change, scope, (source, &memory), how)?;
    }
    Ok(())
}
