//! The reference model: every row in one list, and contract memory.md §1, §3, §4 and §5 written down as plainly as they read.
//! It shares no code with the product.

use std::collections::BTreeSet;

/// A day in microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// People of a history: a reader, two agents, a reviewer and a keeper of memories. Those before [`STRANGER`] are in the first workspace, it is alone in the second.
pub(crate) const READER: usize = 0;
pub(crate) const REVIEWER: usize = 3;
pub(crate) const KEEPER: usize = 4;
pub(crate) const STRANGER: usize = 5;
pub(crate) const PEOPLE: usize = 6;
pub(crate) const TEAMS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Private,
    Shared,
    Team,
    Public,
    System,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    Quarantined,
    Unreviewed,
    Trusted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    Read,
    Write,
    Delete,
}

/// Who is granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grantee {
    Person(usize),
    Team(usize),
}

/// What was written. Each memory has words of its own, and one that all have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The content's lines that are not blank, or the value's one string.
    pub(crate) lines: Vec<String>,
    pub(crate) is_value: bool,
    /// Holds tag characters.
    pub(crate) is_poisoned: bool,
    /// As quotas and statistics count it.
    pub(crate) bytes: i64,
}

/// What a version keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) key: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) text: Text,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) importance: f64,
    pub(crate) access: Access,
    pub(crate) team: Option<usize>,
    pub(crate) project: Option<&'static str>,
    pub(crate) layer: Option<&'static str>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) trust: Trust,
    pub(crate) superseded_by: Option<usize>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: i64,
    pub(crate) by: usize,
    pub(crate) change: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) to: Grantee,
    pub(crate) right: Right,
    pub(crate) until: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// As the server named it.
    pub(crate) id: String,
    pub(crate) owner: usize,
    pub(crate) created_at: i64,
    pub(crate) now: State,
    /// Oldest first.
    pub(crate) past: Vec<State>,
    pub(crate) grants: Vec<Grant>,
    /// Purged: as if it had never been.
    pub(crate) is_purged: bool,
    /// Taken off the disk by the sweeper.
    pub(crate) is_swept: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) rows: Vec<Row>,
    /// Who is in which team.
    pub(crate) members: [BTreeSet<usize>; TEAMS],
    /// Texts written so far.
    pub(crate) texts: usize,
}

/// The workspace somebody is in.
pub(crate) fn workspace(person: usize) -> usize {
    usize::from(person == STRANGER)
}

pub(crate) fn writes(person: usize) -> bool {
    person != READER
}

pub(crate) fn reviews(person: usize) -> bool {
    matches!(person, REVIEWER | STRANGER)
}

pub(crate) fn manages(person: usize) -> bool {
    matches!(person, KEEPER | STRANGER)
}

/// §5.1: how far a text of this writer is relied on.
pub(crate) fn start_trust(writer: usize) -> Trust {
    if reviews(writer) { Trust::Trusted } else { Trust::Unreviewed }
}

/// §5.1: tag characters hide a row.
pub(crate) fn judged(text: &Text, start: Trust) -> Trust {
    if text.is_poisoned { Trust::Quarantined } else { start }
}

impl World {
    /// §3.4.
    pub(crate) fn is_live(&self, row: &Row) -> bool {
        !row.is_purged && row.now.deleted_at.is_none() && row.now.expires_at.is_none_or(|end| end > self.now)
    }

    /// The most that grants allow the viewer, each until its end.
    fn granted(&self, viewer: usize, row: &Row) -> Option<Right> {
        let reaches = |to: Grantee| match to {
            Grantee::Person(person) => person == viewer,
            Grantee::Team(team) => self.members[team].contains(&viewer),
        };
        let open = row.grants.iter().filter(|grant| grant.until.is_none_or(|end| end > self.now));
        open.filter(|grant| reaches(grant.to)).map(|grant| grant.right).max()
    }

    /// §4, the table, and §5.5 for what is quarantined.
    pub(crate) fn may(&self, viewer: usize, row: &Row, right: Right) -> bool {
        if !self.is_live(row) || workspace(viewer) != workspace(row.owner) {
            return false;
        }
        let access = row.now.access;
        if viewer == row.owner {
            return access != Access::System || right == Right::Read || manages(viewer);
        }
        if row.now.trust == Trust::Quarantined || access == Access::Private {
            return false;
        }
        let is_granted = self.granted(viewer, row).is_some_and(|granted| granted >= right);
        let is_open = match access {
            Access::Public | Access::System => right == Right::Read,
            Access::Team => {
                right == Right::Read && row.now.team.is_some_and(|team| self.members[team].contains(&viewer))
            }
            Access::Private | Access::Shared => false,
        };
        is_granted || is_open || (access == Access::System && manages(viewer))
    }

    pub(crate) fn sees(&self, viewer: usize, row: &Row) -> bool {
        self.may(viewer, row, Right::Read)
    }

    /// §5.5 and §3.7: what search may find.
    pub(crate) fn finds(&self, viewer: usize, row: &Row, with_superseded: bool) -> bool {
        self.sees(viewer, row)
            && row.now.trust != Trust::Quarantined
            && (with_superseded || row.now.superseded_by.is_none())
    }

    /// §4: old text is for the owner and for holders of a write grant; §5.5: while a row is quarantined, for nobody.
    pub(crate) fn history(&self, viewer: usize, row: &Row) -> Result<Vec<State>, &'static str> {
        if !self.sees(viewer, row) || row.now.trust == Trust::Quarantined {
            return Err("not_found");
        }
        let is_granted = self.granted(viewer, row).is_some_and(|granted| granted >= Right::Write);
        if viewer != row.owner && !is_granted {
            return Err("permission_denied");
        }
        Ok(row.past.iter().chain([&row.now]).rev().cloned().collect())
    }

    /// A row's owner, or the first of those whom it is shared with, directly or by a team.
    pub(crate) fn meant(&self, at: usize, is_grantee: bool) -> usize {
        let row = &self.rows[at];
        let first = row.grants.first().filter(|_| is_grantee).map(|grant| grant.to);
        match first {
            Some(Grantee::Person(person)) => person,
            Some(Grantee::Team(team)) => self.members[team].first().copied().unwrap_or(row.owner),
            None => row.owner,
        }
    }

    /// The live row somebody keeps under a key.
    pub(crate) fn keyed(&self, owner: usize, key: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.owner == owner && row.now.key.as_deref() == Some(key) && self.is_live(row))
    }

    /// Whether another live row of the owner has the key.
    pub(crate) fn is_taken(&self, owner: usize, key: Option<&String>, but: Option<usize>) -> bool {
        key.and_then(|key| self.keyed(owner, key)).is_some_and(|holder| Some(holder) != but)
    }

    /// §1: a change is a version; the newest 50 are kept, 20 of a value.
    pub(crate) fn change(&mut self, at: usize, by: usize, change: &'static str, edit: impl FnOnce(&mut State)) {
        let (row, now) = (&mut self.rows[at], self.now);
        row.past.push(row.now.clone());
        let was_private = row.now.access == Access::Private;
        edit(&mut row.now);
        // Shared again later, it is shared with those who are named then.
        if row.now.access == Access::Private && !was_private {
            row.grants.clear();
        }
        (row.now.version, row.now.updated_at) = (row.now.version + 1, now);
        (row.now.by, row.now.change) = (by, change);
        let kept = if row.now.kind == "value" { 20 } else { 50 };
        let oldest = row.now.version - kept;
        row.past.retain(|state| state.version > oldest);
    }
}
