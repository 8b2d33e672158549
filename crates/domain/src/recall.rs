//! Search: one index per workspace, loaded when first asked for and kept in step with every commit.
//!
//! The index narrows and ranks; the rows themselves come from the database under its own predicate, so an index that is
//! a moment behind may miss a row and can never show one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
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
    Ready(Box<Loaded>),
}

#[derive(Default)]
struct Loaded {
    words: Words,
    index: Index<Columns>,
}

impl Loaded {
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

    /// Loads a workspace's index if it is not in memory.
    pub(crate) async fn load(&self, store: &Store, id: WorkspaceId) -> Result<()> {
        let workspace = self.workspace(id);
        if workspace.is_ready() {
            return Ok(());
        }
        let _one_at_a_time = workspace.loading.lock().await;
        if workspace.is_ready() {
            return Ok(());
        }
        // From here on commits are noted, and only then is the snapshot taken.
        workspace.set(State::Loading(Vec::new()));
        let _unless_finished = Abandon(&workspace);
        let mut loaded = store.read(move |tx| load_rows(tx, id)).await?;
        loop {
            let Some(changed) = workspace.settle(&mut loaded) else { return Ok(()) };
            loaded = store
                .read(move |tx| {
                    changed.iter().try_for_each(|memory| loaded.refresh(tx, id, *memory))?;
                    Ok::<_, Error>(loaded)
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
            let state = workspace.state.read().unwrap_or_else(PoisonError::into_inner);
            if let State::Ready(loaded) = &*state {
                extent.workspaces += 1;
                extent.rows += loaded.index.len();
                extent.bytes += loaded.index.resident_bytes();
            }
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

    /// Ranks what the scope's viewer may see, and fetches the best rows under the database's own predicate.
    pub(crate) fn rank(&self, tx: &Tx<'_>, scope: &Scope, ask: &Ask, now: Timestamp) -> Result<Vec<Hit>> {
        let workspace = self.workspace(scope.workspace());
        let viewer = Viewer { principal: scope.viewer(), teams: store::teams::memberships(tx, scope, scope.viewer())? };
        let (fused, mut pairs) = {
            let state = workspace.state.read().unwrap_or_else(PoisonError::into_inner);
            let State::Ready(loaded) = &*state else {
                return Err(Error::new(crate::Code::Unavailable, "the search index is being loaded").retry_after(1));
            };
            let admit = loaded.words.admission(&ask.filter, &viewer, now);
            let found = loaded.index.search(|columns| admit.admits(columns), &ask.query, ask.options);
            let standing = |id| {
                loaded.index.get(id).map(|columns| Standing {
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

fn load_rows(tx: &Tx<'_>, id: WorkspaceId) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut failed = None;
    store::memories::searchable::all(tx, everything("the search index is loaded"), id, |row, terms| {
        if failed.is_none() {
            failed = loaded.put(&row, terms).err();
        }
        Ok(())
    })?;
    failed.map_or(Ok(loaded), Err)
}

impl Workspace {
    fn is_ready(&self) -> bool {
        matches!(&*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Ready(_))
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Puts the loaded index in place, unless rows changed meanwhile: then gives those to be read again.
    fn settle(&self, loaded: &mut Loaded) -> Option<Vec<MemoryId>> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Loading(changed) if !changed.is_empty() => Some(std::mem::take(changed)),
            _ => {
                *state = State::Ready(Box::new(std::mem::take(loaded)));
                None
            }
        }
    }

    fn changed(&self, tx: &Tx<'_>, workspace: WorkspaceId, memory: MemoryId) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Unloaded => {}
            State::Loading(changed) => changed.push(memory),
            State::Ready(loaded) => {
                if let Err(error) = loaded.refresh(tx, workspace, memory) {
                    tracing::warn!(workspace = %workspace, error = %error, "search index dropped; it is loaded again when asked for");
                    *state = State::Unloaded;
                }
            }
        }
    }
}
