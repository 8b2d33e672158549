//! The compiler's version stands in `scripts/versions`; what cannot read it there must say the same.

use crate::repo::Repo;
use crate::report::{Findings, Result};

const VERSIONS: &str = "scripts/versions";
const CONTAINER: &str = "deploy/Containerfile";

pub(super) fn check(repo: &Repo, findings: &mut Findings) -> Result<()> {
    let versions = repo.required(VERSIONS)?;
    let container = repo.required(CONTAINER)?;
    findings_of(&versions, &container).into_iter().for_each(|message| findings.about(CONTAINER, &message));
    Ok(())
}

fn findings_of(versions: &str, container: &str) -> Option<String> {
    let pinned = value(versions, "RUST=");
    let used = value(container, "ARG RUST=");
    match (pinned, used) {
        (Some(pinned), Some(used)) if pinned == used => None,
        (pinned, used) => Some(format!(
            "builds with Rust {}, but {VERSIONS} has {}",
            used.unwrap_or("of no version"),
            pinned.unwrap_or("none")
        )),
    }
}

/// What follows the name at the beginning of a line.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_of_the_compiler() {
        assert_eq!(findings_of("# x\nRUST=1.2.3\n", "# x\nARG RUST=1.2.3\nFROM x\n"), None);
        for container in ["ARG RUST=1.2.4\n", "ARG RUST=\n", "FROM rust\n"] {
            assert!(findings_of("RUST=1.2.3\n", container).is_some(), "{container}");
        }
        assert!(findings_of("", "").is_some());
    }
}
