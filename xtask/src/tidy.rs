//! `cargo xtask tidy`: the rules of this project that no compiler and no linter checks.

mod exceptions;
mod imports;
mod links;
mod marks;
mod pins;
mod sizes;
mod sql;

use std::collections::BTreeSet;

use crate::contract;
use crate::repo::Repo;
use crate::report::{Findings, Outcome, Result, say};
use crate::source::{self, Source};
use exceptions::Exceptions;

/// A Rust file of the repository that is not a test.
struct Production {
    path: String,
    source: Source,
}

pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let with_missing = match arguments {
        [] => false,
        [flag] if flag == "--missing" => true,
        _ => return Err("usage: cargo xtask tidy [--missing]".to_owned()),
    };
    let files = repo.files()?;
    let mut findings = Findings::default();
    let mut exceptions = Exceptions::read(repo)?;

    let production = production(repo, &files, &mut findings)?;
    sizes::check(&production, &mut exceptions, &mut findings);
    sql::check(&production, &mut findings);
    marks::check(repo, &files, &mut exceptions, &mut findings)?;
    imports::check(repo, &mut findings)?;
    pins::check(repo, &mut findings)?;
    links::check(repo, &files, &mut findings)?;
    globs(&production, &mut findings);
    contract::check(repo, &files, with_missing, &mut findings)?;
    exceptions.must_shrink(&mut findings);

    let outcome = findings.outcome();
    if outcome == Outcome::Clean {
        say("tidy: nothing found");
    }
    Ok(outcome)
}

/// Parses every Rust file that is not a test.
fn production(repo: &Repo, files: &[String], findings: &mut Findings) -> Result<Vec<Production>> {
    let mut parsed: Vec<Production> = Vec::new();
    let mut tests = BTreeSet::new();
    for path in files.iter().filter(|path| is_rust(path) && !is_test_path(path)) {
        // Files come sorted, so that a parent's stands before its children's.
        let parent = path.rsplit_once('/').map(|(folder, _)| format!("{folder}.rs"));
        let inherited = parsed.iter().rev().find(|file| Some(&file.path) == parent.as_ref());
        let inherited = inherited.map(|file| file.source.macros.clone()).unwrap_or_default();
        match source::parse(&repo.required(path)?, inherited) {
            Ok(source) => {
                let modules = source.test_modules.iter();
                tests.extend(modules.map(|module| child(path, module)));
                parsed.push(Production { path: path.clone(), source });
            }
            Err(error) => findings.about(path, &format!("does not parse: {error}")),
        }
    }
    parsed.retain(|file| {
        let stem = file.path.trim_end_matches(".rs");
        !tests.iter().any(|test| stem == test || stem.strip_prefix(test).is_some_and(|rest| rest.starts_with('/')))
    });
    Ok(parsed)
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// The store's promises, which each engine's tests include.
const CONFORMANCE: &str = "crates/store/src/conformance";

/// Whether a file is a test by where it lies.
fn is_test_path(path: &str) -> bool {
    let in_folder = |name: &str| path.starts_with(&format!("{name}/")) || path.contains(&format!("/{name}/"));
    ["tests", "benches", "fuzz"].into_iter().any(in_folder)
        || path.ends_with("/tests.rs")
        || path.strip_prefix(CONFORMANCE).is_some_and(|rest| rest.starts_with(['.', '/']))
}

/// The path, without `.rs`, of a module declared in a file.
fn child(path: &str, module: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" => format!("{folder}/{module}"),
        _ => format!("{folder}/{}/{module}", file.trim_end_matches(".rs")),
    }
}

fn globs(production: &[Production], findings: &mut Findings) {
    for file in production {
        for line in &file.source.glob_lines {
            findings.at(&file.path, *line, "glob import outside tests: name what is used");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_lie_beside_lib_and_below_others() {
        assert_eq!(child("crates/a/src/lib.rs", "tests"), "crates/a/src/tests");
        assert_eq!(child("crates/a/src/b.rs", "checks"), "crates/a/src/b/checks");
    }

    #[test]
    fn test_folders_are_tests() {
        assert!(is_test_path("crates/a/tests/b.rs"));
        assert!(is_test_path("fuzz/targets/a.rs"));
        assert!(is_test_path("crates/store/src/conformance/groups.rs"));
        assert!(!is_test_path("crates/testkit/src/app.rs"));
    }
}
