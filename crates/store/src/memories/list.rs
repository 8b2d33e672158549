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

// $1 workspace, $2 viewer, $3 now, then the filters, the range of keys where one is asked for, the place and the limit.
macro_rules! narrowed {
    ($whose:literal) => {
        concat!(
            "FROM memories WHERE workspace_id = $1 AND ",
            $whose,
            " AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
            " AND (CAST($4 AS TEXT) IS NULL OR owner = $4) AND (CAST($5 AS TEXT) IS NULL OR kind = $5)",
            " AND (CAST($6 AS TEXT) IS NULL OR access = $6) AND (CAST($7 AS TEXT) IS NULL OR project = $7)",
            " AND created_at > $8 AND created_at < $9 AND updated_at > $10 AND updated_at < $11"
        )
    };
}

// The bounds let the index on keys be used; the prefix itself is compared literally.
macro_rules! keyed {
    ($whose:literal) => {
        concat!(
            narrowed!($whose),
            " AND COALESCE(key, '') >= $12 AND COALESCE(key, '') < $13",
            " AND substr(COALESCE(key, ''), 1, length($14)) = $14"
        )
    };
}

macro_rules! listing {
    ($rows:expr, $tail:literal) => {
        concat!(
            "SELECT id, owner, key, kind, NULL, NULL, summary, tags, importance, access, project, layer, expires_at, ",
            "metadata, provenance, access_count, accessed_at, relevance, version, created_at, updated_at, size_bytes ",
            $rows,
            $tail
        )
    };
}

const OWN_UPDATED: &str =
    listing!(narrowed!("owner = $2"), " AND (updated_at, id) < ($12, $13) ORDER BY updated_at DESC, id DESC LIMIT $14");
const OWN_CREATED: &str =
    listing!(narrowed!("owner = $2"), " AND (created_at, id) < ($12, $13) ORDER BY created_at DESC, id DESC LIMIT $14");
// The viewer's own public rows come here too and are dropped in the merge: walking past them would take as long as there
// are many.
const PUBLIC_UPDATED: &str = listing!(
    narrowed!("CAST($2 AS TEXT) IS NOT NULL AND access = 'public'"),
    " AND (updated_at, id) < ($12, $13) ORDER BY updated_at DESC, id DESC LIMIT $14"
);
const PUBLIC_CREATED: &str = listing!(
    narrowed!("CAST($2 AS TEXT) IS NOT NULL AND access = 'public'"),
    " AND (created_at, id) < ($12, $13) ORDER BY created_at DESC, id DESC LIMIT $14"
);
// Sorting by a sum keeps the planner from walking the index on times instead of the one on keys.
const OWN_UPDATED_KEYED: &str = listing!(
    keyed!("owner = $2"),
    " AND (updated_at, id) < ($15, $16) ORDER BY updated_at + 0 DESC, id DESC LIMIT $17"
);
const OWN_CREATED_KEYED: &str = listing!(
    keyed!("owner = $2"),
    " AND (created_at, id) < ($15, $16) ORDER BY created_at + 0 DESC, id DESC LIMIT $17"
);
const PUBLIC_UPDATED_KEYED: &str = listing!(
    keyed!("CAST($2 AS TEXT) IS NOT NULL AND access = 'public'"),
    " AND (updated_at, id) < ($15, $16) ORDER BY updated_at + 0 DESC, id DESC LIMIT $17"
);
const PUBLIC_CREATED_KEYED: &str = listing!(
    keyed!("CAST($2 AS TEXT) IS NOT NULL AND access = 'public'"),
    " AND (created_at, id) < ($15, $16) ORDER BY created_at + 0 DESC, id DESC LIMIT $17"
);
const OWN_KEY: &str = listing!(
    keyed!("owner = $2"),
    " AND (COALESCE(key, ''), id) > ($15, $16) ORDER BY COALESCE(key, ''), id LIMIT $17"
);
const PUBLIC_KEY: &str = listing!(
    keyed!("CAST($2 AS TEXT) IS NOT NULL AND access = 'public'"),
    " AND (COALESCE(key, ''), id) > ($15, $16) ORDER BY COALESCE(key, ''), id LIMIT $17"
);
const COUNT_OWN: &str = concat!("SELECT COUNT(*) ", keyed!("owner = $2"));
const COUNT_PUBLIC: &str = concat!("SELECT COUNT(*) ", keyed!("owner <> $2 AND access = 'public'"));
const TAGS_OWN: &str = concat!("SELECT tags ", keyed!("owner = $2"));
const TAGS_PUBLIC: &str = concat!("SELECT tags ", keyed!("owner <> $2 AND access = 'public'"));

const fn statements(sort: Sort, is_keyed: bool) -> [&'static str; 2] {
    match (sort, is_keyed) {
        (Sort::Updated, false) => [OWN_UPDATED, PUBLIC_UPDATED],
        (Sort::Created, false) => [OWN_CREATED, PUBLIC_CREATED],
        (Sort::Updated, true) => [OWN_UPDATED_KEYED, PUBLIC_UPDATED_KEYED],
        (Sort::Created, true) => [OWN_CREATED_KEYED, PUBLIC_CREATED_KEYED],
        (Sort::Key, _) => [OWN_KEY, PUBLIC_KEY],
    }
}

fn narrowing<'a>(scope: &Scope, filter: &'a Filter, now: Timestamp) -> Vec<Value<'a>> {
    let moment = |bound: Option<Timestamp>, open: i64| Value::Int(bound.map_or(open, Timestamp::micros));
    vec![
        Value::from(scope.workspace().to_string()),
        Value::from(scope.viewer().to_string()),
        Value::from(now.micros()),
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

/// The range of keys that can begin with the prefix, at or after a key, and the prefix.
fn key_range<'a>(filter: &'a Filter, after: &str) -> [Value<'a>; 3] {
    let prefix = filter.prefix.as_deref().unwrap_or_default();
    let from = if after > prefix { after } else { prefix };
    [Value::from(from.to_owned()), Value::from(beyond(prefix)), Value::from(prefix)]
}

/// A text greater than every key with this prefix: its last character that has a successor is raised. Without one, a text
/// greater than the greatest key of 255 characters.
fn beyond(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Surrogates are no characters: their successor is U+E000.
        let next = char::from_u32(u32::from(last) + 1).or_else(|| (last == '\u{D7FF}').then_some('\u{E000}'));
        if let Some(next) = next {
            chars.push(next);
            return chars.into_iter().collect();
        }
    }
    char::MAX.to_string().repeat(256)
}

impl Filter {
    fn is_keyed(&self) -> bool {
        self.prefix.as_ref().is_some_and(|prefix| !prefix.is_empty())
    }

    fn has_tags(&self) -> bool {
        !self.tags_all.is_empty() || !self.tags_any.is_empty()
    }

    /// Whether tags pass, as they stand in their column. Most do not, and are not parsed to know.
    fn admits(&self, column: &str) -> Result<bool> {
        let may_hold = |tag: &String| column.contains(tag.as_str()) || tag.contains(['"', '\\']);
        if !(self.tags_all.iter().all(may_hold) && (self.tags_any.is_empty() || self.tags_any.iter().any(may_hold))) {
            return Ok(false);
        }
        let tags: Vec<String> = json(column)?;
        Ok(self.tags_all.iter().all(|tag| tags.contains(tag))
            && (self.tags_any.is_empty() || self.tags_any.iter().any(|tag| tags.contains(tag))))
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
    let narrowing = narrowing(scope, filter, now);
    let mut rows = Vec::new();
    for statement in statements(sort, filter.is_keyed()) {
        rows.extend(one_source(tx, statement, &narrowing, filter, (after, limit))?);
    }
    rows.sort_by(|left, right| sort.order(left, right));
    rows.dedup_by(|left, right| left.id == right.id);
    rows.truncate(limit);
    Ok(rows)
}

/// Why a walk over rows ends before its last row.
enum Stop {
    Full,
    Failed(crate::Error),
}

impl From<crate::Error> for Stop {
    fn from(error: crate::Error) -> Self {
        Self::Failed(error)
    }
}

fn one_source(
    tx: &Tx<'_>,
    statement: &'static str,
    narrowing: &[Value<'_>],
    filter: &Filter,
    (after, limit): (&Place, usize),
) -> Result<Vec<Memory>> {
    let mut args = narrowing.to_vec();
    match after {
        Place::Moment(at, id) => {
            if filter.is_keyed() {
                args.extend(key_range(filter, ""));
            }
            args.extend([Value::from(*at), Value::from(id.as_str())]);
        }
        Place::Key(key, id) => {
            args.extend(key_range(filter, key));
            args.extend([Value::from(key.as_str()), Value::from(id.as_str())]);
        }
    }
    // Tags are looked at here, so the database cannot know how many rows it takes.
    let rows = if filter.has_tags() { i64::MAX } else { i64::try_from(limit).unwrap_or(i64::MAX) };
    args.push(Value::from(rows));
    let mut kept = Vec::new();
    let walked = tx.each(statement, &args, |row| {
        if kept.len() == limit {
            return Err(Stop::Full);
        }
        // Most rows fail a filter on tags: they are not read any further.
        if !filter.has_tags() || filter.admits(row.text_ref(7)?)? {
            kept.push(Memory { size_bytes: Some(row.int(21)?), ..read(row)? });
        }
        Ok(())
    });
    match walked {
        Ok(()) | Err(Stop::Full) => Ok(kept),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// How many rows the viewer may see that pass the filter.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, filter: &Filter, now: Timestamp) -> Result<i64> {
    let mut args = narrowing(scope, filter, now);
    args.extend(key_range(filter, ""));
    let mut total = 0;
    if filter.has_tags() {
        for statement in [TAGS_OWN, TAGS_PUBLIC] {
            tx.each(statement, &args, |row| {
                total += i64::from(filter.admits(row.text_ref(0)?)?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_a_prefix_lies_no_text_that_has_it() {
        for (prefix, beyond_it) in [("a", "b"), ("a\u{10FFFF}", "b"), ("\u{D7FF}", "\u{E000}")] {
            assert_eq!(beyond(prefix), beyond_it, "{prefix:?}");
        }
        assert!(beyond("") > "\u{10FFFF}".repeat(255));
        assert!("config_z\u{10FFFE}" < beyond("config_").as_str() && beyond("config_").as_str() < "config`a");
    }
}
