//! Lists of memories: the viewer's own rows and the public ones are read apart, each in index order, and merged.

use std::cmp::Ordering;

use types::{
    PrincipalId, Timestamp,
    memory::{Access, Kind, Memory},
};

use super::read;
use crate::{Result, Scope, Tx, Value, row::json};

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Keys that begin with exactly this.
    pub prefix: Option<String>,
    /// Only this principal's.
    pub owner: Option<PrincipalId>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this access.
    pub access: Option<Access>,
    /// Only this project label.
    pub project: Option<String>,
    /// Rows that carry all of these.
    pub tags_all: Vec<String>,
    /// Rows that carry one of these.
    pub tags_any: Vec<String>,
    /// Stored after.
    pub created_after: Option<Timestamp>,
    /// Stored before.
    pub created_before: Option<Timestamp>,
    /// Changed after.
    pub updated_after: Option<Timestamp>,
    /// Changed before.
    pub updated_before: Option<Timestamp>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Newest change first.
    Updated,
    /// Newest first.
    Created,
    /// By key; rows without one come first.
    Key,
}

/// A place in a list: the sort value of a row, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A moment, in microseconds.
    Moment(i64, String),
    /// A key.
    Key(String, String),
}

impl Sort {
    /// The place before the first row.
    #[must_use]
    pub fn start(self) -> Place {
        match self {
            Self::Updated | Self::Created => Place::Moment(i64::MAX, "~".into()),
            Self::Key => Place::Key(String::new(), String::new()),
        }
    }

    /// Where a row stands.
    #[must_use]
    pub fn place(self, memory: &Memory) -> Place {
        let id = memory.id.to_string();
        match self {
            Self::Updated => Place::Moment(memory.updated_at.micros(), id),
            Self::Created => Place::Moment(memory.created_at.micros(), id),
            Self::Key => Place::Key(memory.key.clone().unwrap_or_default(), id),
        }
    }

    fn order(self, left: &Memory, right: &Memory) -> Ordering {
        match self {
            Self::Updated => (right.updated_at, right.id).cmp(&(left.updated_at, left.id)),
            Self::Created => (right.created_at, right.id).cmp(&(left.created_at, left.id)),
            Self::Key => (left.key.as_deref().unwrap_or_default(), left.id)
                .cmp(&(right.key.as_deref().unwrap_or_default(), right.id)),
        }
    }
}

// $1 workspace, $2 viewer, $3 now, then the filters; the place and the limit come last.
macro_rules! narrowed {
    ($whose:literal) => {
        concat!(
            "FROM memories WHERE workspace_id = $1 AND ",
            $whose,
            " AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
            " AND (CAST($4 AS TEXT) IS NULL OR substr(key, 1, length($4)) = $4)",
            " AND (CAST($5 AS TEXT) IS NULL OR owner = $5) AND (CAST($6 AS TEXT) IS NULL OR kind = $6)",
            " AND (CAST($7 AS TEXT) IS NULL OR access = $7) AND (CAST($8 AS TEXT) IS NULL OR project = $8)",
            " AND created_at > $9 AND created_at < $10 AND updated_at > $11 AND updated_at < $12"
        )
    };
}

macro_rules! listing {
    ($whose:literal, $tail:literal) => {
        concat!(
            "SELECT id, owner, key, kind, NULL, NULL, summary, tags, importance, access, project, layer, expires_at, ",
            "metadata, provenance, access_count, accessed_at, relevance, version, created_at, updated_at, size_bytes ",
            narrowed!($whose),
            $tail
        )
    };
}

const OWN_UPDATED: &str =
    listing!("owner = $2", " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15");
const OWN_CREATED: &str =
    listing!("owner = $2", " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15");
const OWN_KEY: &str =
    listing!("owner = $2", " AND (COALESCE(key, ''), id) > ($13, $14) ORDER BY COALESCE(key, ''), id LIMIT $15");
// The viewer's own public rows come here too and are dropped in the merge: walking past them would take as long as
// there are many.
const PUBLIC_UPDATED: &str = listing!(
    "CAST($2 AS TEXT) IS NOT NULL AND access = 'public'",
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15"
);
const PUBLIC_CREATED: &str = listing!(
    "CAST($2 AS TEXT) IS NOT NULL AND access = 'public'",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
const PUBLIC_KEY: &str = listing!(
    "CAST($2 AS TEXT) IS NOT NULL AND access = 'public'",
    " AND (COALESCE(key, ''), id) > ($13, $14) ORDER BY COALESCE(key, ''), id LIMIT $15"
);
const COUNT_OWN: &str = concat!("SELECT COUNT(*) ", narrowed!("owner = $2"));
const TAGS_OWN: &str = concat!("SELECT tags ", narrowed!("owner = $2"));
const TAGS_PUBLIC: &str = concat!("SELECT tags ", narrowed!("owner <> $2 AND access = 'public'"));
const COUNT_PUBLIC: &str = concat!("SELECT COUNT(*) ", narrowed!("owner <> $2 AND access = 'public'"));

fn statements(sort: Sort) -> [&'static str; 2] {
    match sort {
        Sort::Updated => [OWN_UPDATED, PUBLIC_UPDATED],
        Sort::Created => [OWN_CREATED, PUBLIC_CREATED],
        Sort::Key => [OWN_KEY, PUBLIC_KEY],
    }
}

fn narrowing<'a>(scope: &Scope, filter: &'a Filter, now: Timestamp) -> Vec<Value<'a>> {
    let moment = |bound: Option<Timestamp>, open: i64| Value::Int(bound.map_or(open, Timestamp::micros));
    vec![
        Value::from(scope.workspace().to_string()),
        Value::from(scope.viewer().to_string()),
        Value::from(now.micros()),
        Value::from(filter.prefix.as_deref()),
        Value::from(filter.owner.map(|owner| owner.to_string())),
        Value::from(filter.kind.map(Kind::as_str)),
        Value::from(filter.access.map(Access::as_str)),
        Value::from(filter.project.as_deref()),
        moment(filter.created_after, i64::MIN),
        moment(filter.created_before, i64::MAX),
        moment(filter.updated_after, i64::MIN),
        moment(filter.updated_before, i64::MAX),
    ]
}

impl Filter {
    fn has_tags(&self) -> bool {
        !self.tags_all.is_empty() || !self.tags_any.is_empty()
    }

    fn admits(&self, tags: &[String]) -> bool {
        self.tags_all.iter().all(|tag| tags.contains(tag))
            && (self.tags_any.is_empty() || self.tags_any.iter().any(|tag| tags.contains(tag)))
    }
}

/// At most `limit` rows the viewer may see, after a place, in order: without their text, with its size.
///
/// # Errors
/// Those of the store.
pub fn list(
    tx: &Tx<'_>,
    scope: &Scope,
    filter: &Filter,
    (sort, after, limit): (Sort, &Place, usize),
    now: Timestamp,
) -> Result<Vec<Memory>> {
    let mut rows = Vec::new();
    for statement in statements(sort) {
        rows.extend(one_source(tx, statement, &narrowing(scope, filter, now), filter, (sort, after, limit))?);
    }
    rows.sort_by(|left, right| sort.order(left, right));
    rows.dedup_by(|left, right| left.id == right.id);
    rows.truncate(limit);
    Ok(rows)
}

fn one_source(
    tx: &Tx<'_>,
    statement: &'static str,
    narrowing: &[Value<'_>],
    filter: &Filter,
    (sort, after, limit): (Sort, &Place, usize),
) -> Result<Vec<Memory>> {
    let chunk = if filter.has_tags() { limit.max(200) } else { limit };
    let mut kept = Vec::new();
    let mut place = after.clone();
    loop {
        let mut args = narrowing.to_vec();
        args.extend(match &place {
            Place::Moment(at, id) => [Value::from(*at), Value::from(id.as_str())],
            Place::Key(key, id) => [Value::from(key.as_str()), Value::from(id.as_str())],
        });
        args.push(Value::from(i64::try_from(chunk).unwrap_or(i64::MAX)));
        let rows = tx.rows(statement, &args, |row| {
            Ok::<_, crate::Error>(Memory { size_bytes: Some(row.int(21)?), ..read(row)? })
        })?;
        let last_chunk = rows.len() < chunk;
        if let Some(last) = rows.last() {
            place = sort.place(last);
        }
        kept.extend(rows.into_iter().filter(|row| filter.admits(&row.tags)));
        if last_chunk || kept.len() >= limit {
            kept.truncate(limit);
            return Ok(kept);
        }
    }
}

/// How many rows the viewer may see that pass the filter.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, filter: &Filter, now: Timestamp) -> Result<i64> {
    let args = narrowing(scope, filter, now);
    let mut total = 0;
    if filter.has_tags() {
        for statement in [TAGS_OWN, TAGS_PUBLIC] {
            tx.each(statement, &args, |row| {
                total += i64::from(filter.admits(&json::<Vec<String>>(row.text_ref(0)?)?));
                Ok::<_, crate::Error>(())
            })?;
        }
    } else {
        for statement in [COUNT_OWN, COUNT_PUBLIC] {
            total += tx.row(statement, &args, |row| row.int(0))?.unwrap_or(0);
        }
    }
    Ok(total)
}
