//! Lists of memories. The viewer's own rows, those open to everybody, those of each of the viewer's teams and those granted
//! to them are read apart, each in index order, and merged; those with a tag that few carry are read by the tag instead.

mod sources;

use std::cmp::Ordering;

use types::{
    PrincipalId, Timestamp,
    memory::{Access, Kind, Memory, Right, Trust},
};

use self::sources::{COUNTS, GRANTED, OPEN, OPEN_OF_OWNER, OWN, Source, TAGGED, TAGS, TEAM};
use super::{may, read, tags};
use crate::{Result, Scope, Tx, Value, row::json, teams};

/// Memories with a tag that are looked at one by one; with more of them it is shorter to walk what the viewer may see.
const FEW: i64 = 1_000;

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
    let mut rows: Vec<Memory> = Vec::new();
    let few = few(tx, scope, filter)?;
    let seen = |memory: &Memory| Ok(few.is_none() || may(tx, scope, memory, Right::Read, now)?);
    for (source, whose) in sources(tx, scope, filter, few.as_deref())? {
        let narrowing = narrowing(scope, whose, filter, now);
        let statement = source.statement(sort, filter.is_keyed());
        let last = rows.get(limit.saturating_sub(1)).map(|row| sort.place(row));
        rows.extend(one_source(tx, statement, narrowing, (filter, &seen), (sort, after, limit, last))?);
        rows.sort_by(|left, right| sort.order(left, right));
        rows.dedup_by(|left, right| left.id == right.id);
        rows.truncate(limit);
    }
    Ok(rows)
}

/// Where the rows of a list are found, and the second argument of each.
fn sources(
    tx: &Tx<'_>,
    scope: &Scope,
    filter: &Filter,
    few: Option<&[String]>,
) -> Result<Vec<(&'static Source, String)>> {
    if let Some(tags) = few {
        return Ok(tags.iter().map(|tag| (&TAGGED, tag.clone())).collect());
    }
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
    Ok(sources)
}

/// The tags by which a list is read: the rarest of those that all rows carry, or each of those of which one suffices; none
/// when there are none, or too many rows carry them.
fn few(tx: &Tx<'_>, scope: &Scope, filter: &Filter) -> Result<Option<Vec<String>>> {
    let count = |tag: &String| Ok((tags::carriers(tx, scope, tag, FEW + 1)?, tag.clone()));
    let all = filter.tags_all.iter().map(count).collect::<Result<Vec<_>>>()?;
    if let Some((_, rarest)) = all.into_iter().min().filter(|(carriers, _)| *carriers <= FEW) {
        return Ok(Some(vec![rarest]));
    }
    let any = filter.tags_any.iter().map(count).collect::<Result<Vec<_>>>()?;
    let together: i64 = any.iter().map(|(carriers, _)| carriers).sum();
    Ok((!any.is_empty() && together <= FEW).then(|| any.into_iter().map(|(_, tag)| tag).collect()))
}

/// Whether the viewer may see a row that was found.
type Seen<'s> = dyn Fn(&Memory) -> Result<bool> + 's;

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
    (filter, seen): (&'a Filter, &Seen<'_>),
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
            let memory = Memory { size_bytes: Some(row.int(28)?), ..read(row)? };
            if seen(&memory)? {
                kept.push(memory);
            }
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
    if few(tx, scope, filter)?.is_some() {
        let (sort, most) = (Sort::Created, usize::MAX);
        let found = list(tx, scope, filter, (sort, &sort.start(), most), now)?;
        total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    } else if filter.has_tags() {
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
