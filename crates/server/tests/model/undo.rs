//! Contract memory.md §5.4: what one principal did in a span of time is taken back.

use crate::{
    rules::Undone,
    world::{DAY, Row, State, Trust, World, workspace},
};

enum Remedy {
    Quarantine,
    Revert(State),
    Restore(State),
    Conflict,
}

/// Whose deeds, and when: from a moment on, until one.
#[derive(Clone, Copy)]
struct Deeds {
    of: usize,
    since: i64,
    until: i64,
}

impl Deeds {
    fn holds(self, at: i64) -> bool {
        self.since <= at && at < self.until
    }

    fn include(self, state: &State) -> bool {
        state.by == self.of && self.holds(state.updated_at)
    }

    /// The newest version not by the principal; of their own row, also one from before the span.
    fn good(self, row: &Row) -> Option<&State> {
        let is_foreign = |state: &State| state.by != self.of || (row.owner == self.of && state.updated_at < self.since);
        row.past.iter().rev().find(|state| is_foreign(state) && state.deleted_at.is_none())
    }

    fn remedy(self, row: &Row) -> Option<Remedy> {
        let now = &row.now;
        if row.owner == self.of && self.holds(row.created_at) {
            let is_hidden = now.deleted_at.is_some() || now.trust == Trust::Quarantined;
            return match (is_hidden, now.by == self.of) {
                (true, _) => None,
                (false, true) => Some(Remedy::Quarantine),
                (false, false) => Some(Remedy::Conflict),
            };
        }
        let deeds: Vec<_> = row.past.iter().chain([now]).filter(|state| self.include(state)).collect();
        if deeds.is_empty() {
            return None;
        }
        if !self.include(now) {
            return (now.change != "undone").then_some(Remedy::Conflict);
        }
        if now.deleted_at.is_some() && deeds.iter().all(|state| state.change == "deleted") {
            return Some(Remedy::Restore(now.clone()));
        }
        Some(match (self.good(row).cloned(), now.deleted_at) {
            (Some(good), None) => Remedy::Revert(good),
            (Some(good), Some(_)) => Remedy::Restore(good),
            (None, _) => Remedy::Conflict,
        })
    }
}

impl World {
    /// A dry run gives the numbers that the real one would, and changes nothing.
    pub(crate) fn undo(
        &mut self,
        by: usize,
        of: usize,
        (since, until): (i64, Option<i64>),
        dry: bool,
    ) -> Result<Undone, &'static str> {
        if until.is_some_and(|until| until <= since) {
            return Err("invalid_input");
        }
        let deeds = Deeds { of, since, until: until.unwrap_or(i64::MAX) };
        let mut world = self.clone();
        let undone = world.undone(by, deeds);
        if !dry {
            *self = world;
        }
        Ok(undone)
    }

    fn undone(&mut self, by: usize, deeds: Deeds) -> Undone {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|at| self.rows[*at].id.clone());
        let mut undone = Undone::default();
        for at in order {
            let row = &self.rows[at];
            // What cannot come back any more is gone, whether or not it was swept.
            let is_over = row.now.expires_at.is_some_and(|end| end <= self.now)
                || row.now.deleted_at.is_some_and(|deleted| deleted + 30 * DAY <= self.now);
            if row.is_purged || is_over || workspace(row.owner) != workspace(by) {
                continue;
            }
            let remedy = match deeds.remedy(row) {
                None => continue,
                Some(Remedy::Revert(good) | Remedy::Restore(good))
                    if self.is_taken(row.owner, good.key.as_ref(), Some(at)) =>
                {
                    Remedy::Conflict
                }
                Some(remedy) => remedy,
            };
            match remedy {
                Remedy::Conflict => undone.conflicts.push(at),
                Remedy::Quarantine => {
                    undone.quarantined += 1;
                    self.change(at, by, "undone", |state| state.trust = Trust::Quarantined);
                }
                Remedy::Revert(good) => {
                    undone.reverted += 1;
                    self.as_before(at, by, good);
                }
                Remedy::Restore(good) => {
                    undone.restored += 1;
                    self.as_before(at, by, good);
                }
            }
        }
        undone
    }

    fn as_before(&mut self, at: usize, by: usize, good: State) {
        // What a reviewer decided of that version stands.
        self.change(at, by, "undone", |state| {
            *state = State { deleted_at: None, version: state.version, ..good };
        });
    }
}
