//! Repeats: the same `Idempotency-Key` and input within 24 h get the first answer again.

use security::digest;
use serde::Serialize;
use store::{Scope, Tx};
use types::Timestamp;

use crate::{
    Code, Error, Meta, Result,
    operation::{self, Spec},
};

const KEPT_SECS: i64 = 86_400;

/// A call that carries an idempotency key.
pub(crate) struct Replay {
    key: String,
    body_hash: [u8; 32],
    rule: operation::Replay,
}

impl Replay {
    /// None without a key, and for operations that change nothing.
    pub(crate) fn of(spec: &Spec, meta: &Meta, body: &[u8]) -> Option<Self> {
        let key = meta.idempotency_key.clone()?;
        match spec.replay {
            operation::Replay::Never => None,
            rule => Some(Self { key, body_hash: digest::sha256(&[spec.id.as_bytes(), body]), rule }),
        }
    }

    /// Ends the call when it was answered before.
    pub(crate) fn find(&self, tx: &Tx<'_>, scope: &Scope, now: Timestamp) -> Result<()> {
        let Some(kept) = store::replays::find(tx, scope, &self.key)? else {
            return Ok(());
        };
        if kept.created_at.plus_secs(KEPT_SECS) <= now {
            return Ok(());
        }
        if kept.body_hash != self.body_hash {
            return Err(Error::new(Code::IdempotencyConflict, "this Idempotency-Key was used with another input")
                .hint("use a new key for a new call"));
        }
        let object = kept.object.unwrap_or_default();
        match kept.answer {
            Some(answer) => {
                Err(Error::replayed(serde_json::from_str(&answer).map_err(|error| Error::internal().cause(error))?))
            }
            None => Err(Error::new(Code::AlreadyDone, format!("this call was done before and made {object}"))
                .fact("object", object)
                .hint(
                    "its answer is not kept: it held a secret that is shown once, or what was purged since; if a secret is lost, revoke the object and make a new one",
                )),
        }
    }

    /// Keeps the answer.
    pub(crate) fn keep<T: Serialize>(
        &self,
        tx: &Tx<'_>,
        scope: &Scope,
        now: Timestamp,
        (object, answer): (Option<String>, &T),
    ) -> Result<()> {
        let answer = match self.rule {
            operation::Replay::Answer => {
                Some(serde_json::to_string(answer).map_err(|error| Error::internal().cause(error))?)
            }
            operation::Replay::IdOnly | operation::Replay::Never => None,
        };
        let row = store::replays::Replay { body_hash: self.body_hash.to_vec(), object, answer, created_at: now };
        Ok(store::replays::keep(tx, scope, &self.key, &row)?)
    }
}
