//! The call: what an operation's `run` holds, and its only way to the store.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Scope, Tx, Verdict};
use types::{Timestamp, WorkspaceId};

use crate::{
    App, Error, Result,
    access::{Known, Party},
    ledger::{self, Draft},
    operation::Spec,
    replay::Replay,
};

/// What comes with a call beside its input.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// Repeats with the same key and input get the first answer.
    pub idempotency_key: Option<String>,
    /// The first object that the call touched, once it is known.
    pub(crate) object: Arc<OnceLock<String>>,
}

impl Meta {
    /// With an idempotency key, if there is one.
    #[must_use]
    pub fn repeatable(idempotency_key: Option<String>) -> Self {
        Self { idempotency_key, ..Self::default() }
    }
}

/// One call of one operation by one party.
pub struct Call<W> {
    pub(crate) app: Arc<App>,
    who: W,
    spec: &'static Spec,
    meta: Meta,
    body: Bytes,
    now: Timestamp,
}

impl<W: Party> Call<W> {
    pub(crate) fn new(app: Arc<App>, who: W, spec: &'static Spec, meta: Meta, body: Bytes) -> Self {
        let now = app.now();
        Self { app, who, spec, meta, body, now }
    }

    /// Who calls.
    #[must_use]
    pub const fn who(&self) -> &W {
        &self.who
    }

    /// When the call began.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Runs a short closure over one consistent snapshot.
    ///
    /// # Errors
    /// Those of the closure and of the store.
    pub async fn read<T: Send + 'static>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        self.app.store.read(f).await
    }
}

impl Call<Known> {
    /// The rows the caller may touch.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.who.scope()
    }

    /// Runs the call's one transaction: the change, then its audit row, its outbox rows and its replay row.
    ///
    /// The closure may run more than once, so it makes no ids and reads no clock; it checks the state it depends on
    /// itself, so that a repeat with an idempotency key is answered before any check could fail differently.
    /// `Refused` keeps what was written; `Err` keeps nothing.
    ///
    /// # Errors
    /// Those of the closure and of the store.
    pub async fn write<T: Serialize + Send + 'static>(
        &self,
        f: impl Fn(&mut Change<'_, '_>) -> Result<Verdict<T, Error>> + Send + 'static,
    ) -> Result<T> {
        let app = Arc::clone(&self.app);
        let scope = self.scope();
        let replay = Replay::of(self.spec, &self.meta, &self.body);
        let draft = Draft::of(self.spec, &self.who, self.now);
        let object = Arc::clone(&self.meta.object);
        self.app
            .store
            .write(move |tx| {
                if let Some(replay) = &replay {
                    replay.find(tx, &scope, draft.ts)?;
                }
                let mut change = Change::open(tx, scope.workspace());
                let verdict = f(&mut change)?;
                let Change { tx, workspace, objects, events, details } = change;
                let mut row = draft.clone();
                row.details.extend(details);
                row.object = objects.first().cloned();
                if let Some(first) = &row.object {
                    // A closure that runs again names the same object.
                    let _ = object.set(first.clone());
                }
                if let Verdict::Refused(error) = &verdict {
                    row.refused(error.code());
                }
                ledger::append(&app, tx, workspace, row, events)?;
                if let (Some(replay), Verdict::Done(answer)) = (&replay, &verdict) {
                    replay.keep(tx, &scope, draft.ts, (objects.into_iter().next(), answer))?;
                }
                Ok(verdict)
            })
            .await
    }

    /// Runs a change to its end and takes all of it back: the answer is the one that [`write`](Self::write) would give,
    /// and nothing is kept, no audit row and no answer for repeats either.
    ///
    /// # Errors
    /// Those of the closure and of the store.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Change<'_, '_>) -> Result<Verdict<T, Error>> + Send + 'static,
    ) -> Result<T> {
        let workspace = self.scope().workspace();
        let ended = self.app.store.write(move |tx| {
            let ended = match f(&mut Change::open(tx, workspace)) {
                Ok(Verdict::Done(answer)) => Rehearsed::Answered(answer),
                Ok(Verdict::Refused(error)) | Err(error) => Rehearsed::Failed(error),
            };
            Err::<Verdict<std::convert::Infallible, _>, _>(ended)
        });
        match ended.await {
            Ok(never) => match never {},
            Err(Rehearsed::Answered(answer)) => Ok(answer),
            Err(Rehearsed::Failed(error)) => Err(error),
        }
    }
}

/// How a rehearsal ends: always with an error, so that its transaction is rolled back.
enum Rehearsed<T> {
    Answered(T),
    Failed(Error),
}

impl<T> From<store::Error> for Rehearsed<T> {
    fn from(error: store::Error) -> Self {
        Self::Failed(Error::from(error))
    }
}

/// An open change: the transaction, and what it will leave in the ledgers.
pub struct Change<'t, 'c> {
    tx: &'t mut Tx<'c>,
    workspace: WorkspaceId,
    objects: Vec<String>,
    events: Vec<(&'static str, String)>,
    details: Map<String, Value>,
}

impl<'c> Deref for Change<'_, 'c> {
    type Target = Tx<'c>;
    fn deref(&self) -> &Tx<'c> {
        self.tx
    }
}

impl<'t, 'c> Change<'t, 'c> {
    fn open(tx: &'t mut Tx<'c>, workspace: WorkspaceId) -> Self {
        Self { tx, workspace, objects: Vec::new(), events: Vec::new(), details: Map::new() }
    }

    /// Names an object that was touched; the first one stands in the audit row.
    pub fn touched(&mut self, id: impl ToString) {
        self.objects.push(id.to_string());
    }

    /// Adds a fact to the details of the audit row, such as a reason, a count or the id of a second object; never the text
    /// of a memory, never a secret.
    pub fn detail(&mut self, name: &'static str, fact: impl Into<Value>) {
        self.details.insert(name.to_owned(), fact.into());
    }

    /// Announces what happened, to followers of the outbox.
    pub fn publish(&mut self, kind: &'static str, object: impl ToString) {
        self.events.push((kind, object.to_string()));
    }

    /// Asks that nothing of what is removed stays in the database's files.
    pub fn scrub(&mut self) {
        self.tx.scrub();
    }

    /// Writes the change into the ledgers of another workspace than the caller's: of one that it makes, so that no other
    /// tenant learns of it.
    pub(crate) fn belongs_to(&mut self, workspace: WorkspaceId) {
        self.workspace = workspace;
    }
}
