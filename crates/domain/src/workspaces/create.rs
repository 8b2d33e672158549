//! `workspace.create`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::{WorkspaceId, workspace::Workspace};

use crate::{
    Call, Code, Error, Result,
    access::Known,
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec},
};

/// Makes a workspace.
pub struct Create;

/// A new workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Short name: `^[a-z0-9][a-z0-9-]{1,38}$`.
    slug: String,
    /// Name for people; default the slug.
    name: Option<String>,
}

impl Operation for Create {
    const SPEC: Spec = Spec {
        id: "workspace.create",
        summary: "Make a workspace: a tenant that shares nothing with the others.",
        access: Access::LocalOperator,
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::AlreadyExists],
        example: include_str!("create.json"),
        tool: None,
        routes: &[],
    };
    type Who = Known;
    type Input = NewWorkspace;
    type Output = Json<Workspace>;

    async fn run(call: Call<Known>, input: NewWorkspace) -> Result<Json<Workspace>> {
        let name = input.name.unwrap_or_else(|| input.slug.clone());
        let mut checks = Checks::default();
        super::checked(&mut checks, &input.slug, &name);
        checks.done()?;
        let (id, now) = (WorkspaceId::new(call.now(), call.app.bits()?), call.now());
        let reason = call.who().everything("the local operator makes a workspace")?;
        call.write(move |change| {
            let workspace =
                super::found(change, reason, id, (&input.slug, &name), now).map_err(|error| match error.code() {
                    Code::AlreadyExists => {
                        Error::new(Code::AlreadyExists, format!("there is a workspace `{}`", input.slug))
                    }
                    _ => error,
                })?;
            change.belongs_to(id);
            change.touched(id);
            change.publish("workspace.created", id);
            Ok(Verdict::Done(workspace))
        })
        .await
        .map(Json)
    }
}
