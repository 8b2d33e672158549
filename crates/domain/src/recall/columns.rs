//! The filter columns the search index keeps of a memory, and the predicate over them.
//!
//! [`Admission::visible`] is the predicate of `store::memories::may` for reading, on the same columns, but that nothing
//! quarantined is ever found.

use std::collections::HashMap;

use search::Recency;
use store::memories::searchable::Searchable;
use types::{
    GranteeId, PrincipalId, TeamId, Timestamp,
    memory::{Access, Kind, Trust},
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
    pub(crate) trusted_only: bool,
    pub(crate) include_superseded: bool,
}

/// Who looks: a principal, and the teams they are in at that moment.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) principal: PrincipalId,
    pub(crate) teams: Vec<TeamId>,
}

/// Numbers for the words that many rows share. Number 0 is no word.
#[derive(Debug, Default)]
pub(crate) struct Words {
    labels: HashMap<String, u32>,
    grantees: HashMap<GranteeId, u32>,
}

/// One memory's columns.
#[derive(Debug)]
pub(crate) struct Columns {
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    tags: Box<[u32]>,
    /// Who else may read it, and until when.
    grants: Box<[(u32, i64)]>,
    importance: f64,
    owner: u32,
    team: u32,
    project: u32,
    access: Access,
    trust: Trust,
    kind: Kind,
    is_superseded: bool,
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
    teams: Vec<u32>,
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
    trusted_only: bool,
    include_superseded: bool,
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

    fn grantee(&mut self, id: GranteeId) -> u32 {
        let number = next(self.grantees.len());
        *self.grantees.entry(id).or_insert(number)
    }

    /// The columns of a row.
    pub(crate) fn columns(&mut self, row: &Searchable) -> Columns {
        let until = |end: Option<Timestamp>| end.map_or(i64::MAX, Timestamp::micros);
        Columns {
            created_at: row.created_at.micros(),
            updated_at: row.updated_at.micros(),
            expires_at: until(row.expires_at),
            grants: row.grants.iter().map(|(grantee, end)| (self.grantee(*grantee), until(*end))).collect(),
            tags: row.tags.iter().map(|tag| self.label(tag)).collect(),
            importance: row.importance,
            owner: self.grantee(row.owner.into()),
            team: row.team.map_or(0, |team| self.grantee(GranteeId::Team(team))),
            project: row.project.as_deref().map_or(0, |project| self.label(project)),
            access: row.access,
            trust: row.trust,
            kind: row.kind,
            is_superseded: row.is_superseded,
        }
    }

    /// The filter in numbers. A label that no row carries can be carried by none.
    pub(crate) fn admission(&self, filter: &Filter, viewer: &Viewer, now: Timestamp) -> Admission {
        let known_principal = |id: PrincipalId| self.grantees.get(&id.into()).copied();
        let known = |labels: &[String]| -> Vec<u32> {
            labels.iter().filter_map(|label| self.labels.get(label).copied()).collect()
        };
        let span = |(after, before): (Option<Timestamp>, Option<Timestamp>)| {
            (after.map_or(i64::MIN, Timestamp::micros), before.map_or(i64::MAX, Timestamp::micros))
        };
        let tags_all = known(&filter.tags_all);
        let project = filter.project.as_ref().map(|label| self.labels.get(label).copied());
        Admission {
            viewer: known_principal(viewer.principal),
            teams: viewer.teams.iter().filter_map(|team| self.grantees.get(&GranteeId::Team(*team)).copied()).collect(),
            now: now.micros(),
            kinds: filter.kinds.clone(),
            nothing: tags_all.len() < filter.tags_all.len() || project == Some(None),
            tags_all: (!tags_all.is_empty()).then_some(tags_all),
            tags_any: (!filter.tags_any.is_empty()).then(|| known(&filter.tags_any)),
            owners: (!filter.owners.is_empty())
                .then(|| filter.owners.iter().filter_map(|owner| known_principal(*owner)).collect()),
            project: project.flatten(),
            access: filter.access,
            created: span(filter.created),
            updated: span(filter.updated),
            min_importance: filter.min_importance.unwrap_or(f64::NEG_INFINITY),
            trusted_only: filter.trusted_only,
            include_superseded: filter.include_superseded,
        }
    }
}

impl Admission {
    fn visible(&self, row: &Columns) -> bool {
        row.expires_at > self.now
            && row.trust != Trust::Quarantined
            && (Some(row.owner) == self.viewer
                || match row.access {
                    Access::Private => false,
                    Access::Shared => self.granted(row),
                    Access::Team => self.teams.contains(&row.team) || self.granted(row),
                    Access::Public | Access::System => true,
                })
    }

    fn granted(&self, row: &Columns) -> bool {
        row.grants.iter().any(|(grantee, until)| {
            *until > self.now && (Some(*grantee) == self.viewer || self.teams.contains(grantee))
        })
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
            && (!self.trusted_only || row.trust == Trust::Trusted)
            && (self.include_superseded || !row.is_superseded)
    }

    /// Whether the viewer may see the row and asked for it.
    pub(crate) fn admits(&self, row: &Columns) -> bool {
        self.visible(row) && self.narrowed(row)
    }
}
