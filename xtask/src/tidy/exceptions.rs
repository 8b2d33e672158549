//! The checked-in list of what is allowed to be over a limit. It may only shrink.

use crate::repo::Repo;
use crate::report::{Findings, Result};

const PATH: &str = "xtask/tidy-exceptions.txt";

pub(super) struct Exceptions(Vec<Entry>);

struct Entry {
    line: usize,
    path: String,
    measure: String,
    allowed: usize,
    actual: usize,
}

impl Exceptions {
    pub(super) fn read(repo: &Repo) -> Result<Self> {
        Self::parse(&repo.required(PATH)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, entry)| Entry::parse(line, entry))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Whether a measured value over its limit is on the list.
    pub(super) fn permits(&mut self, path: &str, measure: &str, actual: usize) -> bool {
        let entry = self.0.iter_mut().find(|entry| entry.path == path && entry.measure == measure);
        entry.is_some_and(|entry| {
            entry.actual = entry.actual.max(actual);
            actual <= entry.allowed
        })
    }

    /// Entries that are larger than needed, or not needed at all.
    pub(super) fn must_shrink(&self, findings: &mut Findings) {
        for entry in self.0.iter().filter(|entry| entry.actual < entry.allowed) {
            let what = format!("{} {}", entry.path, entry.measure);
            match entry.actual {
                0 => findings.at(PATH, entry.line, &format!("`{what}` is no longer needed: delete the line")),
                actual => findings.at(PATH, entry.line, &format!("`{what}` is now {actual}: lower it")),
            }
        }
    }
}

impl Entry {
    fn parse(line: usize, entry: &str) -> Result<Self> {
        let parts: Vec<_> = entry.split_whitespace().collect();
        let [path, measure, allowed] = parts.as_slice() else {
            return Err(format!("{PATH}:{line}: expected `path measure value`"));
        };
        let allowed = allowed.parse().map_err(|_| format!("{PATH}:{line}: `{allowed}` is not a number"))?;
        Ok(Self { line, path: (*path).to_owned(), measure: (*measure).to_owned(), allowed, actual: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_may_only_shrink() {
        let mut list = Exceptions::parse("# why\na.rs lines 600\nb.rs fn:run 70\nc.rs lines 501\n").unwrap();
        assert!(list.permits("a.rs", "lines", 600));
        assert!(!list.permits("a.rs", "lines", 601));
        assert!(list.permits("b.rs", "fn:run", 65));
        assert!(!list.permits("d.rs", "lines", 501));
        let mut findings = Findings::default();
        list.must_shrink(&mut findings);
        assert_eq!(
            findings.lines(),
            [
                "xtask/tidy-exceptions.txt:3: `b.rs fn:run` is now 65: lower it",
                "xtask/tidy-exceptions.txt:4: `c.rs lines` is no longer needed: delete the line",
            ]
        );
    }
}
