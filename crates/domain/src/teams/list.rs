//! `team.list`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{Page, team::Team};

use crate::{
    Call, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Lists the workspace's teams.
pub struct List;

/// What the list is narrowed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Only the one with this name, ignoring case.
    name: Option<String>,
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
        id: "team.list",
        summary: "List the teams of this workspace and who belongs to them.",
        access: Access::Permission(Permission::TeamRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: Some(Tool { name: "list_teams", set: "sessions", listed: &[] }),
        routes: &[route("GET", "/api/v1/teams")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<Team>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<Team>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, input.limit);
        checks.done()?;
        let (page, after) = Paging::open(&call, &Self::SPEC, &input.name, (limit, input.cursor.as_deref()))?;
        let (scope, name, count, rows) = (call.scope(), input.name, input.count, page.rows());
        let (items, total) = call
            .read(move |tx| {
                let name = name.as_deref();
                let items = store::teams::list(tx, &scope, name, after.as_deref().unwrap_or_default(), rows)?;
                Ok((items, count.then(|| store::teams::count(tx, &scope, name)).transpose()?))
            })
            .await?;
        Ok(Json(page.close(&call, items, total, |last| last.id.to_string())))
    }
}
