//! Import jobs: what was asked for, how far it is, and what went wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Scope, Tx, jobs};
use types::{JobId, Timestamp};

use super::rows::RowError;
use crate::{Code, Error, Result};

pub(super) const KIND: &str = "import";
/// Row errors that a job keeps.
pub(super) const MOST_ERRORS: usize = 1_000;

/// How many rows came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Counts {
    /// Rows that were looked at.
    pub read: i64,
    /// Memories that are new.
    pub created: i64,
    /// Memories that were changed to what the source says now.
    pub updated: i64,
    /// Rows that were here already, equal.
    pub unchanged: i64,
    /// Rows left alone: changed in the source, expired, or deleted here since.
    pub skipped: i64,
    /// Rows that could not be brought in.
    pub rejected: i64,
}

/// An import.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Import {
    /// Give it back as `job_id` with the next lines; absent in a dry run, which keeps nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<JobId>,
    /// `import`.
    pub(super) kind: &'static str,
    /// What is read.
    pub(super) source: String,
    /// `running`, `completed`, `partial` when rows were rejected, `failed`, or `cancelled`.
    pub(super) state: String,
    /// Nothing is written.
    pub(super) dry_run: bool,
    /// Of the whole job; of this call in a dry run.
    pub(super) counts: Counts,
    /// Rejected rows, at most 1,000: those of this call in its answer, the first ones of the job in `import.get`.
    pub(super) errors: Vec<RowError>,
    /// When it began.
    pub(super) created_at: Timestamp,
    /// When it last moved.
    pub(super) updated_at: Timestamp,
}

#[derive(Default, Serialize, Deserialize)]
struct Progress {
    counts: Counts,
    errors: Vec<RowError>,
}

/// A job with what it counted, taken apart.
pub(super) struct Open {
    job: jobs::Job,
    pub(super) counts: Counts,
    kept: Vec<RowError>,
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::internal().cause(error)
}

impl Open {
    /// A job that begins.
    pub(super) fn new(scope: &Scope, id: JobId, spec: Map<String, Value>, now: Timestamp) -> Self {
        let job = jobs::Job {
            id,
            workspace: scope.workspace(),
            kind: KIND.to_owned(),
            state: "running".to_owned(),
            spec,
            progress: Map::new(),
            created_by: scope.viewer(),
            created_at: now,
            updated_at: now,
        };
        Self { job, counts: Counts::default(), kept: Vec::new() }
    }

    /// The import with this id.
    pub(super) fn find(tx: &Tx<'_>, scope: &Scope, id: JobId) -> Result<Self> {
        let job = jobs::get(tx, scope, id)?.filter(|job| job.kind == KIND).ok_or_else(Error::not_found)?;
        let progress: Progress = serde_json::from_value(Value::Object(job.progress.clone())).map_err(unreadable)?;
        Ok(Self { job, counts: progress.counts, kept: progress.errors })
    }

    /// Refuses a job that is over.
    pub(super) fn must_run(self) -> Result<Self> {
        if self.job.state == "running" {
            return Ok(self);
        }
        Err(Error::new(Code::BadTransition, format!("the import {} is {}", self.job.id, self.job.state))
            .fact("state", self.job.state)
            .hint("run the import again from the beginning; what is here already is left as it is"))
    }

    pub(super) const fn id(&self) -> JobId {
        self.job.id
    }

    pub(super) fn source(&self) -> &str {
        self.job.spec.get("source").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn end(&mut self, state: &str) {
        state.clone_into(&mut self.job.state);
    }

    /// Ends it as its counts say.
    pub(super) fn close(&mut self) {
        let accepted = self.counts.read - self.counts.rejected;
        self.end(match (self.counts.rejected, accepted) {
            (0, _) => "completed",
            (_, 0) => "failed",
            _ => "partial",
        });
    }

    /// Adds what one call found.
    pub(super) fn note(&mut self, errors: &[RowError], now: Timestamp) {
        let room = MOST_ERRORS.saturating_sub(self.kept.len());
        self.kept.extend(errors.iter().take(room).cloned());
        self.job.updated_at = now;
    }

    fn with_progress(&mut self) -> &jobs::Job {
        let progress = [("counts", json!(self.counts)), ("errors", json!(self.kept))];
        self.job.progress = progress.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        &self.job
    }

    pub(super) fn insert(&mut self, tx: &Tx<'_>, scope: &Scope) -> Result<()> {
        Ok(jobs::insert(tx, scope, self.with_progress())?)
    }

    pub(super) fn advance(&mut self, tx: &Tx<'_>, scope: &Scope) -> Result<()> {
        Ok(jobs::advance(tx, scope, self.with_progress())?)
    }

    /// As callers see it, with these rejected rows.
    pub(super) fn shown(&self, errors: Vec<RowError>) -> Import {
        Import {
            id: Some(self.job.id),
            kind: KIND,
            source: self.source().to_owned(),
            state: self.job.state.clone(),
            dry_run: false,
            counts: self.counts,
            errors,
            created_at: self.job.created_at,
            updated_at: self.job.updated_at,
        }
    }

    /// As callers see it, with the rejected rows it keeps.
    pub(super) fn whole(&self) -> Import {
        self.shown(self.kept.clone())
    }
}

/// Ends every import of the workspace that is still open: there is one at a time, and one that was cut off must not stand
/// in the way of the next.
pub(super) fn end_open(tx: &Tx<'_>, scope: &Scope, now: Timestamp) -> Result<()> {
    while let Some(job) = jobs::open_here(tx, scope, KIND)? {
        let mut open = Open::find(tx, scope, job.id)?;
        open.end("failed");
        open.note(&[], now);
        open.advance(tx, scope)?;
    }
    Ok(())
}
