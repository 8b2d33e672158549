//! `guildhall doctor`: what is wrong with this installation, and how to mend it.

use domain::ops::doctor::{Finding, Severity, Status};
use serde_json::json;
use types::{Clock as _, SystemClock};

use super::Context;
use crate::{
    directory::{self, State},
    doctor,
    failure::{Failure, Result, exit},
    output::{self, Form, counted},
};

/// Runs every check; fails when one found an error or could not run.
pub(super) fn run(context: &Context<'_>) -> Result<()> {
    let directory = context.directory()?;
    if directory::state(&directory)? != State::Installed {
        return Err(Failure::new(exit::NOT_FOUND, format!("{} holds no installation", directory.display()))
            .hint("`guildhall up` makes one, or name its directory with --data"));
    }
    let checked_at = SystemClock.now();
    let findings = doctor::examine(&directory, context.environment, &SystemClock)?;
    let count = Count::of(&findings);
    match context.form {
        Form::Json => {
            output::json(&json!({ "ok": count.is_sound(), "checked_at": checked_at, "findings": findings }))?;
        }
        Form::Text => {
            findings.iter().try_for_each(print)?;
            output::data(&count.line())?;
        }
    }
    if count.is_sound() {
        return Ok(());
    }
    let found = format!("{} found an error, {} could not run", counted(count.errors, "check"), count.unknown);
    Err(Failure::new(exit::FINDING, found).hint("each finding says under `fix` what to do"))
}

fn print(finding: &Finding) -> Result<()> {
    let word = match (finding.status, finding.severity) {
        (Status::Pass, _) => "pass",
        (Status::Unknown, _) => "unknown",
        (Status::Fail, Severity::Error) => "error",
        (Status::Fail, Severity::Warn) => "warning",
        (Status::Fail, Severity::Info) => "note",
    };
    output::data(&format!("{word:<8} {:<20} {}", finding.id, finding.observed))?;
    if finding.status == Status::Pass {
        return Ok(());
    }
    output::data(&format!("{:<8} why: {}", "", finding.why))?;
    match &finding.fix {
        Some(fix) => output::data(&format!("{:<8} fix: {fix}", "")),
        None => Ok(()),
    }
}

/// How many checks ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    passed: usize,
    warnings: usize,
    errors: usize,
    unknown: usize,
    notes: usize,
}

impl Count {
    fn of(findings: &[Finding]) -> Self {
        let mut count = Self { all: findings.len(), ..Self::default() };
        for finding in findings {
            *match (finding.status, finding.severity) {
                (Status::Pass, _) => &mut count.passed,
                (Status::Unknown, _) => &mut count.unknown,
                (Status::Fail, Severity::Error) => &mut count.errors,
                (Status::Fail, Severity::Warn) => &mut count.warnings,
                (Status::Fail, Severity::Info) => &mut count.notes,
            } += 1;
        }
        count
    }

    const fn is_sound(&self) -> bool {
        self.errors == 0 && self.unknown == 0
    }

    fn line(&self) -> String {
        let Self { all, passed, warnings, errors, unknown, notes } = self;
        let (all, warnings) = (counted(*all, "check"), counted(*warnings, "warning"));
        let line = format!("{all}: {passed} passed, {warnings}, {}, {unknown} unknown", counted(*errors, "error"));
        if *notes == 0 { line } else { format!("{line}, {}", counted(*notes, "note")) }
    }
}

#[cfg(test)]
mod tests {
    use domain::ops::doctor::{Check, Seen};

    use super::*;

    #[test]
    fn every_finding_is_counted_once_and_only_errors_and_unknowns_fail() {
        let check = |severity| Check { id: "x", severity, why: "y" };
        let bad = |severity| check(severity).found(Seen::Bad(String::new(), String::new()));
        let good = check(Severity::Error).found(Seen::Good(String::new()));
        let mild = Count::of(&[good.clone(), bad(Severity::Warn), bad(Severity::Info)]);
        assert_eq!(mild.line(), "3 checks: 1 passed, 1 warning, 0 errors, 0 unknown, 1 note");
        assert!(mild.is_sound());
        assert!(!Count::of(&[good.clone(), bad(Severity::Error)]).is_sound());
        let unknown = Count::of(&[good, check(Severity::Info).unknown("", "")]);
        assert_eq!(unknown.line(), "2 checks: 1 passed, 0 warnings, 0 errors, 1 unknown");
        assert!(!unknown.is_sound());
    }
}
