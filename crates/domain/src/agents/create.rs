//! `agent.create`

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

/// Makes an agent.
pub struct Create;

/// A new agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// Unique in the workspace, ignoring case: `^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`.
    name: String,
    /// Name for people, at most 100 characters; default the name.
    display_name: Option<String>,
    /// What runs behind it: `^[a-z0-9_-]{1,32}$`, default `agent`.
    agent_type: Option<String>,
    /// `reader`, `agent` (default) or `operator`; at most your own.
    role: Option<String>,
    /// Single permissions beside the role's.
    #[serde(default)]
    grants: Vec<String>,
    /// Free JSON object.
    #[serde(default)]
    capabilities: Map<String, Value>,
}

impl NewAgent {
    fn checked(self, call: &Call<Known>) -> Result<Agent> {
        let mut checks = Checks::default();
        super::check_name(&mut checks, &self.name);
        let display_name = self.display_name.unwrap_or_else(|| self.name.clone());
        super::check_display_name(&mut checks, &display_name);
        let agent_type = self.agent_type.unwrap_or_else(|| "agent".into());
        super::check_type(&mut checks, &agent_type);
        let role = self.role.unwrap_or_else(|| "agent".into());
        super::check_role(&mut checks, &role);
        super::check_grants(&mut checks, &self.grants);
        checks.free_json("capabilities", &Value::Object(self.capabilities.clone()));
        checks.done()?;
        super::check_reserved(&self.name)?;
        let agent = Agent {
            id: AgentId::new(call.now(), call.app.bits()?),
            name: self.name,
            display_name,
            agent_type,
            role,
            grants: self.grants,
            owner: None,
            capabilities: self.capabilities,
            status: "active".into(),
            last_seen_at: None,
            created_at: call.now(),
            version: 1,
        };
        super::within_own(call.who(), &agent)?;
        Ok(agent)
    }
}

impl Operation for Create {
    const SPEC: Spec = Spec {
        id: "agent.create",
        summary: "Make an agent: a machine principal with a role.",
        access: Access::Permission(Permission::AgentManage),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NameNotAllowed, Code::AlreadyExists],
        example: include_str!("create.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/agents")],
    };
    type Who = Known;
    type Input = NewAgent;
    type Output = Json<Agent>;

    async fn run(call: Call<Known>, input: NewAgent) -> Result<Json<Agent>> {
        let agent = input.checked(&call)?;
        let scope = call.scope();
        call.write(move |change| {
            store::agents::insert(change, &scope, &agent).map_err(|error| match Error::from(error) {
                error if error.code() == Code::AlreadyExists => {
                    Error::new(Code::AlreadyExists, format!("there is an agent named `{}`", agent.name))
                        .hint("names are unique ignoring case; choose another one")
                }
                error => error,
            })?;
            change.touched(agent.id);
            change.publish("agent.created", agent.id);
            Ok(Verdict::Done(agent.clone()))
        })
        .await
        .map(Json)
    }
}
