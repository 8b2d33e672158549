//! `guildhall call`: any operation of the catalogue.

use bytes::Bytes;
use domain::catalogue;

use super::{Context, given};
use crate::{
    args,
    client::Reply,
    failure::{Failure, Result},
    output::{self, Form},
};

/// Calls an operation and prints its answer.
pub(super) fn run(context: &Context<'_>, call: &args::Call) -> Result<()> {
    if catalogue::by_id(&call.operation).is_none() {
        return Err(Failure::usage(format!("there is no operation `{}`", call.operation))
            .hint("`guildhall reference operations` lists them"));
    }
    let input = given(&call.input)?;
    let client = context.client(call.r#in.workspace.as_deref())?.repeatable(call.idempotency_key.as_deref());
    match (client.call(&call.operation, Bytes::from(input))?, context.form) {
        (Reply::Json(answer), Form::Json) => output::json(&answer),
        (Reply::Json(answer), Form::Text) => output::pretty(&answer),
        (Reply::Text(text), _) => output::document(&text),
        (Reply::Nothing, Form::Json) => output::json(&()),
        (Reply::Nothing, Form::Text) => output::words("done"),
    }
}
