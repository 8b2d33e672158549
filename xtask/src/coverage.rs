//! `cargo xtask coverage FILE`: line coverage per crate, held against the floors in CONTRIBUTING.md.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::repo::Repo;
use crate::report::{Findings, Outcome, Result, say};

const FLOORS: &str = "CONTRIBUTING.md";
const MARKER: &str = "<!-- coverage floors -->";

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    covered: u64,
    total: u64,
}

impl Lines {
    /// In tenths of a percent, rounded down; a crate without lines is fully covered.
    fn permille(self) -> u64 {
        (self.covered * 1000).checked_div(self.total).unwrap_or(1000)
    }
}

/// `FILE` is what `cargo llvm-cov report --json --summary-only` writes.
pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let [file] = arguments else {
        return Err("usage: cargo xtask coverage FILE".to_owned());
    };
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let report = serde_json::from_str(&text).map_err(|error| format!("{file} is not JSON: {error}"))?;
    let measured = per_crate(&report, &repo.root().to_string_lossy())?;
    let floors = floors(&repo.required(FLOORS)?)?;
    Ok(compare(&measured, &floors).outcome())
}

fn compare(measured: &BTreeMap<String, Lines>, floors: &BTreeMap<String, u64>) -> Findings {
    let mut findings = Findings::default();
    say("crate       lines  covered %  floor %");
    for (name, lines) in measured {
        let permille = lines.permille();
        let percent = format!("{}.{}", permille / 10, permille % 10);
        let floor = floors.get(name).copied();
        let shown = floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string());
        say(&format!("{name:<10} {:>6} {percent:>10} {shown:>8}", lines.total));
        match floor {
            None => findings.about(FLOORS, &format!("{name} has no coverage floor")),
            Some(floor) if permille < floor * 10 => {
                findings.about(name, &format!("line coverage {percent} % is below its floor {floor} %"));
            }
            Some(_) => {}
        }
    }
    for name in floors.keys().filter(|name| !measured.contains_key(*name)) {
        findings.about(name, "has a coverage floor and was not measured");
    }
    findings
}

fn per_crate(report: &Value, root: &str) -> Result<BTreeMap<String, Lines>> {
    let files = report
        .pointer("/data/0/files")
        .and_then(Value::as_array)
        .ok_or("the coverage report holds no /data/0/files")?;
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in files {
        let path = file.get("filename").and_then(Value::as_str).unwrap_or_default();
        let relative = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
        let Some((name, _)) = relative.strip_prefix("crates/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        let number = |key: &str| file.pointer(&format!("/summary/lines/{key}")).and_then(Value::as_u64);
        let (Some(covered), Some(total)) = (number("covered"), number("count")) else {
            return Err(format!("the coverage report has no line counts for {relative}"));
        };
        let lines = crates.entry(name.to_owned()).or_default();
        lines.covered += covered;
        lines.total += total;
    }
    Ok(crates)
}

/// Rows `| crate | floor % |` between two markers.
fn floors(text: &str) -> Result<BTreeMap<String, u64>> {
    let table =
        text.split(MARKER).nth(1).ok_or_else(|| format!("{FLOORS} has no table between two `{MARKER}` lines"))?;
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        match cells.as_slice() {
            ["", name, floor, ""] => {
                let number = floor.trim_end_matches('%').trim().parse();
                let number = number.map_err(|_| format!("{FLOORS}: the floor of {name} is not a whole number"))?;
                Ok(((*name).to_owned(), number))
            }
            _ => Err(format!("{FLOORS}: `{row}` is not `| crate | floor % |`")),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "x\n<!-- coverage floors -->\n| crate | floor % |\n|---|---:|\n| `store` | 90 |\n| types | 85 |\n<!-- coverage floors -->\n";

    fn report(covered: u64) -> Value {
        let line = |path: &str, count: u64, covered: u64| serde_json::json!({"filename": path, "summary": {"lines": {"count": count, "covered": covered}}});
        let files = [
            line("/r/crates/store/src/a.rs", 50, covered),
            line("/r/crates/store/src/b.rs", 50, 50),
            line("/r/xtask/src/main.rs", 9, 0),
        ];
        serde_json::json!({"data": [{"files": files}]})
    }

    #[test]
    fn files_add_up_to_crates() {
        let measured = per_crate(&report(39), "/r").unwrap();
        assert_eq!(measured["store"], Lines { covered: 89, total: 100 });
        assert_eq!(measured.len(), 1);
    }

    #[test]
    fn a_crate_below_its_floor_or_unmeasured_is_found() {
        let floors = floors(TABLE).unwrap();
        let found = compare(&per_crate(&report(39), "/r").unwrap(), &floors);
        assert_eq!(
            found.lines(),
            ["store: line coverage 89.0 % is below its floor 90 %", "types: has a coverage floor and was not measured"]
        );
        let found = compare(&per_crate(&report(40), "/r").unwrap(), &floors);
        assert_eq!(found.lines().len(), 1);
    }

    #[test]
    fn a_missing_table_is_an_error() {
        assert!(floors("no table").is_err());
    }
}
