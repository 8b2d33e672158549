//! `ops.docs`

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Call, Code, Error, Result,
    access::Known,
    operation::{Access, Document, Effect, Operation, Rate, Replay, Spec, media::Html, route},
    reference::{self, Form},
};

/// Gives the reference as pages for browsers.
pub struct Docs;

/// Which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The error code it explains; absent for the page about everything.
    code: Option<String>,
}

impl Operation for Docs {
    const SPEC: Spec = Spec {
        id: "ops.docs",
        summary: "Give the reference of operations, permissions, tools and error codes as a page, or the page of one error code.",
        access: Access::AnyPrincipal,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("docs.json"),
        tool: None,
        routes: &[route("GET", "/docs"), route("GET", "/docs/errors/{code}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Document<Html>;

    async fn run(_: Call<Known>, which: Which) -> Result<Document<Html>> {
        let body = match which.code {
            None => reference::docs(Form::Served),
            Some(name) => reference::error_page(Code::parse(&name).ok_or_else(Error::not_found)?),
        };
        Ok(Document { body, media: Html })
    }
}
