//! `guildhall version`

use serde_json::json;

use super::Context;
use crate::{
    failure::Result,
    output::{self, Form},
};

/// Prints the version and whether this is a test build.
pub(super) fn run(context: &Context<'_>) -> Result<()> {
    let fixtures = cfg!(feature = "conformance-fixtures");
    match context.form {
        Form::Json => output::json(&json!({
            "name": "guildhall", "version": env!("CARGO_PKG_VERSION"), "conformance_fixtures": fixtures,
        })),
        Form::Text => {
            let build = if fixtures { " with conformance fixtures, for tests only" } else { "" };
            output::data(&format!("guildhall {}{build}", env!("CARGO_PKG_VERSION")))
        }
    }
}
