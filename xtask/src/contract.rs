//! The contracts' acceptance examples and regression names, and which of them have a test.

mod index;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use crate::repo::Repo;
use crate::report::{Findings, Result, say};
pub(crate) use index::{INDEX, index_text};
use index::{Item, Key};

pub(crate) const FLOORS: &str = "xtask/contract-floor.txt";

/// Per area: how many items it has, and how many of them a test names.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    covered: usize,
    total: usize,
}

/// Where the contracts lie while developing; a clone may come without them.
pub(crate) const SHARED: &str = "../shared/contract";

pub(crate) fn check(repo: &Repo, files: &[String], with_missing: bool, findings: &mut Findings) -> Result<()> {
    let items = index::read(repo)?;
    let covered = covered(repo, files, &items, findings)?;
    let floors = read_floors(repo)?;
    say("contract coverage (examples and regression names with a test)");
    for (area, count) in counts(&items, &covered) {
        let floor = floors.get(&area).copied().unwrap_or(0);
        say(&format!("  {area:<10} {:>3}/{:<3} floor {floor}", count.covered, count.total));
        if count.covered < floor {
            let message = format!("{area} has {} covered items, its floor is {floor}", count.covered);
            findings.about(FLOORS, &message);
        }
    }
    if with_missing {
        let texts = index::texts(&repo.path(SHARED))?;
        for item in items.iter().filter(|item| !covered.contains(&item.key)) {
            let text = texts.get(&item.key).map_or("", String::as_str);
            say(format!("missing {}  {text}", item.key).trim_end());
        }
    }
    Ok(())
}

/// The floors, each raised to what is covered now.
pub(crate) fn raised_floors(repo: &Repo) -> Result<String> {
    let items = index::read(repo)?;
    let covered = covered(repo, &repo.files()?, &items, &mut Findings::default())?;
    let floors = read_floors(repo)?;
    let lines = counts(&items, &covered).into_iter().map(|(area, count)| {
        let floor = floors.get(&area).copied().unwrap_or(0).max(count.covered);
        format!("{area} {floor}\n")
    });
    let heading = "# Covered examples and regression names per area; only grows. `cargo xtask gen floors` raises it.\n";
    Ok(std::iter::once(heading.to_owned()).chain(lines).collect())
}

fn covered(repo: &Repo, files: &[String], items: &[Item], findings: &mut Findings) -> Result<BTreeSet<Key>> {
    let known: BTreeSet<&Key> = items.iter().map(|item| &item.key).collect();
    let mut covered = BTreeSet::new();
    let mut names = BTreeSet::new();
    for path in files.iter().filter(|path| path.starts_with("crates/") && path.ends_with(".rs")) {
        let scan = tags::scan(&repo.required(path)?);
        for (line, message) in &scan.faults {
            findings.at(path, *line, message);
        }
        for (line, key) in scan.tags {
            if known.contains(&key) {
                covered.insert(key);
            } else {
                findings.at(path, line, &format!("no contract has an example {key}"));
            }
        }
        names.extend(scan.tests);
    }
    let named = items.iter().filter(|item| names.contains(&item.key.entry));
    covered.extend(named.map(|item| item.key.clone()));
    Ok(covered)
}

fn counts(items: &[Item], covered: &BTreeSet<Key>) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for item in items {
        let count = counts.entry(item.key.area.clone()).or_default();
        count.total += 1;
        count.covered += usize::from(covered.contains(&item.key));
    }
    counts
}

fn read_floors(repo: &Repo) -> Result<BTreeMap<String, usize>> {
    let text = repo.required(FLOORS)?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (area, floor) = line.split_once(' ').unwrap_or((line, ""));
            let floor = floor.parse().map_err(|_| format!("{FLOORS}: `{line}` is not `area number`"))?;
            Ok((area.to_owned(), floor))
        })
        .collect()
}
