//! `guildhall config`

use serde_json::json;

use super::Context;
use crate::{
    args::ConfigVerb,
    config::{self, Flags},
    directory::{self, State},
    failure::{Failure, Result, exit},
    output::{self, Form},
    posture,
};

/// Runs the verb; neither needs a server.
pub(super) fn run(context: &Context<'_>, verb: &ConfigVerb) -> Result<()> {
    let directory = context.directory()?;
    let (config, mut findings) = config::load(&directory, context.environment, &Flags::default());
    match verb {
        ConfigVerb::Show => match context.form {
            Form::Json => output::json(&config),
            Form::Text => output::document(&config::shown(&config)),
        },
        ConfigVerb::Check => {
            findings.extend(posture::of_build(&config));
            findings.extend(posture::of_directory(&directory, directory::state(&directory)? != State::Installed));
            if context.form == Form::Json {
                output::json(&json!({ "ok": findings.is_empty(), "findings": findings }))?;
            }
            if findings.is_empty() {
                return if context.form == Form::Text { output::words("nothing is wrong") } else { Ok(()) };
            }
            let hints = findings.iter().filter_map(|finding| finding.hint.clone()).collect();
            let reasons = findings.into_iter().map(|finding| finding.reason).collect();
            Err(Failure { exit: exit::FINDING, reasons, hints })
        }
    }
}
