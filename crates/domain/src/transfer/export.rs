//! `export.run`

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{
    Everything, Scope, Tx, Verdict,
    memories::{self, walk::Place},
};
use types::{
    PrincipalId, Timestamp,
    memory::{Memory, Right, Trust},
};

use super::{csv, guildhall, markdown, mcp_memory};
use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Rows fetched at once.
const BATCH: i64 = 200;
/// Rows looked at in one call, seen or not.
const MOST_LOOKED_AT: usize = 2_000;
/// Bytes after which a page is full.
const MOST_BYTES: usize = 4 << 20;

/// Writes memories out, a page a call.
pub struct Export;

/// How memories are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Format {
    /// One memory a line, whole.
    #[default]
    Guildhall,
    /// Entities and relations, one a line, as the reference MCP memory server reads them once lines of one entity are
    /// joined.
    McpMemory,
    /// Rows of a table, headed.
    Csv,
    /// Sections of a document, headed.
    Markdown,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Guildhall => "guildhall",
            Self::McpMemory => "mcp-memory",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }

    const fn heading(self) -> Option<&'static str> {
        match self {
            Self::Guildhall | Self::McpMemory => None,
            Self::Csv => Some(csv::HEADING),
            Self::Markdown => Some(markdown::HEADING),
        }
    }
}

/// What is exported, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Default `guildhall`.
    format: Option<Format>,
    /// Every live memory of the workspace, private ones of others too: for the local operator only. Default false.
    all: Option<bool>,
    /// Memories of this page, 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of an export.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exported {
    /// Texts that, joined by line ends, make the file; there may be none on a page that has a next one.
    lines: Vec<String>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Whose memories go out.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// Those the caller may see.
    Visible,
    /// All of the workspace.
    All(#[expect(dead_code, reason = "holding it is the proof that the local operator asks")] Everything),
}

impl Operation for Export {
    const SPEC: Spec = Spec {
        id: "export.run",
        summary: "Write out the memories you may see, a page a call, owner by owner in the order they were stored; never a quarantined one, never a credential.",
        access: Access::Permission(Permission::ExportRun),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("export.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/exports")],
    };
    type Who = Known;
    type Input = Wanted;
    type Output = Json<Exported>;

    async fn run(call: Call<Known>, wanted: Wanted) -> Result<Json<Exported>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, wanted.limit);
        checks.done()?;
        let (format, is_all) = (wanted.format.unwrap_or_default(), wanted.all.unwrap_or(false));
        let whose = match is_all {
            true => Whose::All(call.who().everything("the local operator exports a workspace")?),
            false => Whose::Visible,
        };
        let filters = (format, is_all);
        let (paging, after) = Paging::open(&call, &Self::SPEC, &filters, (limit, wanted.cursor.as_deref()))?;
        let (scope, now) = (call.scope(), call.now());
        let page = Page { scope, now, whose, format, limit: usize::try_from(limit).unwrap_or(1) };
        // What the cursor holds was sealed here.
        let after = after.map_or(Some(Place::default()), |place| Place::parse(&place)).ok_or_else(Error::internal)?;
        let (mut lines, next) = call.read(move |tx| page.read(tx, after)).await?;
        // A reading that leaves a row in the audit log.
        let rows = lines.len();
        call.write(move |change| {
            change.touched(scope.workspace());
            change.detail("format", format.as_str());
            change.detail("all", is_all);
            change.detail("rows", rows);
            Ok(Verdict::Done(()))
        })
        .await?;
        if wanted.cursor.is_none() {
            lines.splice(0..0, format.heading().map(str::to_owned));
        }
        let next_cursor = next.map(|place| paging.after(&call.app, call.who(), &place.to_string()));
        Ok(Json(Exported { lines, next_cursor }))
    }
}

struct Page {
    scope: Scope,
    now: Timestamp,
    whose: Whose,
    format: Format,
    limit: usize,
}

impl Page {
    /// The lines after a place, and where to go on.
    fn read(&self, tx: &Tx<'_>, mut place: Place) -> Result<(Vec<String>, Option<Place>)> {
        let (mut lines, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        let mut names = HashMap::new();
        loop {
            let rows = memories::walk::after(tx, &self.scope, &place, BATCH)?;
            let is_end = rows.len() < usize::try_from(BATCH).unwrap_or(0);
            for memory in rows {
                if lines.len() == self.limit || bytes >= MOST_BYTES || looked_at == MOST_LOOKED_AT {
                    return Ok((lines, Some(place)));
                }
                looked_at += 1;
                place = Place::of(&memory);
                if self.goes_out(tx, &memory)? {
                    let line = self.line(tx, &memory, &mut names)?;
                    bytes += line.len();
                    lines.push(line);
                }
            }
            if is_end {
                return Ok((lines, None));
            }
        }
    }

    fn goes_out(&self, tx: &Tx<'_>, memory: &Memory) -> Result<bool> {
        let is_live = memory.expires_at.is_none_or(|end| end > self.now);
        if !is_live || memory.trust == Trust::Quarantined {
            return Ok(false);
        }
        match self.whose {
            Whose::All(_) => Ok(true),
            Whose::Visible => Ok(memories::may(tx, &self.scope, memory, Right::Read, self.now)?),
        }
    }

    fn line(&self, tx: &Tx<'_>, memory: &Memory, names: &mut HashMap<PrincipalId, String>) -> Result<String> {
        Ok(match self.format {
            Format::Csv => csv::row(memory),
            Format::Markdown => markdown::section(memory),
            Format::McpMemory => mcp_memory::line(memory),
            Format::Guildhall => {
                let name = match names.get(&memory.owner) {
                    Some(name) => name.clone(),
                    None => names.entry(memory.owner).or_insert(name_of(tx, &self.scope, memory.owner)?).clone(),
                };
                // Who else may use a memory is its owner's to know.
                let is_told = memory.owner == self.scope.viewer() || matches!(self.whose, Whose::All(_));
                let granted = if is_told { memories::grants::list(tx, &self.scope, memory.id)? } else { Vec::new() };
                guildhall::line(memory, &name, &granted)?
            }
        })
    }
}

fn name_of(tx: &Tx<'_>, scope: &Scope, principal: PrincipalId) -> Result<String> {
    let agent = match principal {
        PrincipalId::Agent(id) => store::agents::get(tx, scope, id)?,
        PrincipalId::User(_) => None,
    };
    let local = || if principal == PrincipalId::LOCAL { "local".to_owned() } else { principal.to_string() };
    Ok(agent.map_or_else(local, |agent| agent.name))
}
