//! `agent.list`

use schemars::JsonSchema;
use serde::Deserialize;
use store::agents::Filter;
use types::{Page, TeamId, agent::Agent};

use crate::{
    Call, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Lists the workspace's agents.
pub struct List;

/// What the list is narrowed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Only this type.
    #[serde(rename = "type")]
    agent_type: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
    /// Only the one with this name, ignoring case.
    name: Option<String>,
    /// Only members of this team.
    team: Option<TeamId>,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Also say how many there are.
    #[serde(default)]
    count: bool,
}

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "agent.list",
        summary: "List the agents of this workspace.",
        access: Access::Permission(Permission::AgentRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: Some(Tool { name: "list_agents", set: "sessions", listed: &[] }),
        routes: &[route("GET", "/api/v1/agents")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<Agent>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<Agent>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, input.limit);
        if input.status.as_deref().is_some_and(|status| !["active", "disabled"].contains(&status)) {
            checks.fail("status", "must be `active` or `disabled`");
        }
        checks.done()?;
        let filter = Filter { agent_type: input.agent_type, status: input.status, name: input.name, team: input.team };
        let (page, after) = Paging::open(&call, &Self::SPEC, &filter, (limit, input.cursor.as_deref()))?;
        let (scope, count, rows) = (call.scope(), input.count, page.rows());
        let (items, total) = call
            .read(move |tx| {
                let items = store::agents::list(tx, &scope, &filter, after.as_deref().unwrap_or_default(), rows)?;
                Ok((items, count.then(|| store::agents::count(tx, &scope, &filter)).transpose()?))
            })
            .await?;
        Ok(Json(page.close(&call, items, total, |last| last.id.to_string())))
    }
}
