//! `workspace.list`

use types::{Page, workspace::Workspace};

use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec},
};

/// Lists the workspaces of the installation.
pub struct List;

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "workspace.list",
        summary: "List the workspaces of this installation.",
        access: Access::LocalOperator,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: None,
        routes: &[],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Json<Page<Workspace>>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Json<Page<Workspace>>> {
        let reason = call.who().everything("the local operator lists the workspaces")?;
        let items = call.read(move |tx| Ok(store::workspaces::list(tx, reason)?)).await?;
        Ok(Json(Page { items, next_cursor: None, total: None }))
    }
}
