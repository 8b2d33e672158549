//! `import.run`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Verdict;
use types::{JobId, PrincipalId, memory::Access as MemoryAccess};

use super::{
    Source,
    job::{self, Open},
    land::{self, Fate, Landing},
    rows::{self, Reading, Row},
};
pub use super::{
    job::{Counts, Import as Job},
    land::OnConflict,
    rows::RowError,
};
use crate::{
    Call, Change, Code, Error, Result,
    access::{Known, Permission},
    input::Checks,
    memory::imported,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Lines of one call.
pub const MOST_LINES: usize = 500;
/// Past any line of any file.
const LAST_LINE: i64 = 1_000_000_000_000;

/// Brings memories in, up to 500 lines a call.
pub struct Import;

/// Why a client could not send a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Reason {
    /// It is not UTF-8.
    NotUtf8,
    /// It does not fit into a call.
    TooLong,
}

/// A line that a client could not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Unreadable {
    /// Its number.
    line: i64,
    /// Why.
    reason: Reason,
}

/// Lines of a source, and what to do with them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// `mcp-memory` or `guildhall`.
    source: Source,
    /// At most 500 lines, whole ones; blank ones are passed over.
    text: String,
    /// Number of the first of them; default 1.
    first_line: Option<i64>,
    /// Lines among them that could not be sent and are empty in `text`: they are counted as rejected.
    #[serde(default)]
    unreadable: Vec<Unreadable>,
    /// The job these lines belong to; absent for the first ones, which begin it and end any other of the workspace.
    job_id: Option<JobId>,
    /// No more lines follow; default false.
    last: Option<bool>,
    /// Write nothing, and say what would become of the rows; default false.
    dry_run: Option<bool>,
    /// What is done with memories that are here and were changed in the source; default `skip`.
    on_conflict: Option<OnConflict>,
    /// Who owns them; default the owner in the source, or you where it names none.
    owner: Option<PrincipalId>,
    /// `private` or `public`, for every row; default who may read it in the source, as far as that means the same here,
    /// and else `private`.
    access: Option<MemoryAccess>,
    /// SHA-256 of the whole file, in hexadecimal; stands in the origin of every row.
    file_sha256: Option<String>,
}

impl Lines {
    fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        let lines = self.text.lines().count().max(self.unreadable.len());
        if lines > MOST_LINES {
            checks.fail("text", format!("has {lines} lines, at most {MOST_LINES} are allowed"));
        }
        checks.range("first_line", self.first_line.unwrap_or(1), 1..=LAST_LINE);
        for (n, unreadable) in self.unreadable.iter().enumerate() {
            checks.range(&format!("unreadable[{n}].line"), unreadable.line, 1..=LAST_LINE + 1_000);
        }
        if !matches!(self.access, None | Some(MemoryAccess::Private | MemoryAccess::Public)) {
            checks.fail("access", "must be `private` or `public`");
        }
        let is_digest =
            |text: &String| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !self.file_sha256.as_ref().is_none_or(is_digest) {
            checks.fail("file_sha256", "must be 64 hexadecimal digits in lower case");
        }
        if self.is_dry() && self.job_id.is_some() {
            checks.fail("job_id", "a dry run has no job");
        }
        checks.done()?;
        if self.job_id.is_none() && (!self.is_dry() || self.first_line() == 1) {
            rows::recognise(self.source, &self.text, self.first_line())?;
            if self.text.trim().is_empty() && !self.unreadable.is_empty() {
                return Err(Error::new(Code::SourceUnrecognised, "no line can be read as text")
                    .hint("name a file of JSON lines in UTF-8"));
            }
        }
        Ok(())
    }

    fn is_dry(&self) -> bool {
        self.dry_run.unwrap_or(false)
    }

    fn first_line(&self) -> i64 {
        self.first_line.unwrap_or(1)
    }

    /// What the job keeps of what was asked for.
    fn spec(&self) -> Map<String, Value> {
        let spec = json!({
            "source": self.source,
            "on_conflict": self.on_conflict.unwrap_or_default(),
            "owner": self.owner,
            "access": self.access,
            "file_sha256": self.file_sha256,
        });
        spec.as_object().cloned().unwrap_or_default()
    }

    fn unreadable(&self) -> Vec<Row> {
        let rows = self.unreadable.iter().map(|unreadable| {
            let (code, message) = match unreadable.reason {
                Reason::NotUtf8 => (Code::InvalidInput, "is not UTF-8"),
                Reason::TooLong => (Code::TooLarge, "is longer than a call may be"),
            };
            let error = RowError::new(unreadable.line, None, &Error::new(code, message));
            Row { line: unreadable.line, read: Err(error) }
        });
        rows.collect()
    }
}

/// A call with everything that its transaction needs.
struct Run {
    landing: Landing,
    rows: Vec<Row>,
    spec: Map<String, Value>,
    job_id: Option<JobId>,
    is_last: bool,
}

impl Run {
    fn job(&self, change: &Change<'_, '_>) -> Result<Open> {
        let landing = &self.landing;
        let Some(id) = self.job_id else {
            job::end_open(change, &landing.scope, landing.now)?;
            let mut open = Open::new(&landing.scope, landing.job, self.spec.clone(), landing.now);
            open.insert(change, &landing.scope)?;
            return Ok(open);
        };
        let open = Open::find(change, &landing.scope, id)?.must_run()?;
        if open.source() != landing.source.as_str() {
            return Err(Error::invalid("source", format!("the import {id} reads `{}`", open.source())));
        }
        Ok(open)
    }

    /// The first row that ends an import which is to fail on changed ones.
    fn conflict(&self, change: &Change<'_, '_>) -> Result<Option<RowError>> {
        if self.landing.on_conflict != OnConflict::Fail {
            return Ok(None);
        }
        for row in &self.rows {
            if let Ok(arriving) = &row.read
                && self.landing.is_other(change, arriving)?
            {
                let error =
                    Error::new(Code::AlreadyExists, "is here already and says something else in the source now");
                return Ok(Some(RowError::new(row.line, Some(arriving.source_id.clone()), &error)));
            }
        }
        Ok(None)
    }

    /// Brings the rows in, one by one; the rejected ones.
    fn land(&self, change: &mut Change<'_, '_>, counts: &mut Counts) -> Result<Vec<RowError>> {
        let mut errors = Vec::new();
        for row in &self.rows {
            counts.read += 1;
            let fate = match &row.read {
                Err(error) => Err(error.clone()),
                Ok(arriving) => match self.landing.land(change, arriving) {
                    Err(error) if !land::is_of_a_row(&error) => return Err(error),
                    fate => fate.map_err(|error| RowError::new(row.line, Some(arriving.source_id.clone()), &error)),
                },
            };
            match fate {
                Ok(Fate::Created) => counts.created += 1,
                Ok(Fate::Updated) => counts.updated += 1,
                Ok(Fate::Unchanged) => counts.unchanged += 1,
                Ok(Fate::Skipped) => counts.skipped += 1,
                Err(error) => {
                    counts.rejected += 1;
                    errors.push(error);
                }
            }
        }
        Ok(errors)
    }

    fn run(&self, change: &mut Change<'_, '_>) -> Result<Job> {
        let landing = &self.landing;
        if let Some(owner) = landing.owner
            && !imported::is_principal(change, &landing.scope, owner)?
        {
            return Err(Error::new(Code::UnknownPrincipal, "there is no such owner in this workspace")
                .hint("`list_agents` shows the agents"));
        }
        let mut open = self.job(change)?;
        change.touched(open.id());
        let before = open.counts;
        let mut counts = open.counts;
        let mut errors = match self.conflict(change)? {
            Some(conflict) => {
                counts.read += 1;
                counts.rejected += 1;
                vec![conflict]
            }
            None => self.land(change, &mut counts)?,
        };
        open.counts = counts;
        open.note(&errors, landing.now);
        match errors.first() {
            Some(error) if error.code == Code::AlreadyExists.as_str() => open.end("failed"),
            _ if self.is_last => open.close(),
            _ => {}
        }
        open.advance(change, &landing.scope)?;
        change.detail("source", landing.source.as_str());
        change.detail("rows", counts.read - before.read);
        change.detail("created", counts.created - before.created);
        change.detail("updated", counts.updated - before.updated);
        change.detail("rejected", counts.rejected - before.rejected);
        errors.truncate(job::MOST_ERRORS);
        Ok(open.shown(errors))
    }
}

impl Operation for Import {
    const SPEC: Spec = Spec {
        id: "import.run",
        summary: "Bring memories in from another system, up to 500 lines a call. Repeating it creates nothing anew; a dry run writes nothing.",
        access: Access::Permission(Permission::ImportRun),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::SourceUnrecognised, Code::NotFound, Code::BadTransition, Code::UnknownPrincipal],
        example: include_str!("import.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/imports")],
    };
    type Who = Known;
    type Input = Lines;
    type Output = Json<Job>;

    async fn run(call: Call<Known>, lines: Lines) -> Result<Json<Job>> {
        lines.check()?;
        let is_dry = lines.is_dry();
        let run = prepared(&call, lines).await?;
        let write = move |change: &mut Change<'_, '_>| run.run(change).map(Verdict::Done);
        if is_dry {
            let rehearsed = call.rehearse(write).await?;
            return Ok(Json(Job { id: None, dry_run: true, ..rehearsed }));
        }
        call.write(write).await.map(Json)
    }
}

/// Reads and judges the lines, away from the threads that answer calls.
async fn prepared(call: &Call<Known>, lines: Lines) -> Result<Run> {
    let (app, scope, now) = (Arc::clone(&call.app), call.scope(), call.now());
    let landing = Landing {
        app: Arc::clone(&app),
        scope,
        who: call.who().clone(),
        now,
        source: lines.source,
        job: lines.job_id.map_or_else(|| Ok(JobId::new(now, app.bits()?)), Ok::<_, Error>)?,
        file_sha256: lines.file_sha256.clone().unwrap_or_default(),
        on_conflict: lines.on_conflict.unwrap_or_default(),
        owner: lines.owner,
        access: lines.access,
    };
    let reading = Reading {
        source: lines.source,
        blank: imported::blank(call)?,
        now,
        workspace: scope.workspace(),
        bits: app.bits()?,
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut rows = rows::read(&app, &reading, &lines.text, lines.first_line());
        rows.extend(lines.unreadable());
        rows.sort_by_key(|row| row.line);
        let (spec, is_last) = (lines.spec(), lines.last.unwrap_or(false));
        Run { landing, rows, spec, job_id: lines.job_id, is_last }
    });
    read.await.map_err(|error| Error::internal().cause(error))
}
