//! `agent.update`

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::Verdict;
use types::{AgentId, agent::Agent};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Changes an agent.
pub struct Update;

/// What changes; what is absent stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Which one.
    id: AgentId,
    /// Only if it is at this version.
    expected_version: Option<i64>,
    /// Name for people, at most 100 characters.
    display_name: Option<String>,
    /// What runs behind it.
    agent_type: Option<String>,
    /// `reader`, `agent` or `operator`; at most your own.
    role: Option<String>,
    /// All its single permissions.
    grants: Option<Vec<String>>,
    /// All its capabilities.
    capabilities: Option<Map<String, Value>>,
    /// `active` or `disabled`.
    status: Option<String>,
}

impl Changes {
    fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        if let Some(name) = &self.display_name {
            super::check_display_name(&mut checks, name);
        }
        if let Some(agent_type) = &self.agent_type {
            super::check_type(&mut checks, agent_type);
        }
        if let Some(role) = &self.role {
            super::check_role(&mut checks, role);
        }
        super::check_grants(&mut checks, self.grants.as_deref().unwrap_or_default());
        if let Some(capabilities) = &self.capabilities {
            checks.free_json("capabilities", &Value::Object(capabilities.clone()));
        }
        if self.status.as_deref().is_some_and(|status| !["active", "disabled"].contains(&status)) {
            checks.fail("status", "must be `active` or `disabled`");
        }
        checks.done()
    }

    fn applied(self, agent: Agent) -> Agent {
        Agent {
            display_name: self.display_name.unwrap_or(agent.display_name),
            agent_type: self.agent_type.unwrap_or(agent.agent_type),
            role: self.role.unwrap_or(agent.role),
            grants: self.grants.unwrap_or(agent.grants),
            capabilities: self.capabilities.unwrap_or(agent.capabilities),
            status: self.status.unwrap_or(agent.status),
            version: agent.version + 1,
            ..agent
        }
    }
}

impl Operation for Update {
    const SPEC: Spec = Spec {
        id: "agent.update",
        summary: "Change an agent's names, type, role, grants or status; it takes effect on its next call.",
        access: Access::Permission(Permission::AgentManage),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("update.json"),
        tool: None,
        routes: &[route("PATCH", "/api/v1/agents/{id}")],
    };
    type Who = Known;
    type Input = Changes;
    type Output = Json<Agent>;

    async fn run(call: Call<Known>, input: Changes) -> Result<Json<Agent>> {
        input.check()?;
        change(&call, input).await.map(Json)
    }
}

/// Applies changes to an agent; also what disabling one is.
pub(super) async fn change(call: &Call<Known>, changes: Changes) -> Result<Agent> {
    let (scope, who) = (call.scope(), call.who().clone());
    call.write(move |change| {
        let old = store::agents::get(change, &scope, changes.id)?.ok_or_else(Error::not_found)?;
        if changes.expected_version.is_some_and(|version| version != old.version) {
            return Err(Error::new(Code::VersionConflict, format!("the agent is at version {}", old.version))
                .fact("current_version", old.version));
        }
        // Whoever may not give an agent's rights may not change the agent that has them.
        super::within_own(&who, &old)?;
        let agent = changes.clone().applied(old);
        super::within_own(&who, &agent)?;
        store::agents::update(change, &scope, &agent)?;
        change.touched(agent.id);
        change.publish("agent.updated", agent.id);
        Ok(Verdict::Done(agent))
    })
    .await
}

impl Changes {
    /// The change that disables an agent.
    pub(super) fn disabling(id: AgentId) -> Self {
        Self {
            id,
            expected_version: None,
            display_name: None,
            agent_type: None,
            role: None,
            grants: None,
            capabilities: None,
            status: Some("disabled".into()),
        }
    }
}
