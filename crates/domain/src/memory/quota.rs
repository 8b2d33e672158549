//! How much one principal may keep.

use store::{
    Scope, Tx,
    memories::counts::{self, Count, Of},
};
use types::{PrincipalId, Timestamp};

use crate::{App, Code, Error, Result};

/// Refuses a change that would make an owner's live rows more, or their text larger, than is allowed.
pub(super) fn room(
    app: &App,
    tx: &Tx<'_>,
    scope: &Scope,
    (owner, added): (PrincipalId, Count),
    now: Timestamp,
) -> Result<()> {
    let most = Count { rows: app.settings.memory.max_rows, bytes: app.settings.memory.max_bytes };
    let fits = |used: Count| {
        (added.rows <= 0 || used.rows + added.rows <= most.rows)
            && (added.bytes <= 0 || used.bytes + added.bytes <= most.bytes)
    };
    let mut used = counts::usage(tx, scope, owner)?;
    if fits(used) {
        return Ok(());
    }
    // What has expired still stands in the counters until it is swept.
    if owner == scope.viewer() {
        used = counts::live(tx, scope, Of::Own, now)?
            .values()
            .fold(Count::default(), |sum, one| Count { rows: sum.rows + one.rows, bytes: sum.bytes + one.bytes });
        if fits(used) {
            return Ok(());
        }
    }
    let is_rows = added.rows > 0 && used.rows + added.rows > most.rows;
    let (quota, maximum, what) = if is_rows {
        ("memories_of_a_principal", most.rows, "memories")
    } else {
        ("bytes_of_a_principal", most.bytes, "bytes of memories")
    };
    Err(Error::new(Code::QuotaExceeded, format!("the owner may keep {maximum} {what}, and this is more"))
        .fact("quota", quota)
        .fact("maximum", maximum)
        .hint("delete or consolidate memories; `cleanup_memories` finds old ones of little importance"))
}
