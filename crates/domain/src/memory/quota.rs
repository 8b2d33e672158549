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
    Err(Error::new(
        Code::QuotaExceeded,
        format!(
            "the owner keeps {} memories of {} bytes; at most {} memories of {} bytes are allowed",
            used.rows, used.bytes, most.rows, most.bytes
        ),
    )
    .fact("rows", used.rows)
    .fact("bytes", used.bytes)
    .fact("max_rows", most.rows)
    .fact("max_bytes", most.bytes)
    .hint("delete or consolidate memories, `cleanup_memories` finds candidates; operators set `memory.max_rows` and `memory.max_megabytes`"))
}
