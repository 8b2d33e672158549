//! The public suite: installed by npm, run by node, its results read from what it prints and writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::repo::Repo;
use crate::report::{Outcome, Result, say};

const PACKAGE: &str = "@modelcontextprotocol/conformance";
const VERSIONS: &str = "scripts/versions";

/// An installed suite.
pub(super) struct Suite {
    node: PathBuf,
    package: PathBuf,
}

/// What a run requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revision {
    Modern,
    Legacy,
}

/// How a scenario went: checks passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
}

impl Revision {
    const fn date(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy => "2025-11-25",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}

impl Suite {
    /// The suite in the `node_modules` of a folder.
    pub(super) fn installed(folder: &Path, node: Option<&str>) -> Result<Self> {
        let modules = folder.join("node_modules");
        let node = node.map_or_else(|| modules.join("node/bin/node"), PathBuf::from);
        let suite = Self { node, package: modules.join(PACKAGE) };
        for needed in [&suite.node, &suite.script()] {
            if !needed.is_file() {
                return Err(format!("the suite is not installed: there is no {}", needed.display()));
            }
        }
        Ok(suite)
    }

    /// The suite in a folder, installed there when it is missing or another version.
    pub(super) fn install(repo: &Repo, folder: &Path, node: Option<&str>) -> Result<Self> {
        let versions = repo.required(VERSIONS)?;
        let suite_version = version(&versions, "MCP_CONFORMANCE")?;
        if let Ok(suite) = Self::installed(folder, node)
            && suite.version().as_deref() == Some(suite_version)
        {
            return Ok(suite);
        }
        let prefix = folder.to_str().ok_or("the target directory's name is not UTF-8")?;
        let packages = [format!("node@{}", version(&versions, "NODE")?), format!("{PACKAGE}@{suite_version}")];
        let mut arguments = vec!["install", "--prefix", prefix, "--no-audit", "--no-fund", "--loglevel", "error"];
        arguments.extend(packages.iter().map(String::as_str));
        repo.output("npm", &arguments)?;
        Self::installed(folder, node)
    }

    fn script(&self) -> PathBuf {
        self.package.join("dist/index.js")
    }

    fn version(&self) -> Option<String> {
        let package = fs::read_to_string(self.package.join("package.json")).ok()?;
        let package: Value = serde_json::from_str(&package).ok()?;
        package.get("version").and_then(Value::as_str).map(str::to_owned)
    }

    /// Runs every server scenario of a revision and prints a line for each required one that did not pass.
    pub(super) fn run(&self, url: &str, revision: Revision, folder: &Path) -> Result<Outcome> {
        let required = self.required(revision)?;
        let results = folder.join(revision.folder());
        if results.exists() {
            fs::remove_dir_all(&results).map_err(|error| format!("cannot clear {}: {error}", results.display()))?;
        }
        let done = Command::new(&self.node)
            .arg(self.script())
            .args(["server", "--url", url, "--requirements", revision.date(), "-o"])
            .arg(&results)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.node.display()))?;
        let printed = String::from_utf8_lossy(&done.stdout);
        let log = folder.join(format!("{}.log", revision.folder()));
        fs::write(&log, [&*done.stdout, &*done.stderr].concat())
            .map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let ran = scenarios(&printed);
        let mut failed = 0_usize;
        for name in &required {
            if let Some(line) = complaint(name, ran.get(name.as_str()), &results) {
                say(&line);
                failed += 1;
            }
        }
        say(&format!("{}: {} passed, {failed} failed", revision.date(), required.len() - failed));
        if failed == 0 && !done.status.success() {
            return Err(format!("the suite itself failed ({}); see {}", done.status, log.display()));
        }
        Ok(if failed == 0 { Outcome::Clean } else { Outcome::Findings })
    }

    /// The server scenarios that the suite says the revision requires.
    fn required(&self, revision: Revision) -> Result<Vec<String>> {
        let path = self.package.join(format!("requirements/{}.yaml", revision.date()));
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let names = listed(&text, "server:");
        if names.is_empty() { Err(format!("{} lists no server scenario", path.display())) } else { Ok(names) }
    }
}

/// The value of a `NAME=value` line.
fn version<'a>(versions: &'a str, name: &str) -> Result<&'a str> {
    let found = versions.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.ok_or_else(|| format!("{VERSIONS} does not set {name}"))
}

/// The plain items of a top-level list in a YAML file.
fn listed(text: &str, heading: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let block = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    block.filter_map(|line| line.trim().strip_prefix("- ")).map(|name| name.trim().to_owned()).collect()
}

/// What the suite printed: `✓ NAME: 2 passed, 0 failed`.
fn scenarios(printed: &str) -> BTreeMap<&str, Counts> {
    printed.lines().filter_map(scenario).collect()
}

fn scenario(line: &str) -> Option<(&str, Counts)> {
    let (name, counts) = line.trim().strip_prefix(['✓', '✗'])?.trim_start().split_once(": ")?;
    let (passed, failed) = counts.split_once(" passed, ")?;
    let failed = failed.split(" failed").next()?;
    Some((name, Counts { passed: passed.parse().ok()?, failed: failed.parse().ok()? }))
}

/// Why a required scenario does not count as passed.
fn complaint(name: &str, counts: Option<&Counts>, results: &Path) -> Option<String> {
    match counts {
        None => Some(format!("FAILED  {name}: did not run")),
        Some(Counts { passed: 0, failed: 0 }) => Some(format!("SKIPPED {name}: no check ran")),
        Some(Counts { failed: 0, .. }) => None,
        Some(Counts { failed, .. }) => {
            let reasons = reasons(name, results).join("; ");
            Some(format!("FAILED  {name}: {failed} failed: {reasons}"))
        }
    }
}

/// What the failed checks of a scenario say, from `server-NAME-TIME/checks.json`.
fn reasons(name: &str, results: &Path) -> Vec<String> {
    let prefix = format!("server-{name}-2");
    let folders = fs::read_dir(results).into_iter().flatten().flatten();
    let ours = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    let texts = ours.filter_map(|entry| fs::read_to_string(entry.path().join("checks.json")).ok());
    let checks = texts.filter_map(|text| serde_json::from_str::<Vec<Value>>(&text).ok()).flatten();
    let text = |check: &Value, member: &str| check.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    checks
        .filter(|check| text(check, "status") == "FAILURE")
        .map(|check| format!("{} ({})", text(&check, "id"), text(&check, "errorMessage")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_counts_only_when_a_check_passed_and_none_failed() {
        let printed = "✓ a: 2 passed, 0 failed\n✗ b: 1 passed, 3 failed\n✓ c: 0 passed, 0 failed\n\nTotal: 3 passed, 3 failed\n  ✗ b (extension)\n";
        let ran = scenarios(printed);
        let verdict = |name: &str| complaint(name, ran.get(name), Path::new("nowhere"));
        assert_eq!(ran.len(), 3);
        assert_eq!(verdict("a"), None);
        assert!(verdict("b").unwrap().starts_with("FAILED"));
        assert!(verdict("c").unwrap().starts_with("SKIPPED"));
        assert!(verdict("d").unwrap().contains("did not run"));
    }

    #[test]
    fn only_the_server_list_is_required() {
        let text = "# why\nserver:\n  - a\n  # note\n  - b\n\nclient:\n  - c\nnot_scored:\n  server:\n    - d\n";
        assert_eq!(listed(text, "server:"), ["a", "b"]);
    }

    #[test]
    fn versions_are_read_by_their_whole_name() {
        assert_eq!(version("XNODE=1\nNODE=24.1.0\n", "NODE"), Ok("24.1.0"));
        assert!(version("NODE=1", "MCP_CONFORMANCE").is_err());
    }
}
