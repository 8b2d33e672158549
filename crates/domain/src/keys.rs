//! API keys (contract identity.md §2.5).

use schemars::JsonSchema;
use serde::Serialize;
use store::keys::KeyRow;
use types::{KeyId, Timestamp, key::ApiKey};

use crate::{
    Code, Error, Result,
    access::{Credential, Known, Permission},
};

pub mod create;
pub mod get;
pub mod list;
pub mod resume;
pub mod revoke;
pub mod rotate;

/// Longest life of a key and of the line of its successors: a year.
const LONGEST_SECS: i64 = 31_536_000;
/// Life of a key whose maker names none.
const DEFAULT_SECS: i64 = 90 * 86_400;

/// A new key, with the secret that is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IssuedKey {
    /// The secret; it is shown only here.
    api_key: String,
    /// What is kept of it.
    key: ApiKey,
}

/// A key as anybody may see it.
fn shown(row: &KeyRow, now: Timestamp) -> ApiKey {
    let status = if row.revoked_at.is_some() {
        "revoked"
    } else if row.expires_at <= now || row.rotates_out_at.is_some_and(|end| end <= now) {
        "expired"
    } else if row.suspended_at.is_some() {
        "suspended"
    } else if row.rotates_out_at.is_some() {
        "rotating"
    } else {
        "active"
    };
    ApiKey {
        id: row.id,
        label: row.label.clone(),
        principal: row.principal,
        permissions: row.permissions.clone(),
        toolsets: row.toolsets.clone(),
        prefix: row.prefix.clone(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        rate_per_minute: row.rate_per_minute,
        rate_per_hour: row.rate_per_hour,
        last_used_at: row.last_used_at,
        usage_count: row.usage_count,
        status: status.to_owned(),
        self_rotate: row.self_rotate,
    }
}

/// Which keys a caller may see and end: with `key:manage` all; a key only itself; otherwise one's own.
fn reach(who: &Known) -> store::keys::Filter {
    let identity = who.identity();
    if identity.permissions.has(Permission::KeyManage) {
        return store::keys::Filter::default();
    }
    let id = match identity.credential {
        Credential::Key(id) => Some(id),
        Credential::Socket { .. } | Credential::SocketAgent { .. } => None,
    };
    store::keys::Filter { principal: Some(identity.principal), id }
}

/// A key within the caller's reach.
fn reached(tx: &store::Tx<'_>, who: &Known, id: KeyId) -> Result<KeyRow> {
    let reach = reach(who);
    store::keys::get(tx, &who.scope(), id)?
        .filter(|key| {
            reach.id.is_none_or(|own| own == key.id) && reach.principal.is_none_or(|own| own == key.principal)
        })
        .ok_or_else(Error::not_found)
}

fn not_usable(row: &KeyRow) -> Error {
    Error::new(Code::AlreadyDone, "this key has ended or is being rotated already").fact("object", row.id.to_string())
}
