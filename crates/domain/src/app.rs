//! What every call can reach: the store, the clock, the keys, and the small things kept in memory.

use std::sync::Arc;

use security::{Random, chain::AuditKey, tag::TagKey};
use store::Store;
use types::{Clock, Timestamp, WorkspaceId, memory::Flag};

use crate::{
    Result,
    access::{everything, identify::Identities, limit::Limits},
    audit::denials::Denials,
    calls::Calls,
    ledger,
    machine::Machine,
    memory,
    metrics::Metrics,
    recall::Recall,
    space::Space,
    tally::Tally,
};

/// What operators may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls per minute of one agent.
    pub agents_per_minute: u32,
    /// Calls per minute of one person.
    pub users_per_minute: u32,
    /// Calls per minute of a new key, unless it is made with another number.
    pub key_per_minute: u32,
    /// MCP toolsets listed when neither the request nor the key names any.
    pub default_toolsets: Vec<String>,
    /// What memories may be.
    pub memory: MemorySettings,
    /// Bytes of the data directory's file system that must stay free; with less, calls that add rows are refused.
    pub min_free_bytes: u64,
}

/// What operators may set of memories.
#[derive(Debug, Clone)]
pub struct MemorySettings {
    /// Live memories of one principal.
    pub max_rows: i64,
    /// Bytes of their contents and values.
    pub max_bytes: i64,
    /// Flags whose texts are hidden until a reviewer releases them.
    pub quarantine_on: Vec<Flag>,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { max_rows: 100_000, max_bytes: 256 << 20, quarantine_on: vec![Flag::TagCharacters] }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            agents_per_minute: 1_000,
            users_per_minute: 100,
            key_per_minute: 1_000,
            default_toolsets: vec!["core".into()],
            memory: MemorySettings::default(),
            min_free_bytes: 100 << 20,
        }
    }
}

/// The secrets of an installation.
pub struct Secrets {
    /// Key of the audit chain.
    pub audit: AuditKey,
    /// Key of the cursors' tags.
    pub cursor: TagKey,
}

/// What comes in from outside the product.
pub struct Sources {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The machine.
    pub machine: Arc<dyn Machine>,
}

/// Everything a call can reach. One per server.
pub struct App {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) started_at: Timestamp,
    pub(crate) secrets: Secrets,
    pub(crate) settings: Settings,
    pub(crate) home: WorkspaceId,
    pub(crate) identities: Identities,
    pub(crate) limits: Limits,
    pub(crate) denials: Denials,
    pub(crate) recall: Arc<Recall>,
    pub(crate) tally: Tally,
    pub(crate) metrics: Metrics,
    pub(crate) calls: Calls,
    pub(crate) space: Space,
}

impl App {
    /// Puts an application together over an opened store; `home` is the workspace that gets events without a tenant.
    ///
    /// # Errors
    /// When the store is followed by another application already.
    pub fn new(
        store: Store,
        sources: Sources,
        secrets: Secrets,
        settings: Settings,
        home: WorkspaceId,
    ) -> Result<Arc<Self>> {
        let recall = Arc::new(Recall::default());
        let identities = Identities::default();
        store.observe(Arc::new(Follower { recall: Arc::clone(&recall), identities: identities.clone() }))?;
        let Sources { clock, random, machine } = sources;
        let space = Space::new(settings.min_free_bytes);
        space.measure(&*machine);
        Ok(Arc::new(Self {
            store,
            started_at: clock.now(),
            clock,
            random,
            machine,
            secrets,
            settings,
            home,
            identities,
            limits: Limits::default(),
            denials: Denials::default(),
            recall,
            tally: Tally::default(),
            metrics: Metrics::default(),
            calls: Calls::default(),
            space,
        }))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What operators set.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// 128 random bits, for ids.
    pub(crate) fn bits(&self) -> Result<u128> {
        Ok(security::random::bits(&*self.random)?)
    }

    /// Lets calls that wait for something to happen end now, because the server stops.
    pub fn end_waits(&self) {
        self.calls.close();
    }

    /// Measures the free space; writes what has gathered in memory: usage of keys and memories, repeats of denials;
    /// drops what has grown old.
    /// To be called every few seconds, and before stopping.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sweep(self: &Arc<Self>, finish: Finish) -> Result<()> {
        self.space.measure(&*self.machine);
        // Each part is tried whatever became of the others.
        let counted = self.tally.flush(self).await;
        let denied = self.denials.flush(self, finish).await;
        let swept = memory::sweep::sweep(self).await;
        // It makes the log grow, and can wait for space.
        let reindexed = if self.space.is_low() { Ok(()) } else { memory::reindex::advance(self).await };
        counted.and(denied).and(swept).and(reindexed).and(self.prune().await)
    }

    async fn prune(&self) -> Result<()> {
        let day_ago = self.now().plus_secs(-86_400);
        self.store
            .write(move |tx| {
                store::outbox::prune(tx, everything("the sweeper drops old outbox rows"), day_ago)?;
                store::replays::prune(tx, everything("the sweeper drops old answers"), day_ago)?;
                Ok(store::Verdict::Done(()))
            })
            .await
    }

    /// Notes an event of the server itself, such as `server.started`, in the home workspace's audit log.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn note(self: &Arc<Self>, action: &'static str) -> Result<()> {
        ledger::write_alone(self, self.home, ledger::Draft::system(action, self.now())).await
    }
}

/// Whether windows that are still open are closed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The server goes on.
    No,
    /// The server stops.
    Yes,
}

/// Keeps what is held in memory in step with what was committed, before the writers are answered.
struct Follower {
    recall: Arc<Recall>,
    identities: Identities,
}

impl store::Observer for Follower {
    fn committed(&self, tx: &store::Tx<'_>, announcements: &[store::Announcement]) {
        if announcements.iter().any(|one| Identities::concerns(one.kind)) {
            self.identities.forget();
        }
        self.recall.follow(tx, announcements);
    }
}
