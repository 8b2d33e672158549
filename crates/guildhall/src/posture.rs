//! What keeps a server from starting: asked at start-up and by `guildhall config check`.

use std::path::Path;

use crate::{
    config::{Config, Finding},
    directory,
    failure::{Failure, Result, exit},
    secrets,
};

/// What is wrong with the build for this configuration.
pub(crate) fn of_build(config: &Config) -> Vec<Finding> {
    let is_loopback = config.server.address().is_some_and(|address| address.ip().to_canonical().is_loopback());
    if cfg!(feature = "conformance-fixtures") && !is_loopback {
        return vec![
            Finding::new("this build carries test fixtures and must not listen beyond loopback")
                .hint("use a release build"),
        ];
    }
    Vec::new()
}

/// What is wrong with the files of a directory: all of them, or before its first run only its configuration.
pub(crate) fn of_directory(directory: &Path, is_new: bool) -> Vec<Finding> {
    if is_new { directory::check_config(directory) } else { of_files(directory) }
}

/// What is wrong with the files of an installation.
fn of_files(directory: &Path) -> Vec<Finding> {
    let mut findings = directory::check(directory);
    findings.extend(secrets::read(directory).err().into_iter().flatten());
    if let Err(failure) = secrets::signing_if_any(directory) {
        findings.extend(failure.reasons.into_iter().map(Finding::new));
    }
    findings
}

/// The secrets of an installation.
///
/// # Errors
/// [`exit::UNSAFE`] when they are not what they must be.
pub(crate) fn secrets(directory: &Path) -> Result<domain::Secrets> {
    secrets::read(directory).map_err(refusal)
}

/// Refuses to start when there is a finding.
///
/// # Errors
/// [`exit::UNSAFE`], one line per finding.
pub(crate) fn refuse(findings: Vec<Finding>) -> Result<()> {
    if findings.is_empty() { Ok(()) } else { Err(refusal(findings)) }
}

/// What a start that is refused says.
pub(crate) fn refusal(findings: Vec<Finding>) -> Failure {
    let mut failure = Failure { exit: exit::UNSAFE, reasons: Vec::new(), hints: Vec::new() };
    for finding in findings {
        failure.reasons.push(format!("refused to start: {}", finding.reason));
        failure.hints.extend(finding.hint.filter(|hint| !failure.hints.contains(hint)));
    }
    failure
}
