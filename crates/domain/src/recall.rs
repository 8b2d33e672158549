//! Search: one index per workspace, loaded when first asked for and kept in step with every commit.
//!
//! The index narrows and ranks; the rows themselves come from the database under its own predicate, so an index that is
//! a moment behind may miss a row and can never show one. A question keeps the index it found when it began, so one that
//! is forgotten meanwhile still answers it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
};

use search::{Boost, Index, Options, Query, Ranking, Standing, TypoPair};
use store::{Announcement, Scope, Store, Tx};
use types::{
    MemoryId, Timestamp, WorkspaceId,
    memory::{Memory, Trust},
};

use crate::{Error, Result, access::everything};

mod columns;

pub(crate) use columns::Filter;
use columns::{Columns, Viewer, Words};

/// The indexes of all workspaces that were searched.
#[derive(Default)]
pub(crate) struct Recall {
    workspaces: Mutex<HashMap<WorkspaceId, Arc<Workspace>>>,
}

#[derive(Default)]
struct Workspace {
    state: RwLock<State>,
    loading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
enum State {
    #[default]
    Unloaded,
    /// What was committed while the rows are being read.
    Loading(Vec<MemoryId>),
    Ready(Loaded),
}

/// A workspace's index in memory.
#[derive(Clone)]
pub(crate) struct Loaded(Arc<RwLock<Contents>>);

#[derive(Default)]
struct Contents {
    words: Words,
    index: Index<Columns>,
}

impl Contents {
    fn put(&mut self, row: &store::memories::searchable::Searchable, terms: &[u8]) -> Result<()> {
        let terms = search::Terms::from_blob(terms).map_err(|error| Error::internal().cause(error))?;
        let columns = self.words.columns(row);
        self.index.upsert(row.id.value(), columns, &terms);
        Ok(())
    }

    /// Brings one row up to date with the database.
    fn refresh(&mut self, tx: &Tx<'_>, workspace: WorkspaceId, id: MemoryId) -> Result<()> {
        let reason = everything("the search index follows what was committed");
        match store::memories::searchable::one(tx, reason, workspace, id)? {
            Some((row, terms)) => self.put(&row, &terms)?,
            None => {
                self.index.remove(id.value());
            }
        }
        Ok(())
    }
}

/// What is asked of a search.
pub(crate) struct Ask {
    pub(crate) query: Query,
    pub(crate) options: Options,
    pub(crate) boost: Boost,
    pub(crate) filter: Filter,
    pub(crate) limit: usize,
}

/// One row found.
pub(crate) struct Hit {
    pub(crate) memory: Memory,
    pub(crate) score: f64,
    pub(crate) boost_factor: f64,
    pub(crate) ranks: Vec<(Ranking, u32)>,
    pub(crate) typo_pairs: Vec<TypoPair>,
}

/// How much the indexes take that are in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    pub(crate) workspaces: usize,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Recall {
    fn workspace(&self, id: WorkspaceId) -> Arc<Workspace> {
        Arc::clone(self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default())
    }

    /// A workspace's index, loaded if it is not in memory.
    pub(crate) async fn load(&self, store: &Store, id: WorkspaceId) -> Result<Loaded> {
        let workspace = self.workspace(id);
        if let Some(loaded) = workspace.ready() {
            return Ok(loaded);
        }
        let _one_at_a_time = workspace.loading.lock().await;
        if let Some(loaded) = workspace.ready() {
            return Ok(loaded);
        }
        // From here on commits are noted, and only then is the snapshot taken.
        workspace.set(State::Loading(Vec::new()));
        let _unless_finished = Abandon(&workspace);
        let mut contents = store.read(move |tx| load_rows(tx, id)).await?;
        loop {
            let changed = match workspace.settle(&mut contents) {
                Settled::Ready(loaded) => return Ok(loaded),
                Settled::Behind(changed) => changed,
            };
            contents = store
                .read(move |tx| {
                    changed.iter().try_for_each(|memory| contents.refresh(tx, id, *memory))?;
                    Ok::<_, Error>(contents)
                })
                .await?;
        }
    }

    /// How much is in memory, of all workspaces together.
    pub(crate) fn extent(&self) -> Extent {
        let workspaces: Vec<Arc<Workspace>> =
            self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect();
        let mut extent = Extent::default();
        for workspace in workspaces {
            let Some(loaded) = workspace.ready() else { continue };
            let contents = loaded.read();
            extent.workspaces += 1;
            extent.rows += contents.index.len();
            extent.bytes += contents.index.resident_bytes();
        }
        extent
    }

    /// Drops a workspace's index; it is loaded again when asked for.
    pub(crate) fn forget(&self, id: WorkspaceId) {
        self.workspace(id).set(State::Unloaded);
    }

    /// Follows a commit; runs on the writer's thread before the writers are answered.
    pub(crate) fn follow(&self, tx: &Tx<'_>, announcements: &[Announcement]) {
        for one in announcements.iter().filter(|one| one.kind.starts_with("memory.")) {
            let (Ok(workspace), Ok(memory)) = (one.workspace.parse(), one.object.parse()) else { continue };
            self.workspace(workspace).changed(tx, workspace, memory);
        }
    }
}

impl Loaded {
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ranks what the scope's viewer may see, and fetches the best rows under the database's own predicate.
    pub(crate) fn rank(&self, tx: &Tx<'_>, scope: &Scope, ask: &Ask, now: Timestamp) -> Result<Vec<Hit>> {
        let viewer = Viewer { principal: scope.viewer(), teams: store::teams::memberships(tx, scope, scope.viewer())? };
        let (fused, mut pairs) = {
            let contents = self.read();
            let admit = contents.words.admission(&ask.filter, &viewer, now);
            let found = contents.index.search(|columns| admit.admits(columns), &ask.query, ask.options);
            let standing = |id| {
                contents.index.get(id).map(|columns| Standing {
                    importance: columns.importance(),
                    updated_at_micros: search::Recency::updated_at_micros(columns),
                })
            };
            let fused = search::fuse(&found.rankings(), standing, ask.boost);
            let pairs: HashMap<u128, Vec<TypoPair>> =
                found.candidates.into_iter().map(|candidate| (candidate.id, candidate.typo_pairs)).collect();
            (fused, pairs)
        };
        let mut hits = Vec::with_capacity(ask.limit);
        for row in fused {
            if hits.len() == ask.limit {
                break;
            }
            let Some(memory) = store::memories::get(tx, scope, MemoryId::from_value(row.id), now)? else { continue };
            if memory.trust == Trust::Quarantined {
                continue;
            }
            hits.push(Hit {
                memory,
                score: row.score,
                boost_factor: row.boost_factor,
                ranks: row.ranks,
                typo_pairs: pairs.remove(&row.id).unwrap_or_default(),
            });
        }
        Ok(hits)
    }
}

/// A load that fails, or whose caller goes away, leaves nothing half loaded behind.
struct Abandon<'w>(&'w Workspace);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*state, State::Loading(_)) {
            *state = State::Unloaded;
        }
    }
}

fn load_rows(tx: &Tx<'_>, id: WorkspaceId) -> Result<Contents> {
    let mut contents = Contents::default();
    let mut failed = None;
    store::memories::searchable::all(tx, everything("the search index is loaded"), id, |row, terms| {
        if failed.is_none() {
            failed = contents.put(&row, terms).err();
        }
        Ok(())
    })?;
    failed.map_or(Ok(contents), Err)
}

/// How it stands with an index whose rows were read.
enum Settled {
    Ready(Loaded),
    /// These rows changed meanwhile, and are to be read again.
    Behind(Vec<MemoryId>),
}

impl Workspace {
    fn ready(&self) -> Option<Loaded> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Ready(loaded) => Some(loaded.clone()),
            State::Unloaded | State::Loading(_) => None,
        }
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Puts the index in place, unless rows changed meanwhile.
    ///
    /// One that was forgotten while it was read answers its one question and is not kept: from then on nobody noted what
    /// changed.
    fn settle(&self, contents: &mut Contents) -> Settled {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Loading(changed) = &mut *state
            && !changed.is_empty()
        {
            return Settled::Behind(std::mem::take(changed));
        }
        let loaded = Loaded(Arc::new(RwLock::new(std::mem::take(contents))));
        if matches!(&*state, State::Loading(_)) {
            *state = State::Ready(loaded.clone());
        }
        Settled::Ready(loaded)
    }

    fn changed(&self, tx: &Tx<'_>, workspace: WorkspaceId, memory: MemoryId) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let refreshed = match &mut *state {
            State::Unloaded => return,
            State::Loading(changed) => return changed.push(memory),
            State::Ready(loaded) => {
                let mut contents = loaded.0.write().unwrap_or_else(PoisonError::into_inner);
                contents.refresh(tx, workspace, memory)
            }
        };
        if let Err(error) = refreshed {
            tracing::warn!(workspace = %workspace, error = %error, "search index dropped; it is loaded again when asked for");
            *state = State::Unloaded;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_forgotten_while_it_is_read_is_not_kept() {
        let workspace = Workspace::default();
        workspace.set(State::Loading(Vec::new()));
        assert!(matches!(workspace.settle(&mut Contents::default()), Settled::Ready(_)));
        assert!(workspace.ready().is_some());
        workspace.set(State::Loading(Vec::new()));
        workspace.set(State::Unloaded);
        assert!(matches!(workspace.settle(&mut Contents::default()), Settled::Ready(_)));
        assert!(workspace.ready().is_none(), "what is committed now would be missing from it");
    }
}
