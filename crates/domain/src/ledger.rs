//! Appends what every write leaves behind: its audit row, chained to the one before, and its outbox rows.

use std::sync::Arc;

use security::chain::AuditKey;
use serde_json::{Map, Value, json};
use store::{Tx, Verdict, audit::Chained};
use types::{Timestamp, WorkspaceId, audit::AuditRow};

use crate::{
    App, Code, Error, Result,
    access::{Caller, Known, Origin, Via},
    operation::Spec,
};

/// An audit row that has no place in the chain yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) ts: Timestamp,
    pub(crate) actor: String,
    pub(crate) credential_id: Option<String>,
    pub(crate) via: Via,
    pub(crate) action: &'static str,
    pub(crate) object: Option<String>,
    pub(crate) outcome: &'static str,
    pub(crate) code: Option<Code>,
    pub(crate) severity: &'static str,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) details: Map<String, Value>,
}

impl Draft {
    /// A call that succeeded.
    pub(crate) fn of(spec: &Spec, who: &Known, now: Timestamp) -> Self {
        let identity = who.identity();
        let (actor, credential) = (identity.principal.to_string(), Some(identity.credential.id()));
        Self::new(spec.id, now, (actor, credential), who.origin())
    }

    /// An event of a caller who may be unknown.
    pub(crate) fn by(caller: &Caller, action: &'static str, now: Timestamp) -> Self {
        let actor = match caller.identity() {
            Some(identity) => (identity.principal.to_string(), Some(identity.credential.id())),
            None => ("anonymous".to_owned(), None),
        };
        Self::new(action, now, actor, caller.origin())
    }

    /// An event of the server itself.
    pub(crate) fn system(action: &'static str, now: Timestamp) -> Self {
        let origin = Origin { via: Via::System, address: None, user_agent: None, request_id: String::new() };
        Self { request_id: None, ..Self::new(action, now, ("system".to_owned(), None), &origin) }
    }

    fn new(
        action: &'static str,
        ts: Timestamp,
        (actor, credential_id): (String, Option<String>),
        origin: &Origin,
    ) -> Self {
        Self {
            ts,
            actor,
            credential_id,
            via: origin.via,
            action,
            object: None,
            outcome: "ok",
            code: None,
            severity: "info",
            ip: origin.address.map(|address| address.to_string()),
            user_agent: origin.user_agent.clone(),
            request_id: Some(origin.request_id.clone()),
            details: Map::new(),
        }
    }

    /// Marks the row as one of a call that was refused or failed.
    pub(crate) fn refused(&mut self, code: Code) {
        self.outcome = match code {
            Code::Unauthenticated
            | Code::PermissionDenied
            | Code::RateLimited
            | Code::OriginNotAllowed
            | Code::HostNotAllowed
            | Code::CredentialInUrl
            | Code::NameNotAllowed => "denied",
            _ => "failed",
        };
        self.severity = "warning";
        self.code = Some(code);
    }

    /// Says how many more there were of it.
    pub(crate) fn repeated(mut self, times: u64) -> Self {
        self.details.insert("repeat".into(), json!(times));
        self
    }

    fn into_row(self, seq: i64) -> AuditRow {
        AuditRow {
            seq,
            ts: self.ts,
            actor: self.actor,
            credential_id: self.credential_id,
            via: self.via.as_str().to_owned(),
            action: self.action.to_owned(),
            object: self.object,
            outcome: self.outcome.to_owned(),
            code: self.code.map(|code| code.as_str().to_owned()),
            severity: self.severity.to_owned(),
            ip: self.ip,
            user_agent: self.user_agent,
            request_id: self.request_id,
            details: Value::Object(self.details),
        }
    }
}

/// The MAC of a row, over every field that is stored of it.
pub(crate) fn mac(key: &AuditKey, prev: &[u8; 32], workspace: WorkspaceId, row: &AuditRow) -> Result<[u8; 32]> {
    let details = serde_json::to_vec(&row.details).map_err(|error| Error::internal().cause(error))?;
    fn text(text: &Option<String>) -> Option<&[u8]> {
        text.as_deref().map(str::as_bytes)
    }
    Ok(key.mac(
        prev,
        &[
            Some(&workspace.value().to_be_bytes()),
            Some(&row.seq.to_be_bytes()),
            Some(&row.ts.micros().to_be_bytes()),
            Some(row.actor.as_bytes()),
            text(&row.credential_id),
            Some(row.via.as_bytes()),
            Some(row.action.as_bytes()),
            text(&row.object),
            Some(row.outcome.as_bytes()),
            text(&row.code),
            Some(row.severity.as_bytes()),
            text(&row.ip),
            text(&row.user_agent),
            text(&row.request_id),
            Some(&details),
        ],
    ))
}

/// Appends one audit row and its outbox rows; moves the workspace's heads last.
pub(crate) fn append(
    app: &App,
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    draft: Draft,
    events: Vec<(&'static str, String)>,
) -> Result<()> {
    let mut head = store::audit::head(tx, workspace)?;
    publish(tx, workspace, &mut head, (draft.ts, events))?;
    head.audit_seq += 1;
    let row = draft.into_row(head.audit_seq);
    let mac = mac(&app.secrets.audit, &head.audit_mac, workspace, &row)?;
    store::audit::insert(tx, workspace, &Chained { row, prev: head.audit_mac, mac })?;
    head.audit_mac = mac;
    Ok(store::audit::advance(tx, workspace, &head)?)
}

fn publish(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    head: &mut store::audit::Head,
    (at, events): (Timestamp, Vec<(&'static str, String)>),
) -> Result<()> {
    for event in events {
        head.outbox_seq += 1;
        store::outbox::append(tx, workspace, head.outbox_seq, at, event)?;
    }
    Ok(())
}

/// Appends outbox rows alone, for what the server does by itself.
pub(crate) fn announce(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    at: Timestamp,
    events: Vec<(&'static str, String)>,
) -> Result<()> {
    let mut head = store::audit::head(tx, workspace)?;
    publish(tx, workspace, &mut head, (at, events))?;
    Ok(store::audit::advance(tx, workspace, &head)?)
}

/// Writes one audit row in a transaction of its own.
pub(crate) async fn write_alone(app: &Arc<App>, workspace: WorkspaceId, draft: Draft) -> Result<()> {
    let inner = Arc::clone(app);
    app.store
        .write(move |tx| {
            append(&inner, tx, workspace, draft.clone(), Vec::new())?;
            Ok::<_, Error>(Verdict::Done(()))
        })
        .await
}
