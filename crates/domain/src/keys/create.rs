//! `key.create`

use schemars::JsonSchema;
use security::api_key;
use serde::Deserialize;
use store::{Verdict, keys::KeyRow};
use types::{KeyId, PrincipalId};

use super::{DEFAULT_SECS, IssuedKey, LONGEST_SECS, shown};
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission, Permissions, role::NEVER_IN_A_KEY},
    catalogue,
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Issues an API key.
pub struct Create;

/// A new key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for, at most 100 characters.
    label: String,
    /// The agent that will act with it.
    principal: PrincipalId,
    /// What it narrows the agent's rights to; default all of them.
    permissions: Option<Vec<String>>,
    /// MCP toolsets it lists by default.
    toolsets: Option<Vec<String>>,
    /// Seconds to live, up to a year; default 90 days.
    expires_in: Option<i64>,
    /// Calls per minute, 1 to 1,000,000.
    rate_per_minute: Option<u32>,
    /// Calls per hour, 1 to 60,000,000; default 30,000.
    rate_per_hour: Option<u32>,
    /// It may rotate itself.
    #[serde(default)]
    self_rotate: bool,
}

impl NewKey {
    fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        checks.line("label", &self.label, 1..=100);
        if let Some(names) = &self.permissions {
            match Permissions::parse(names.iter().map(String::as_str)) {
                Err(name) => checks.fail("permissions", format!("there is no permission `{name}`")),
                Ok(set) => {
                    for never in NEVER_IN_A_KEY.iter().filter(|never| set.has(**never)) {
                        checks.fail("permissions", format!("`{}` is never given to a key", never.as_str()));
                    }
                }
            }
        }
        for name in self.toolsets.iter().flatten() {
            if !catalogue::is_toolset(name) {
                checks.fail("toolsets", format!("there is no toolset `{name}`"));
            }
        }
        checks.range("expires_in", self.expires_in.unwrap_or(DEFAULT_SECS), 1..=LONGEST_SECS);
        checks.range("rate_per_minute", self.rate_per_minute.unwrap_or(1), 1..=1_000_000);
        checks.range("rate_per_hour", self.rate_per_hour.unwrap_or(1), 1..=60_000_000);
        checks.done()
    }
}

impl Operation for Create {
    const SPEC: Spec = Spec {
        id: "key.create",
        summary: "Issue an API key for an agent; the secret is shown once.",
        access: Access::Interactive(Permission::KeyOwn),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::IdOnly,
        refusals: &[Code::NotFound],
        example: include_str!("create.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/keys")],
    };
    type Who = Known;
    type Input = NewKey;
    type Output = Json<IssuedKey>;

    async fn run(call: Call<Known>, input: NewKey) -> Result<Json<IssuedKey>> {
        input.check()?;
        let PrincipalId::Agent(agent) = input.principal else {
            return Err(Error::invalid("principal", "keys are issued to agents (`agt_…`)"));
        };
        let now = call.now();
        let fresh = api_key::generate(&*call.app.random)?;
        let row = KeyRow {
            id: KeyId::new(now, call.app.bits()?),
            workspace: call.scope().workspace(),
            principal: input.principal,
            prefix: fresh.prefix.clone(),
            label: input.label,
            permissions: input.permissions,
            toolsets: input.toolsets,
            created_at: now,
            expires_at: now.plus_secs(input.expires_in.unwrap_or(DEFAULT_SECS)),
            line_ends_at: now.plus_secs(LONGEST_SECS),
            rotates_out_at: None,
            revoked_at: None,
            suspended_at: None,
            rate_per_minute: input.rate_per_minute.unwrap_or(call.app.settings.key_per_minute),
            rate_per_hour: input.rate_per_hour.unwrap_or(30_000),
            last_used_at: None,
            usage_count: 0,
            self_rotate: input.self_rotate,
        };
        let (scope, hash) = (call.scope(), fresh.hash);
        let key = call
            .write(move |change| {
                if store::agents::get(change, &scope, agent)?.is_none() {
                    return Err(Error::not_found());
                }
                store::keys::insert(change, &scope, &row, &hash)?;
                change.touched(row.id);
                change.publish("key.created", row.id);
                Ok(Verdict::Done(shown(&row, now)))
            })
            .await?;
        Ok(Json(IssuedKey { api_key: fresh.secret.reveal().clone(), key }))
    }
}
