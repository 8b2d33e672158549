//! `guildhall explain`

use domain::Code;
use serde_json::json;

use super::Context;
use crate::{
    failure::{Failure, Result, exit},
    output::{self, Form},
};

/// Prints the page of a code, or every code in a line.
pub(super) fn run(context: &Context<'_>, name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return list(context.form) };
    let Some(code) = Code::parse(name) else {
        return Err(Failure::new(exit::NOT_FOUND, format!("there is no error code `{name}`"))
            .hint("`guildhall explain` lists them"));
    };
    match context.form {
        Form::Text => output::document(code.page()),
        Form::Json => output::json(&json!({
            "code": code.as_str(), "http": code.http(), "exit": code.exit(), "title": code.title(), "page": code.page(),
        })),
    }
}

fn list(form: Form) -> Result<()> {
    match form {
        Form::Text => {
            let rows: Vec<Vec<String>> = Code::ALL
                .iter()
                .map(|code| {
                    vec![code.as_str().to_owned(), code.http().to_string(), code.exit().to_string(), code.title().to_owned()]
                })
                .collect();
            output::table(&["code", "http", "exit", "meaning"], &rows)
        }
        Form::Json => output::json(
            &Code::ALL
                .iter()
                .map(|code| {
                    json!({ "code": code.as_str(), "http": code.http(), "exit": code.exit(), "title": code.title() })
                })
                .collect::<Vec<_>>(),
        ),
    }
}
