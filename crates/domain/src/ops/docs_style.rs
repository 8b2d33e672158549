//! `ops.docs_style`

use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Document, Effect, Empty, Operation, Rate, Replay, Spec, media::Css, route},
    reference,
};

/// Gives the style of the reference's pages.
pub struct DocsStyle;

impl Operation for DocsStyle {
    const SPEC: Spec = Spec {
        id: "ops.docs_style",
        summary: "Give the style sheet of the reference's pages.",
        access: Access::AnyPrincipal,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("docs_style.json"),
        tool: None,
        routes: &[route("GET", "/docs/style.css")],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Document<Css>;

    async fn run(_: Call<Known>, _: Empty) -> Result<Document<Css>> {
        Ok(Document { body: reference::STYLE.to_owned(), media: Css })
    }
}
