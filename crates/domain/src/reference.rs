//! What is rendered from the catalogue: schemas of tools, OpenAPI, and the reference pages.

mod openapi;
mod pages;
mod tools;

pub use openapi::openapi;
pub use pages::{operations, permissions};
pub use tools::{input_schema, mcp_tools, whole as whole_schema};
