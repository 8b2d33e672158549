//! `key.rotate`

use schemars::JsonSchema;
use security::api_key;
use serde::Deserialize;
use store::{Verdict, keys::KeyRow};
use types::KeyId;

use super::{IssuedKey, not_usable, reached, shown};
use crate::{
    Call, Code, Error, Result,
    access::{Credential, Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Replaces a key by a new one; both work for a while.
pub struct Rotate;

/// Which one, and for how long both work.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its id, or `self` for the calling key.
    id: String,
    /// How long the old key goes on working, 0 to 604,800; default 86,400.
    overlap_seconds: Option<i64>,
}

/// Which key is meant; a key rotates only itself, and only when it may.
fn target(call: &Call<Known>, id: &str) -> Result<KeyId> {
    let named = match id {
        "self" => None,
        id => Some(id.parse::<KeyId>().map_err(|error| Error::invalid("id", format!("{error}, or `self`")))?),
    };
    match (named, call.who().identity().credential) {
        (None, Credential::Key(own)) => Ok(own),
        (Some(id), Credential::Key(own)) if id == own => Ok(own),
        (Some(_), Credential::Key(_) | Credential::SocketAgent { .. }) => Err(Error::not_found()),
        (Some(id), Credential::Socket { .. }) => Ok(id),
        (None, Credential::Socket { .. } | Credential::SocketAgent { .. }) => {
            Err(Error::invalid("id", "`self` is the calling key; name one"))
        }
    }
}

impl Operation for Rotate {
    const SPEC: Spec = Spec {
        id: "key.rotate",
        summary: "Replace an API key by a new one with the same rights; the old one works on for the overlap.",
        access: Access::Permission(Permission::KeyOwn),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::IdOnly,
        refusals: &[Code::NotFound, Code::AlreadyDone],
        example: include_str!("rotate.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/keys/{id}/rotate")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<IssuedKey>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<IssuedKey>> {
        let mut checks = Checks::default();
        let overlap = which.overlap_seconds.unwrap_or(86_400);
        checks.range("overlap_seconds", overlap, 0..=604_800);
        checks.done()?;
        let id = target(&call, &which.id)?;
        let now = call.now();
        let fresh = api_key::generate(&*call.app.random)?;
        let (new_id, hash, prefix) = (KeyId::new(now, call.app.bits()?), fresh.hash, fresh.prefix.clone());
        let (scope, who) = (call.scope(), call.who().clone());
        let key = call
            .write(move |change| {
                let old = reached(change, &who, id)?;
                if matches!(who.identity().credential, Credential::Key(_)) && !old.self_rotate {
                    return Err(Error::new(Code::PermissionDenied, "this key may not rotate itself")
                        .fact("required", "self_rotate")
                        .hint("an operator rotates it with `guildhall key rotate`"));
                }
                if old.revoked_at.is_some() || old.rotates_out_at.is_some() || old.expires_at <= now {
                    return Err(not_usable(&old));
                }
                if old.suspended_at.is_some() {
                    return Err(Error::new(Code::AlreadyDone, "this key is suspended since a restore")
                        .fact("object", old.id.to_string())
                        .hint("resume it first with `guildhall key resume`"));
                }
                let life = (old.expires_at.micros() - old.created_at.micros()) / 1_000_000;
                let row = KeyRow {
                    id: new_id,
                    prefix: prefix.clone(),
                    created_at: now,
                    expires_at: now.plus_secs(life).min(old.line_ends_at),
                    last_used_at: None,
                    usage_count: 0,
                    ..old.clone()
                };
                store::keys::rotate_out(change, &scope, old.id, now.plus_secs(overlap).min(old.expires_at))?;
                store::keys::insert(change, &scope, &row, &hash)?;
                change.touched(row.id);
                change.touched(old.id);
                change.publish("key.rotated", old.id);
                Ok(Verdict::Done(shown(&row, now)))
            })
            .await?;
        Ok(Json(IssuedKey { api_key: fresh.secret.reveal().clone(), key }))
    }
}
