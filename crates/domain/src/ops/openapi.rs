//! `ops.openapi`

use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Document, Effect, Empty, Operation, Rate, Replay, Spec, media::JsonText, route},
    reference,
};

/// Gives the OpenAPI description of the REST face.
pub struct Openapi;

impl Operation for Openapi {
    const SPEC: Spec = Spec {
        id: "ops.openapi",
        summary: "Give the OpenAPI 3.1 description of the REST face.",
        access: Access::AnyPrincipal,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("openapi.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/openapi.json"), route("GET", "/openapi.json")],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Document<JsonText>;

    async fn run(_: Call<Known>, _: Empty) -> Result<Document<JsonText>> {
        Ok(Document { body: reference::openapi(), media: JsonText })
    }
}
