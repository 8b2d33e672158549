//! The gate: the only way to an operation, for every face.
//!
//! Peer limit and authentication ([`Gate::identify`]), then for each call: authorise, limit by principal, run, and an
//! audit row for every refusal. Successful writes carry their own row ([`crate::Call::write`]).

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    App, Code, Error, Meta, Result,
    access::{
        Caller, Origin, Party as _, Via,
        limit::{Crowd, Place},
    },
    audit::denials,
    calls::Finished,
    metrics::Connection,
    operation::{Access, Effect, Entry, Operation as _, Rate, Reply, Spec},
};

pub use crate::access::identify::Presented;

/// Longest a call may take.
pub const CALL_SECS: u64 = 60;

/// The runner of every call. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    app: Arc<App>,
}

impl Gate {
    /// A gate in front of an application.
    #[must_use]
    pub const fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// What stands behind it.
    #[must_use]
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Finds out who calls; a refused credential is counted against its address and written down.
    ///
    /// # Errors
    /// `unauthenticated`, `rate_limited`, or those of the store.
    pub async fn identify(&self, presented: Presented<'_>, origin: Origin) -> Result<Caller> {
        self.app.identify(presented, origin).await
    }

    /// Notes a request that was refused before it had an operation, such as one without a credential; the error that
    /// goes to the caller: `rate_limited` when the address has been refused too often.
    pub async fn refuse(&self, caller: &Caller, error: Error) -> Error {
        self.write_down(caller, "http", error).await
    }

    /// Runs one call. The input is asked for only when the caller is authorised and within the limits.
    ///
    /// # Errors
    /// Those of the input and of the operation, and the gate's own refusals.
    pub async fn run(
        &self,
        caller: &Caller,
        entry: &'static Entry,
        meta: Meta,
        input: impl Future<Output = Result<Bytes>> + Send,
    ) -> Result<Reply> {
        let started = Instant::now();
        let object = Arc::clone(&meta.object);
        let mut result = self.pass(caller, entry, meta, input).await;
        if let Err(error) = result {
            let mut fault = error.into_fault();
            result = match fault.replayed.take() {
                Some(answer) => Ok(Reply::Json(answer)),
                None => Err(self.refused(caller, entry.spec, Error::from(fault)).await),
            };
        }
        let (code, took) = (result.as_ref().err().map(Error::code), started.elapsed());
        self.app.metrics.called(entry.spec, caller.origin().via, code, took);
        self.keep(caller, (entry.spec, code, took), &object);
        result
    }

    /// Keeps a finished call for whoever watches its workspace; one of a stranger for the home workspace, when it was
    /// refused.
    fn keep(
        &self,
        caller: &Caller,
        (spec, code, took): (&'static Spec, Option<Code>, Duration),
        object: &OnceLock<String>,
    ) {
        let identity = caller.identity();
        // Watching would show itself, and the health checks of a machine would push out what matters.
        let is_noise = spec.id == crate::ops::calls::Calls::SPEC.id || identity.is_none();
        if is_noise && code.is_none() {
            return;
        }
        let workspace = identity.map_or(self.app.home, |identity| identity.workspace);
        self.app.calls.of(workspace).push(Finished {
            seq: 0,
            ended_at: self.app.now(),
            spec,
            identity: identity.map(Arc::clone),
            origin: Arc::clone(caller.origin()),
            code,
            took,
            object: object.get().cloned(),
        });
    }

    /// Counts an open connection to the network or to the Unix socket until the guard is dropped.
    #[must_use]
    pub fn connected(&self, via: Via) -> Connection {
        Connection::open(&self.app, via)
    }

    /// Counts a request that is no call of an operation, such as a list of tools.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn count(&self, caller: &Caller) -> Result<()> {
        match self.app.limits.count_call(&self.app, caller, Rate::Default) {
            Ok(()) => Ok(()),
            Err(limited) => Err(self.refuse(caller, limited).await),
        }
    }

    /// Counts an open stream of a caller until the guard is dropped.
    ///
    /// # Errors
    /// `rate_limited` past 32 of them.
    pub fn listen(&self, caller: &Caller) -> Result<Option<Place<'_>>> {
        self.app.limits.enter(caller, Crowd::Streams)
    }

    /// Ends when the caller's credential does: when it is revoked or expires, or its agent is disabled.
    pub async fn ended(&self, caller: &Caller) {
        let Some(identity) = caller.identity() else { return };
        self.app.credential_ended(identity).await;
    }

    async fn pass(
        &self,
        caller: &Caller,
        entry: &'static Entry,
        meta: Meta,
        input: impl Future<Output = Result<Bytes>> + Send,
    ) -> Result<Reply> {
        let spec = entry.spec;
        let limits = &self.app.limits;
        authorize(caller, spec)?;
        limits.count_call(&self.app, caller, spec.rate)?;
        self.app.space.admit(spec)?;
        let _place = limits.enter(caller, Crowd::Calls)?;
        let call = (entry.run)(Arc::clone(&self.app), caller, meta, input.await?);
        match tokio::time::timeout(Duration::from_secs(CALL_SECS), call).await {
            Ok(result) => result,
            Err(_) => {
                Err(Error::new(Code::Unavailable, format!("{} took longer than {CALL_SECS} s", spec.id)).retry_after(1))
            }
        }
    }

    /// Writes down a refusal or a failed change; the error that goes to the caller.
    async fn refused(&self, caller: &Caller, spec: &'static Spec, error: Error) -> Error {
        if let Some(cause) = &error.fault().cause {
            let origin = caller.origin();
            tracing::warn!(
                operation = spec.id,
                code = error.code().as_str(),
                request.id = origin.request_id,
                cause,
                "call failed"
            );
        }
        let noted = match error.code() {
            Code::Unauthenticated | Code::PermissionDenied | Code::RateLimited => true,
            Code::Unavailable | Code::Overloaded | Code::StorageFull => false,
            _ => spec.effect != Effect::Read,
        };
        if !noted {
            return error;
        }
        self.write_down(caller, spec.id, error).await
    }

    /// Counts a refused stranger and writes the refusal down; the error that goes to the caller.
    async fn write_down(&self, caller: &Caller, operation: &'static str, error: Error) -> Error {
        let counted = match error.code() {
            Code::Unauthenticated => self.app.limits.count_refused(caller.origin().address, self.app.now()),
            _ => Ok(()),
        };
        let error = counted.err().unwrap_or(error);
        match denials::note(&self.app, caller, operation, &error).await {
            Ok(()) => error,
            Err(failure) => failure,
        }
    }
}

/// Whether the caller may reach the operation at all.
fn authorize(caller: &Caller, spec: &Spec) -> Result<()> {
    match spec.access {
        Access::Open => Ok(()),
        Access::Permission(_) | Access::Interactive(_) | Access::AnyPrincipal | Access::LocalOperator => {
            crate::access::Known::admit(caller, spec).map(drop)
        }
    }
}
