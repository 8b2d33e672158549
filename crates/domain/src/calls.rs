//! The newest finished calls of each workspace, in memory: who called what, and how it ended. Never what was said.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::watch;
use types::{Timestamp, WorkspaceId};

use crate::{
    Code,
    access::{Identity, Origin},
    operation::Spec,
};

/// Calls kept of each workspace; the oldest goes first.
pub(crate) const KEPT: usize = 1_000;

/// A finished call. What it holds of its caller is shared with the call itself, so that keeping it costs little.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// Counted up within the workspace since the server began.
    pub(crate) seq: u64,
    pub(crate) ended_at: Timestamp,
    pub(crate) spec: &'static Spec,
    /// None for a stranger.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) origin: Arc<Origin>,
    /// None when it succeeded.
    pub(crate) code: Option<Code>,
    pub(crate) took: Duration,
    /// The first object that it touched.
    pub(crate) object: Option<String>,
}

/// The calls of every workspace that had any.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    workspaces: RwLock<HashMap<WorkspaceId, Arc<Ring>>>,
    /// Whether nobody is to wait any more.
    closed: watch::Sender<bool>,
}

/// The calls of one workspace.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    kept: Mutex<VecDeque<Finished>>,
    newest: watch::Sender<u64>,
}

/// The calls that were asked for.
pub(crate) struct Seen {
    /// Oldest first.
    pub(crate) calls: Vec<Finished>,
    /// Up to which number was looked.
    pub(crate) looked: u64,
    /// Calls after the one named that are no longer kept.
    pub(crate) missed: u64,
}

impl Calls {
    /// The calls of a workspace.
    pub(crate) fn of(&self, workspace: WorkspaceId) -> Arc<Ring> {
        let known = self.workspaces.read().unwrap_or_else(PoisonError::into_inner).get(&workspace).map(Arc::clone);
        known.unwrap_or_else(|| {
            Arc::clone(self.workspaces.write().unwrap_or_else(PoisonError::into_inner).entry(workspace).or_default())
        })
    }

    /// Lets everybody who waits go with what there is, and nobody wait from now on.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Ends when nobody is to wait any more.
    pub(crate) async fn closed(&self) {
        // The sender is a field of this, so it is there as long as anybody waits.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

impl Ring {
    /// Keeps a call under the next number.
    pub(crate) fn push(&self, mut call: Finished) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        call.seq = *self.newest.borrow() + 1;
        let seq = call.seq;
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(call);
        self.newest.send_replace(seq);
    }

    /// Told when there is a newer call.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The oldest `limit` calls after a number that fit, or the newest `limit` when no number is named. A number that was
    /// not reached yet belongs to a server that ran before this one: everything is newer.
    pub(crate) fn after(&self, after: Option<u64>, limit: usize, fits: impl Fn(&Finished) -> bool) -> Seen {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let Some(after) = after.map(|after| if after > newest { 0 } else { after }) else {
            let mut calls: Vec<Finished> = kept.iter().rev().filter(|call| fits(call)).take(limit).cloned().collect();
            calls.reverse();
            return Seen { calls, looked: newest, missed: 0 };
        };
        let oldest = kept.front().map_or(newest + 1, |call| call.seq);
        let calls: Vec<Finished> =
            kept.iter().filter(|call| call.seq > after && fits(call)).take(limit).cloned().collect();
        let looked = if calls.len() == limit { calls.last().map_or(newest, |call| call.seq) } else { newest };
        Seen { calls, looked, missed: oldest.saturating_sub(after + 1) }
    }
}
