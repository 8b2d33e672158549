//! What is counted of calls, without a lock; `metrics/page.rs` shows it with what the store and the machine say.
//!
//! Labels are operation ids, codes, faces and names of limits: their number depends on this binary alone, never on who
//! calls or how many there are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use types::histogram::Histogram;

use crate::{App, Code, access::Via, catalogue::CATALOGUE, operation::Spec};

pub(crate) mod page;

/// Faces that calls come through, in the order of [`face`].
const FACES: [Via; 3] = [Via::Rest, Via::Mcp, Via::Socket];
/// Upper bounds of how long a call takes, in microseconds: from half a millisecond to ten seconds.
const CALL_BOUNDS: &[u64] = &[500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000, 10_000_000];

/// What is counted of one operation.
#[derive(Debug)]
struct Counters {
    ok: AtomicU64,
    codes: Vec<AtomicU64>,
    faces: [AtomicU64; FACES.len()],
    micros: Histogram,
}

/// All counters of a server.
#[derive(Debug)]
pub struct Metrics {
    operations: Vec<Counters>,
    /// Database reads made to find out who calls.
    pub(crate) credential_reads: AtomicU64,
    /// Credentials that were shown and refused.
    pub(crate) credentials_refused: AtomicU64,
    network_connections: AtomicU64,
    socket_connections: AtomicU64,
}

/// A connection that is open; dropped, it is not counted any more.
pub struct Connection {
    app: Arc<App>,
    via: Via,
}

impl Default for Metrics {
    fn default() -> Self {
        let counters = || Counters {
            ok: AtomicU64::new(0),
            codes: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            faces: Default::default(),
            micros: Histogram::new(CALL_BOUNDS),
        };
        Self {
            operations: CATALOGUE.iter().map(|_| counters()).collect(),
            credential_reads: AtomicU64::new(0),
            credentials_refused: AtomicU64::new(0),
            network_connections: AtomicU64::new(0),
            socket_connections: AtomicU64::new(0),
        }
    }
}

/// The place of a face among [`FACES`]; the server itself calls nothing.
const fn face(via: Via) -> Option<usize> {
    match via {
        Via::Rest => Some(0),
        Via::Mcp => Some(1),
        Via::Socket => Some(2),
        Via::System => None,
    }
}

impl Metrics {
    /// Counts a finished call.
    pub(crate) fn called(&self, spec: &Spec, via: Via, outcome: Option<Code>, took: Duration) {
        let place = CATALOGUE.binary_search_by(|entry| entry.spec.id.cmp(spec.id)).ok();
        let Some(counters) = place.and_then(|place| self.operations.get(place)) else { return };
        let counter = match outcome {
            None => Some(&counters.ok),
            Some(code) => counters.codes.get(code as usize),
        };
        let face = face(via).and_then(|place| counters.faces.get(place));
        for counter in counter.into_iter().chain(face) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        counters.micros.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn connections(&self, via: Via) -> &AtomicU64 {
        match via {
            Via::Socket => &self.socket_connections,
            Via::Rest | Via::Mcp | Via::System => &self.network_connections,
        }
    }
}

impl Connection {
    /// Counts a connection to the network ([`Via::Rest`]) or to the Unix socket as open.
    pub(crate) fn open(app: &Arc<App>, via: Via) -> Self {
        app.metrics.connections(via).fetch_add(1, Ordering::Relaxed);
        Self { app: Arc::clone(app), via }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.app.metrics.connections(self.via).fetch_sub(1, Ordering::Relaxed);
    }
}
