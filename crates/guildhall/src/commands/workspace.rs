//! `guildhall workspace`

use super::{Context, Input, cell, one, page};
use crate::{
    args::{self, WorkspaceVerb},
    failure::Result,
};

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, workspace: args::Workspace) -> Result<()> {
    let client = context.client(None)?;
    match workspace.verb {
        WorkspaceVerb::List => {
            let answer = client.json("workspace.list", &Input::default().value())?;
            let columns =
                [("slug", "/slug"), ("id", "/id"), ("status", "/status"), ("name", "/name"), ("made", "/created_at")];
            page(context.form, &answer, &columns)
        }
        WorkspaceVerb::Add { slug, name } => {
            let input = Input::default().with("slug", slug).maybe("name", name);
            let made = client.json("workspace.create", &input.value())?;
            one(context.form, &made, &format!("{}  {}", cell(&made, "/id"), cell(&made, "/slug")))
        }
    }
}
