//! `audit.verify`

use std::sync::Arc;

use schemars::JsonSchema;
use security::chain::AuditKey;
use serde::Serialize;
use store::Tx;
use types::WorkspaceId;

use crate::{
    App, Call, Error, Result,
    access::{Known, Permission, everything},
    ledger,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Checks the workspace's audit chain.
pub struct Verify;

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AuditVerdict")]
pub struct Verdict {
    /// The chain is whole.
    pub ok: bool,
    /// The first row that is changed, missing or out of place.
    pub first_bad: Option<i64>,
    /// Rows looked at.
    pub rows: i64,
}

impl Operation for Verify {
    const SPEC: Spec = Spec {
        id: "audit.verify",
        summary: "Check that no row of the audit log was changed, removed or moved.",
        access: Access::Permission(Permission::AuditRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("verify.json"),
        tool: Some(Tool { name: "verify_audit", set: "admin", listed: &[] }),
        routes: &[route("POST", "/api/v1/audit/verify")],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Json<Verdict>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Json<Verdict>> {
        let (app, workspace) = (Arc::clone(&call.app), call.scope().workspace());
        call.read(move |tx| verify(&app.secrets.audit, tx, workspace)).await.map(Json)
    }
}

/// Walks one workspace's chain from its first row to its head.
///
/// # Errors
/// Those of the store.
pub fn verify(key: &AuditKey, tx: &Tx<'_>, workspace: WorkspaceId) -> Result<Verdict> {
    walk(key, tx, workspace, i64::MAX)
}

/// Walks the newest rows of one workspace's chain, at most `most`, to its head.
///
/// # Errors
/// Those of the store.
pub(crate) fn walk(key: &AuditKey, tx: &Tx<'_>, workspace: WorkspaceId, most: i64) -> Result<Verdict> {
    let head = store::audit::head(tx, workspace)?;
    let start = head.audit_seq.saturating_sub(most).max(0);
    // In the middle of a chain the first row says what stood before it; its own MAC covers that.
    let mut prev = (start == 0).then_some(security::chain::ORIGIN);
    let (mut seq, mut first_bad, mut failed) = (start, None, None);
    store::audit::walk(tx, everything("the audit chain is verified"), workspace, start, |chained| {
        if first_bad.is_some() || failed.is_some() {
            return Ok(());
        }
        seq += 1;
        let before = prev.unwrap_or(chained.prev);
        match ledger::mac(key, &before, workspace, &chained.row) {
            Ok(mac) if chained.row.seq == seq && chained.prev == before && chained.mac == mac => prev = Some(mac),
            Ok(_) => first_bad = Some(seq),
            Err(error) => failed = Some(error),
        }
        Ok(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if first_bad.is_none() && (head.audit_seq != seq || prev != Some(head.audit_mac)) {
        first_bad = Some(seq + 1);
    }
    Ok(Verdict { ok: first_bad.is_none(), first_bad, rows: seq - start })
}

/// Checks every workspace's chain, by its slug.
///
/// # Errors
/// Those of the store.
pub async fn verify_all(app: &Arc<App>) -> Result<Vec<(String, Verdict)>> {
    let inner = Arc::clone(app);
    app.store
        .read(move |tx| {
            let reason = everything("every audit chain is verified");
            store::workspaces::list(tx, reason)?
                .into_iter()
                .map(|workspace| Ok((workspace.slug, verify(&inner.secrets.audit, tx, workspace.id)?)))
                .collect::<Result<_, Error>>()
        })
        .await
}
