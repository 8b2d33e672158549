//! Audit rows of refusals: the first one is written at once, repeats within 60 s are counted in one closing row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::task::TaskTracker;
use types::{Timestamp, WorkspaceId};

use crate::{
    App, Code, Error, Result,
    access::{Caller, limit::network},
    app::Finish,
    ledger::{self, Draft},
};

const WINDOW_SECS: i64 = 60;
/// Windows kept open at most; past that every refusal is written by itself.
const OPEN: usize = 10_000;

/// The operation of a credential that was refused.
pub(crate) const CREDENTIAL: &str = "auth.token_rejected";

/// The operation of a key that was revoked before.
pub(crate) const REVOKED: &str = "key.used_after_revoke";

/// One principal or address, one operation, one code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    workspace: WorkspaceId,
    who: String,
    operation: &'static str,
    code: Code,
}

#[derive(Debug, Clone)]
struct Window {
    opened: Timestamp,
    repeats: u64,
    workspace: WorkspaceId,
    draft: Draft,
}

/// The windows that are open, and the first rows on their way.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    open: Mutex<HashMap<Kind, Window>>,
    writing: TaskTracker,
}

/// Notes that a call of an operation (or a request before it had one, such as `http`) was refused or failed.
///
/// # Errors
/// Those of the store: a refusal that cannot be written down is not answered as one.
pub(crate) async fn note(app: &Arc<App>, caller: &Caller, operation: &'static str, error: &Error) -> Result<()> {
    let workspace = caller.identity().map_or(app.home, |identity| identity.workspace);
    note_in(app, workspace, caller, operation, error).await
}

/// The same, in the audit log of a workspace that is known otherwise than by the caller.
///
/// # Errors
/// Those of the store.
pub(crate) async fn note_in(
    app: &Arc<App>,
    workspace: WorkspaceId,
    caller: &Caller,
    operation: &'static str,
    error: &Error,
) -> Result<()> {
    let now = app.now();
    let mut draft = Draft::by(caller, action(operation, error.code()), now);
    draft.refused(error.code());
    draft.details.insert("operation".into(), operation.into());
    let who = match caller.identity() {
        Some(identity) => identity.principal.to_string(),
        None => caller.origin().address.map(|address| network(address).to_string()).unwrap_or_default(),
    };
    let kind = Kind { workspace, who, operation, code: error.code() };
    let closing = {
        let mut open = app.denials.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&kind) {
            Some(window) if now < window.opened.plus_secs(WINDOW_SECS) => {
                window.repeats += 1;
                return Ok(());
            }
            _ => {
                let closing = open.remove(&kind).and_then(|window| window.close(now));
                if open.len() < OPEN {
                    open.insert(kind.clone(), Window { opened: now, repeats: 0, workspace, draft: draft.clone() });
                }
                closing
            }
        }
    };
    // A task of its own: a caller who hangs up must not take the row along.
    let app = Arc::clone(app);
    let rows = closing.into_iter().chain([(workspace, draft)]).collect::<Vec<_>>();
    let writing = app.denials.writing.clone();
    let written = writing.spawn(async move {
        for (workspace, row) in rows {
            if let Err(error) = ledger::write_alone(&app, workspace, row).await {
                // Without its first row there is no window: the next refusal writes one.
                app.denials.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&kind);
                return Err(error);
            }
        }
        Ok(())
    });
    written.await.unwrap_or_else(|error| Err(Error::internal().cause(error)))
}

/// What the row is filed under: the kind of refusal, or the operation that failed.
fn action(operation: &'static str, code: Code) -> &'static str {
    match code {
        Code::Unauthenticated if operation == CREDENTIAL || operation == REVOKED => operation,
        Code::Unauthenticated | Code::PermissionDenied => "authz.denied",
        Code::RateLimited => "rate_limit.exceeded",
        _ => operation,
    }
}

impl Window {
    /// The closing row, when anything was repeated.
    fn close(self, now: Timestamp) -> Option<(WorkspaceId, Draft)> {
        let row = Draft { ts: now, ..self.draft.repeated(self.repeats) };
        (self.repeats > 0).then_some((self.workspace, row))
    }
}

impl Denials {
    /// Writes the closing rows of windows that have ended; one that cannot be written stays open for the next time.
    pub(crate) async fn flush(&self, app: &Arc<App>, finish: Finish) -> Result<()> {
        if finish == Finish::Yes {
            self.writing.close();
            self.writing.wait().await;
        }
        let now = app.now();
        let ended: Vec<(Kind, Window)> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extract_if(|_, window| finish == Finish::Yes || now >= window.opened.plus_secs(WINDOW_SECS)).collect()
        };
        let mut ended = ended.into_iter();
        while let Some((kind, window)) = ended.next() {
            let Some((workspace, row)) = window.clone().close(now) else { continue };
            if let Err(error) = ledger::write_alone(app, workspace, row).await {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.extend([(kind, window)]);
                open.extend(ended);
                return Err(error);
            }
        }
        Ok(())
    }
}
