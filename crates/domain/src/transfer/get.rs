//! `import.get`

use schemars::JsonSchema;
use serde::Deserialize;
use types::JobId;

use super::job::{Import, Open};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Shows one import.
pub struct Get;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    pub(super) id: JobId,
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "import.get",
        summary: "Show how far an import is, what it counted, and the first 1,000 rows it rejected.",
        access: Access::Permission(Permission::ImportRun),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("get.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/imports/{id}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Import>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Import>> {
        let scope = call.scope();
        call.read(move |tx| Ok(Open::find(tx, &scope, which.id)?.whole())).await.map(Json)
    }
}
