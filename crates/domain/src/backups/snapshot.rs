//! `backup.snapshot`

use schemars::JsonSchema;
use serde::Serialize;
use store::Verdict;
use types::{BackupId, Timestamp};

use super::{FOLDER, UNSEALED};
use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec},
};

/// Copies the database for a backup.
pub struct Snapshot;

/// A copy that waits to be sealed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Taken {
    /// The backup it is for.
    id: BackupId,
    /// Where it is, within the data directory. Whoever asked for it removes it.
    path: String,
    /// How large it is.
    size_bytes: u64,
    /// When it was begun: what was answered before is in it.
    taken_at: Timestamp,
}

impl Operation for Snapshot {
    const SPEC: Spec = Spec {
        id: "backup.snapshot",
        summary: "Copy the database, as it is now, into the data directory's folder `backups`. `guildhall backup create` seals it.",
        access: Access::LocalOperator,
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::IdOnly,
        refusals: &[],
        example: include_str!("snapshot.json"),
        tool: None,
        routes: &[],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Json<Taken>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Json<Taken>> {
        let id = BackupId::new(call.now(), call.app.bits()?);
        let path = format!("{FOLDER}/{UNSEALED}{id}.db");
        // Dropped on every way out but the last, it takes the file along.
        let snapshot = call.app.store.snapshot(call.app.store.directory().join(&path)).await?;
        let taken = Taken { id, path, size_bytes: snapshot.size_bytes(), taken_at: call.now() };
        let answer = call
            .write(move |change| {
                change.touched(id);
                Ok(Verdict::Done(taken.clone()))
            })
            .await?;
        let _ = snapshot.keep();
        Ok(Json(answer))
    }
}
