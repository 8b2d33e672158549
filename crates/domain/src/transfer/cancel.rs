//! `import.cancel`

use store::Verdict;

use super::{
    get::Which,
    job::{Import, Open},
};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Ends an import between two of its calls. What it brought in stays.
pub struct Cancel;

impl Operation for Cancel {
    const SPEC: Spec = Spec {
        id: "import.cancel",
        summary: "End an import that is running: it takes no more lines. What it brought in stays.",
        access: Access::Permission(Permission::ImportRun),
        effect: Effect::Withdraw,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::BadTransition],
        example: include_str!("cancel.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/imports/{id}/cancel")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Import>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Import>> {
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let mut open = Open::find(change, &scope, which.id)?.must_run()?;
            open.end("cancelled");
            open.note(&[], now);
            open.advance(change, &scope)?;
            change.touched(open.id());
            Ok(Verdict::Done(open.whole()))
        })
        .await
        .map(Json)
    }
}
