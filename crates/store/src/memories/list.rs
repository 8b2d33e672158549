//! Lists of memories. The viewer's own rows, those open to everybody, those of each of the viewer's teams and those granted
//! to them are read apart, each in index order, and merged.

use std::cmp::Ordering;

use types::{
    PrincipalId, Timestamp,
    memory::{Access, Kind, Memory, Trust},
};

use super::read;
use crate::{Result, Scope, Tx, Value, row::json, teams};

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
    /// Only this trust; none leaves out what is quarantined.
    pub trust: Option<Trust>,
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

    /// Whether a row of a list comes later than every row of a place's moment or key.
    fn is_past(self, row: &crate::Row<'_>, place: &Place) -> Result<bool> {
        match (self, place) {
            (Self::Updated, Place::Moment(at, _)) => Ok(row.int(26)? < *at),
            (Self::Created, Place::Moment(at, _)) => Ok(row.int(25)? < *at),
            (_, Place::Key(key, _)) => Ok(row.opt_text_ref(2)?.unwrap_or_default() > key.as_str()),
            (Self::Key, Place::Moment(..)) => Ok(false),
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

// $1 workspace, $2 whose rows, $3 now, then the filters, the range of keys where one is asked for, the place and the limit.
macro_rules! filtered {
    ($whose:expr, $created:literal, $updated:literal) => {
        concat!(
            "FROM memories WHERE ",
            $whose,
            " AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
            " AND (CAST($4 AS TEXT) IS NULL OR owner = $4) AND (CAST($5 AS TEXT) IS NULL OR kind = $5)",
            " AND (CAST($6 AS TEXT) IS NULL OR access = $6)",
            " AND CASE WHEN CAST($7 AS TEXT) IS NULL THEN trust <> 'quarantined' ELSE trust = $7 END",
            " AND (CAST($8 AS TEXT) IS NULL OR project = $8) AND ",
            $created,
            " > $9 AND ",
            $created,
            " < $10 AND ",
            $updated,
            " > $11 AND ",
            $updated,
            " < $12"
        )
    };
}

macro_rules! narrowed {
    ($whose:expr) => {
        filtered!($whose, "created_at", "updated_at")
    };
}

// The bounds let the index on keys be used, and sums keep the planner from those on times; the prefix itself is compared
// literally.
macro_rules! keyed {
    ($whose:expr) => {
        concat!(
            filtered!($whose, "created_at + 0", "updated_at + 0"),
            " AND COALESCE(key, '') >= $13 AND COALESCE(key, '') < $14",
            " AND substr(COALESCE(key, ''), 1, length($15)) = $15"
        )
    };
}

macro_rules! listing {
    ($rows:expr, $tail:literal) => {
        concat!(
            "SELECT id, owner, key, kind, NULL, NULL, summary, tags, importance, access, team_id, trust, flags, ",
            "flags_version, superseded_by, supersedes, project, layer, expires_at, metadata, provenance, access_count, ",
            "accessed_at, relevance, version, created_at, updated_at, deleted_at, size_bytes ",
            $rows,
            $tail
        )
    };
}

macro_rules! my_teams {
    () => {
        "(SELECT team_id FROM team_members WHERE workspace_id = $1 AND principal = $2)"
    };
}

// The viewer's own rows come from more than one source and are dropped in the merge: walking past them would take as long
// as there are many.
macro_rules! own {
    () => {
        "workspace_id = $1 AND owner = $2"
    };
}
macro_rules! open {
    () => {
        "workspace_id = $1 AND CAST($2 AS TEXT) IS NOT NULL AND trust <> 'quarantined' AND access IN ('public', 'system')"
    };
}
macro_rules! team {
    () => {
        "workspace_id = $1 AND team_id = $2 AND trust <> 'quarantined'"
    };
}
// The casts lead the planner to the index on granted rows, and keep it from walking the workspace.
macro_rules! granted {
    () => {
        concat!(
            "CAST(workspace_id AS TEXT) = $1 AND trust <> 'quarantined' AND access IN ('shared', 'team') AND CAST(id AS TEXT) IN (SELECT memory_id FROM memory_grants ",
            "WHERE workspace_id = $1 AND grantee IN (SELECT CAST($2 AS TEXT) UNION ALL SELECT team_id ",
            "FROM team_members WHERE workspace_id = $1 AND principal = $2) AND (expires_at IS NULL OR expires_at > $3))"
        )
    };
}
macro_rules! anothers {
    ($rows:expr) => {
        concat!($rows, " AND owner <> $2")
    };
}

/// One way in which rows come to be visible, in each order. Sorting by a sum keeps the planner from walking the index on
/// times where another one is narrower.
struct Source {
    updated: &'static str,
    created: &'static str,
    updated_keyed: &'static str,
    created_keyed: &'static str,
    key: &'static str,
}

macro_rules! source {
    ($name:ident, $rows:expr, $updated:literal, $created:literal) => {
        const $name: Source = Source {
            updated: listing!(narrowed!($rows), $updated),
            created: listing!(narrowed!($rows), $created),
            updated_keyed: listing!(
                keyed!($rows),
                " AND (updated_at + 0, id) < ($16, $17) ORDER BY updated_at + 0 DESC, id DESC LIMIT $18"
            ),
            created_keyed: listing!(
                keyed!($rows),
                " AND (created_at + 0, id) < ($16, $17) ORDER BY created_at + 0 DESC, id DESC LIMIT $18"
            ),
            key: listing!(
                keyed!($rows),
                " AND (COALESCE(key, ''), id) > ($16, $17) ORDER BY COALESCE(key, ''), id LIMIT $18"
            ),
        };
    };
}

source!(
    OWN,
    own!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
source!(
    OPEN,
    open!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
// Of one other owner, by the index on owners.
source!(
    OPEN_OF_OWNER,
    concat!(own!(), " AND trust <> 'quarantined' AND access IN ('public', 'system')"),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
source!(
    TEAM,
    team!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
// All that was granted is looked at, in its index; only the rows of the page are read as a whole.
macro_rules! picked {
    ($rows:expr, $page:literal, $order:literal) => {
        listing!(concat!("FROM memories WHERE id IN (SELECT id ", $rows, $page, ")"), $order)
    };
}

const GRANTED: Source = Source {
    updated: picked!(
        narrowed!(granted!()),
        " AND (updated_at, id) < ($13, $14) ORDER BY updated_at + 0 DESC, id DESC LIMIT $15",
        " ORDER BY updated_at + 0 DESC, id DESC"
    ),
    created: picked!(
        narrowed!(granted!()),
        " AND (created_at, id) < ($13, $14) ORDER BY created_at + 0 DESC, id DESC LIMIT $15",
        " ORDER BY created_at + 0 DESC, id DESC"
    ),
    updated_keyed: picked!(
        keyed!(granted!()),
        " AND (updated_at, id) < ($16, $17) ORDER BY updated_at + 0 DESC, id DESC LIMIT $18",
        " ORDER BY updated_at + 0 DESC, id DESC"
    ),
    created_keyed: picked!(
        keyed!(granted!()),
        " AND (created_at, id) < ($16, $17) ORDER BY created_at + 0 DESC, id DESC LIMIT $18",
        " ORDER BY created_at + 0 DESC, id DESC"
    ),
    key: picked!(
        keyed!(granted!()),
        " AND (COALESCE(key, ''), id) > ($16, $17) ORDER BY COALESCE(key, ''), id LIMIT $18",
        " ORDER BY COALESCE(key, ''), id"
    ),
};

macro_rules! my_teams_rows {
    () => {
        concat!("workspace_id = $1 AND trust <> 'quarantined' AND team_id IN ", my_teams!())
    };
}
macro_rules! granted_only {
    () => {
        concat!(granted!(), " AND COALESCE(team_id, '') NOT IN ", my_teams!())
    };
}

const COUNTS: [&str; 4] = [
    concat!("SELECT COUNT(*) ", keyed!(own!())),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(open!()))),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(my_teams_rows!()))),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(granted_only!()))),
];
const TAGS: [&str; 4] = [
    concat!("SELECT tags ", keyed!(own!())),
    concat!("SELECT tags ", keyed!(anothers!(open!()))),
    concat!("SELECT tags ", keyed!(anothers!(my_teams_rows!()))),
    concat!("SELECT tags ", keyed!(anothers!(granted_only!()))),
];

impl Source {
    const fn statement(&self, sort: Sort, is_keyed: bool) -> &'static str {
        match (sort, is_keyed) {
            (Sort::Updated, false) => self.updated,
            (Sort::Created, false) => self.created,
            (Sort::Updated, true) => self.updated_keyed,
            (Sort::Created, true) => self.created_keyed,
            (Sort::Key, _) => self.key,
        }
    }
}

fn narrowing<'a>(scope: &Scope, whose: String, filter: &'a Filter, now: Timestamp) -> Vec<Value<'a>> {
    let moment = |bound: Option<Timestamp>, open: i64| Value::Int(bound.map_or(open, Timestamp::micros));
    vec![
        Value::from(scope.workspace().to_string()),
        Value::from(whose),
        Value::from(now.micros()),
        Value::from(filter.owner.map(|owner| owner.to_string())),
        Value::from(filter.kind.map(Kind::as_str)),
        Value::from(filter.access.map(Access::as_str)),
        Value::from(filter.trust.map(Trust::as_str)),
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
    let viewer = scope.viewer().to_string();
    let mut sources = match filter.owner {
        Some(owner) if owner == scope.viewer() => vec![(&OWN, viewer.clone())],
        Some(owner) => vec![(&OPEN_OF_OWNER, owner.to_string()), (&GRANTED, viewer.clone())],
        None => vec![(&OWN, viewer.clone()), (&OPEN, viewer.clone()), (&GRANTED, viewer.clone())],
    };
    if filter.owner != Some(scope.viewer()) {
        let mine = teams::memberships(tx, scope, scope.viewer())?;
        sources.extend(mine.into_iter().map(|team| (&TEAM, team.to_string())));
    }
    let mut rows: Vec<Memory> = Vec::new();
    for (source, whose) in sources {
        let narrowing = narrowing(scope, whose, filter, now);
        let statement = source.statement(sort, filter.is_keyed());
        let last = rows.get(limit.saturating_sub(1)).map(|row| sort.place(row));
        rows.extend(one_source(tx, statement, narrowing, filter, (sort, after, limit, last))?);
        rows.sort_by(|left, right| sort.order(left, right));
        rows.dedup_by(|left, right| left.id == right.id);
        rows.truncate(limit);
    }
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

fn one_source<'a>(
    tx: &Tx<'_>,
    statement: &'static str,
    mut args: Vec<Value<'a>>,
    filter: &'a Filter,
    (sort, after, limit, last): (Sort, &'a Place, usize, Option<Place>),
) -> Result<Vec<Memory>> {
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
        // A page that is full already takes nothing that comes after its last row.
        let is_past = |last: &Place| sort.is_past(row, last);
        if kept.len() == limit || last.as_ref().map(is_past).transpose()? == Some(true) {
            return Err(Stop::Full);
        }
        // Most rows fail a filter on tags: they are not read any further.
        if !filter.has_tags() || filter.admits(row.text_ref(7)?)? {
            kept.push(Memory { size_bytes: Some(row.int(28)?), ..read(row)? });
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
    let mut args = narrowing(scope, scope.viewer().to_string(), filter, now);
    args.extend(key_range(filter, ""));
    let mut total = 0;
    if filter.has_tags() {
        for statement in TAGS {
            tx.each(statement, &args, |row| {
                total += i64::from(filter.admits(row.text_ref(0)?)?);
                Ok::<_, crate::Error>(())
            })?;
        }
    } else {
        for statement in COUNTS {
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
