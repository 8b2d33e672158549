//! The guides name what there is.

use domain::Code;

use crate::binary::{directory, run};

const TROUBLESHOOTING: &str = include_str!("../../../../docs/guide/troubleshooting.md");

#[test]
fn troubleshooting_names_every_error_code_and_leads_to_its_page() {
    let missing = |code: &&Code| !TROUBLESHOOTING.contains(&format!("[`{0}`](../errors/{0}.md)", code.as_str()));
    let missing: Vec<_> = Code::ALL.iter().filter(missing).map(|code| code.as_str()).collect();
    assert_eq!(missing, [""; 0], "docs/guide/troubleshooting.md has no line for these codes");
}

#[test]
fn troubleshooting_names_every_exit_code() {
    let (_parent, data) = directory();
    let reference = run(&data, &["reference", "cli"]).stdout;
    let codes = rows(section(&reference, "Exit codes"));
    assert_eq!(codes.len(), 10, "{codes:?}");
    assert_eq!(rows(section(TROUBLESHOOTING, "By exit code")), codes);
}

/// What stands under a heading, whatever its level, up to the next.
fn section<'t>(page: &'t str, heading: &str) -> &'t str {
    let (_, rest) = page.split_once(&format!("# {heading}\n")).unwrap();
    rest.split_once("\n#").map_or(rest, |(section, _)| section)
}

/// The numbers with which a table's rows begin.
fn rows(section: &str) -> Vec<u8> {
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.filter_map(|cell| cell.trim_matches('`').parse().ok()).collect()
}
