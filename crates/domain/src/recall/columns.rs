//! The filter columns the search index keeps of a memory, and the predicate over them.
//!
//! The first half of [`Admission::admits`] is the predicate of `store::memories`, on the same columns.

use std::collections::HashMap;

use search::Recency;
use store::memories::Searchable;
use types::{
    PrincipalId, Timestamp,
    memory::{Access, Kind},
};

/// What a search is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) tags_all: Vec<String>,
    pub(crate) tags_any: Vec<String>,
    pub(crate) owners: Vec<PrincipalId>,
    pub(crate) project: Option<String>,
    pub(crate) access: Option<Access>,
    pub(crate) created: (Option<Timestamp>, Option<Timestamp>),
    pub(crate) updated: (Option<Timestamp>, Option<Timestamp>),
    pub(crate) min_importance: Option<f64>,
}

/// Numbers for the words that many rows share. Number 0 is no word.
#[derive(Debug, Default)]
pub(crate) struct Words {
    labels: HashMap<String, u32>,
    principals: HashMap<PrincipalId, u32>,
}

/// One memory's columns.
#[derive(Debug)]
pub(crate) struct Columns {
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    tags: Box<[u32]>,
    importance: f64,
    owner: u32,
    project: u32,
    access: Access,
    kind: Kind,
}

impl Columns {
    pub(crate) fn importance(&self) -> f64 {
        self.importance
    }
}

impl Recency for Columns {
    fn updated_at_micros(&self) -> i64 {
        self.updated_at
    }
}

/// A filter in numbers, for one viewer at one moment.
#[derive(Debug)]
pub(crate) struct Admission {
    viewer: Option<u32>,
    now: i64,
    kinds: Vec<Kind>,
    tags_all: Option<Vec<u32>>,
    tags_any: Option<Vec<u32>>,
    owners: Option<Vec<u32>>,
    project: Option<u32>,
    access: Option<Access>,
    created: (i64, i64),
    updated: (i64, i64),
    min_importance: f64,
    nothing: bool,
}

fn next(len: usize) -> u32 {
    u32::try_from(len + 1).unwrap_or(u32::MAX)
}

impl Words {
    fn label(&mut self, text: &str) -> u32 {
        if let Some(number) = self.labels.get(text) {
            return *number;
        }
        let number = next(self.labels.len());
        self.labels.insert(text.to_owned(), number);
        number
    }

    /// The columns of a row.
    pub(crate) fn columns(&mut self, row: &Searchable) -> Columns {
        let number = next(self.principals.len());
        let owner = *self.principals.entry(row.owner).or_insert(number);
        Columns {
            created_at: row.created_at.micros(),
            updated_at: row.updated_at.micros(),
            expires_at: row.expires_at.map_or(i64::MAX, Timestamp::micros),
            tags: row.tags.iter().map(|tag| self.label(tag)).collect(),
            importance: row.importance,
            owner,
            project: row.project.as_deref().map_or(0, |project| self.label(project)),
            access: row.access,
            kind: row.kind,
        }
    }

    /// The filter in numbers. A label that no row carries can be carried by none.
    pub(crate) fn admission(&self, filter: &Filter, viewer: PrincipalId, now: Timestamp) -> Admission {
        let known = |labels: &[String]| -> Vec<u32> {
            labels.iter().filter_map(|label| self.labels.get(label).copied()).collect()
        };
        let span = |(after, before): (Option<Timestamp>, Option<Timestamp>)| {
            (after.map_or(i64::MIN, Timestamp::micros), before.map_or(i64::MAX, Timestamp::micros))
        };
        let tags_all = known(&filter.tags_all);
        let project = filter.project.as_ref().map(|label| self.labels.get(label).copied());
        Admission {
            viewer: self.principals.get(&viewer).copied(),
            now: now.micros(),
            kinds: filter.kinds.clone(),
            nothing: tags_all.len() < filter.tags_all.len() || project == Some(None),
            tags_all: (!tags_all.is_empty()).then_some(tags_all),
            tags_any: (!filter.tags_any.is_empty()).then(|| known(&filter.tags_any)),
            owners: (!filter.owners.is_empty())
                .then(|| filter.owners.iter().filter_map(|owner| self.principals.get(owner).copied()).collect()),
            project: project.flatten(),
            access: filter.access,
            created: span(filter.created),
            updated: span(filter.updated),
            min_importance: filter.min_importance.unwrap_or(f64::NEG_INFINITY),
        }
    }
}

impl Admission {
    fn visible(&self, row: &Columns) -> bool {
        (Some(row.owner) == self.viewer || row.access == Access::Public) && row.expires_at > self.now
    }

    fn narrowed(&self, row: &Columns) -> bool {
        !self.nothing
            && (self.kinds.is_empty() || self.kinds.contains(&row.kind))
            && self.tags_all.as_ref().is_none_or(|tags| tags.iter().all(|tag| row.tags.contains(tag)))
            && self.tags_any.as_ref().is_none_or(|tags| tags.iter().any(|tag| row.tags.contains(tag)))
            && self.owners.as_ref().is_none_or(|owners| owners.contains(&row.owner))
            && self.project.is_none_or(|project| row.project == project)
            && self.access.is_none_or(|access| row.access == access)
            && (self.created.0 < row.created_at && row.created_at < self.created.1)
            && (self.updated.0 < row.updated_at && row.updated_at < self.updated.1)
            && row.importance >= self.min_importance
    }

    /// Whether the viewer may see the row and asked for it.
    pub(crate) fn admits(&self, row: &Columns) -> bool {
        self.visible(row) && self.narrowed(row)
    }
}
