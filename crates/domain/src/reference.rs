//! What is rendered from the catalogue: schemas of tools, OpenAPI, and the reference pages.

mod docs;
mod example;
mod openapi;
mod pages;
mod refusals;
mod tools;

pub use docs::{Form, STYLE, docs, error_page};
pub use example::{Example, example, problem};
pub use openapi::openapi;
pub use pages::{operations, permissions};
pub use refusals::refusals;
pub use tools::{input_schema, mcp_tools, whole as whole_schema};
