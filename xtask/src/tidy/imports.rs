//! Which crate of the workspace may depend on which. A wrong import is then a compile error.

use serde_json::Value;

use crate::repo::Repo;
use crate::report::{Findings, Result};

/// Each crate, and those it may name. `testkit` is open to every crate's tests and to nothing else.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("security", &["types"]),
    ("store", &["types"]),
    ("search", &["types"]),
    ("domain", &["types", "security", "store", "search"]),
    ("server", &["types", "domain"]),
    ("guildhall", &["types", "security", "store", "search", "domain", "server", "fixtures"]),
    ("fixtures", &["server"]),
    ("testkit", &["types", "security", "store", "search", "domain", "server"]),
    ("xtask", &[]),
];

pub(super) fn check(repo: &Repo, findings: &mut Findings) -> Result<()> {
    let metadata = repo.output("cargo", &["metadata", "--no-deps", "--format-version", "1", "--offline"])?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        let Some((_, allowed)) = MAY_NAME.iter().find(|(known, _)| *known == name) else {
            findings.about(name, "is not in the table of import directions (xtask/src/tidy/imports.rs)");
            continue;
        };
        for dependency in list(package, "dependencies").iter().filter(|entry| entry.get("path").is_some()) {
            let (target, kind) = (text(dependency, "name"), text(dependency, "kind"));
            if !may_name(allowed, target, kind) {
                findings.about(name, &format!("may not depend on {target}"));
            }
        }
    }
    Ok(())
}

fn may_name(allowed: &[&str], target: &str, kind: &str) -> bool {
    allowed.contains(&target) || (target == "testkit" && kind == "dev")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn testkit_is_for_tests_only() {
        assert!(may_name(&["types"], "testkit", "dev"));
        assert!(!may_name(&["types"], "testkit", ""));
        assert!(!may_name(&["types", "domain"], "store", ""));
    }
}
