//! `memory.share`

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Scope, Tx, Verdict, memories};
use types::{
    GranteeId, MemoryId, PrincipalId, Timestamp,
    memory::{Access as MemoryAccess, Change, Grant, Memory, Right, Trust},
};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Grants one memory may have.
const MOST: usize = 100;
const LONGEST_SECS: i64 = 31_536_000;

/// Gives others a permission on a memory of the caller.
pub struct Share;

/// One grant to be given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Offered {
    /// A principal (`agt_…`, `usr_…`) or a team (`tem_…`).
    grantee: GranteeId,
    /// `read` (default), `write` or `delete`; each includes the one before.
    permission: Option<Right>,
    /// From then on it allows nothing.
    expires_at: Option<Timestamp>,
    /// Seconds until then, up to a year; give this or `expires_at`.
    expires_in: Option<i64>,
}

/// What is shared with whom.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// Which memory.
    id: MemoryId,
    /// 1 to 100; each takes the place of the grantee's earlier one.
    grants: Vec<Offered>,
}

/// Who may do what with a memory.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MemoryGrants")]
pub struct Grants {
    /// Which memory.
    pub(super) id: MemoryId,
    /// Who may read it beside them.
    pub(super) access: MemoryAccess,
    /// Every grant.
    pub(super) grants: Vec<Grant>,
}

impl Sharing {
    fn checked(&self, owner: PrincipalId, now: Timestamp) -> Result<Vec<Grant>> {
        let mut checks = Checks::default();
        if !(1..=MOST).contains(&self.grants.len()) {
            checks.fail("grants", format!("has {} items, 1 to {MOST} are allowed", self.grants.len()));
        }
        let mut seen = BTreeSet::new();
        let grants = self.grants.iter().enumerate().map(|(n, offered)| {
            let field = |name: &str| format!("grants[{n}].{name}");
            if !seen.insert(offered.grantee) {
                checks.fail(field("grantee"), "is named twice");
            }
            if offered.expires_at.is_some() && offered.expires_in.is_some() {
                checks.fail(field("expires_in"), "give `expires_at` or `expires_in`, not both");
            }
            if let Some(secs) = offered.expires_in {
                checks.range(&field("expires_in"), secs, 1..=LONGEST_SECS);
            }
            if offered.expires_at.is_some_and(|end| end <= now) {
                checks.fail(field("expires_at"), "is over already");
            }
            Grant {
                grantee: offered.grantee,
                permission: offered.permission.unwrap_or(Right::Read),
                expires_at: offered.expires_at.or_else(|| offered.expires_in.map(|secs| now.plus_secs(secs))),
                granted_by: owner,
                granted_at: now,
            }
        });
        let grants = grants.collect();
        checks.done()?;
        Ok(grants)
    }
}

/// A memory whose audience the caller decides.
pub(super) fn owned(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Memory> {
    let memory = memories::get(tx, scope, id, now)?.ok_or_else(Error::not_found)?;
    if memory.owner != scope.viewer() {
        return Err(Error::new(Code::PermissionDenied, "only its owner decides who else may use a memory")
            .fact("required", "ownership"));
    }
    Ok(memory)
}

impl Operation for Share {
    const SPEC: Spec = Spec {
        id: "memory.share",
        summary: "Share a memory of yours with principals or teams: read, write or delete, until a time if you like. A private one becomes shared.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::GranteeNotFound, Code::NotFound, Code::QuotaExceeded, Code::Quarantined],
        example: include_str!("share.json"),
        tool: Some(Tool { name: "share_memory", set: "memory", listed: &[] }),
        routes: &[route("PUT", "/api/v1/memories/{id}/grants")],
    };
    type Who = Known;
    type Input = Sharing;
    type Output = Json<Grants>;

    async fn run(call: Call<Known>, sharing: Sharing) -> Result<Json<Grants>> {
        let (scope, now) = (call.scope(), call.now());
        let offered = sharing.checked(scope.viewer(), now)?;
        let app = Arc::clone(&call.app);
        call.write(move |change| {
            let memory = owned(change, &scope, sharing.id, now)?;
            if memory.trust == Trust::Quarantined {
                return Err(super::quarantined(memory.id));
            }
            for (n, grant) in offered.iter().enumerate() {
                if grant.grantee == memory.owner.into() {
                    return Err(Error::invalid(format!("grants[{n}].grantee"), "is the owner"));
                }
                if !memories::grants::is_known(change, &scope, grant.grantee)? {
                    return Err(Error::new(Code::GranteeNotFound, format!("there is no grantee {}", grant.grantee))
                        .hint("`list_agents` and `list_teams` show who there is"));
                }
                memories::grants::put(change, &scope, memory.id, grant)?;
            }
            let grants = memories::grants::list(change, &scope, memory.id)?;
            if grants.len() > MOST {
                return Err(Error::new(Code::QuotaExceeded, format!("a memory has at most {MOST} grants"))
                    .fact("quota", "grants_of_a_memory")
                    .fact("maximum", MOST)
                    .hint("share it with a team instead"));
            }
            let mut access = memory.access;
            if access == MemoryAccess::Private {
                access = MemoryAccess::Shared;
                let shared = Memory { access, ..super::next(&memory, now) };
                let how = (Change::Shared, "memory.shared", None);
                super::store_changed(&app, change, &scope, (&memory, &shared), how)?;
            } else {
                change.touched(memory.id);
                change.publish("memory.shared", memory.id);
            }
            Ok(Verdict::Done(Grants { id: memory.id, access, grants }))
        })
        .await
        .map(Json)
    }
}
