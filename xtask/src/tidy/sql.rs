//! SQL: only in `store`, one statement per constant, parameters numbered as SQLite binds them.

use std::collections::BTreeMap;

use super::Production;
use crate::report::Findings;
use crate::source::{Extent, Text};

const HOME: &str = "crates/store/";
const STATEMENTS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
/// Beginnings that are SQL and not an HTTP method or an English word in capitals.
const FOREIGN: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE INDEX ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

pub(super) fn check(production: &[Production], findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for file in production.iter().filter(|file| file.path.starts_with("crates/")) {
        for text in &file.source.texts {
            let sql = one_line(&text.value);
            let at_home = file.path.starts_with(HOME);
            if !at_home && is_foreign(&sql) {
                findings.at(&file.path, text.line, "SQL outside store: only store names SQL");
            }
            if at_home && text.extent != Extent::Part && is_statement(&sql) {
                let place = format!("{}:{}", file.path, text.line);
                for message in faults(text, &sql) {
                    findings.at(&file.path, text.line, &message);
                }
                if let Some(first) = seen.insert(sql, place) {
                    findings.at(&file.path, text.line, &format!("the same statement stands at {first}"));
                }
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_statement(sql: &str) -> bool {
    sql.split_once(' ').is_some_and(|(first, _)| STATEMENTS.contains(&first))
}

fn is_foreign(sql: &str) -> bool {
    let starts = FOREIGN.iter().any(|start| sql.starts_with(start));
    let update = sql.starts_with("UPDATE ") && sql.contains(" SET ");
    let with = sql.starts_with("WITH ") && sql.contains(" AS (");
    starts || update || with
}

fn faults(text: &Text, sql: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.extent == Extent::Unreadable {
        faults.push("cannot be read: compose it of literals and of macros of the same file".to_owned());
    }
    if !text.in_constant {
        faults.push("a statement belongs in a constant of its own".to_owned());
    }
    let bare = without_quoted(sql);
    let stars = ["SELECT *", "SELECT DISTINCT *", "RETURNING *", ".*"];
    if stars.iter().any(|star| bare.contains(star)) {
        faults.push("name the columns instead of `*`".to_owned());
    }
    if bare.trim_end().trim_end_matches(';').contains(';') {
        faults.push("more than one statement in a constant".to_owned());
    }
    if bare.contains('?') {
        faults.push("parameters are written `$1`, `$2`, …".to_owned());
    }
    faults.extend(misnumbered(&bare));
    faults
}

/// The statement with everything between single or double quotes removed.
fn without_quoted(sql: &str) -> String {
    let mut open = None;
    let kept = sql.chars().filter(|letter| match (open, letter) {
        (None, '\'' | '"') => {
            open = Some(*letter);
            false
        }
        (None, _) => true,
        (Some(quote), letter) => {
            if quote == *letter {
                open = None;
            }
            false
        }
    });
    kept.collect()
}

/// SQLite binds `$n` by order of first appearance, so a new number has to be the next one.
fn misnumbered(bare: &str) -> Option<String> {
    let mut highest = 0;
    for part in bare.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse::<usize>() else {
            return Some("`$` without a number".to_owned());
        };
        if number == 0 || number > highest + 1 {
            return Some(format!("`${number}` appears where `${}` should", highest + 1));
        }
        highest = highest.max(number);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(sql: &str) -> Vec<String> {
        let text = Text { value: sql.to_owned(), line: 1, in_constant: true, extent: Extent::Whole };
        faults(&text, sql)
    }

    #[test]
    fn parameters_appear_in_order() {
        assert!(faults_of("SELECT a FROM t WHERE b = $1 AND c = $2 AND d = $1 AND e = '$9?;'").is_empty());
        assert_eq!(faults_of("SELECT a FROM t WHERE b = $2 AND c = $1"), ["`$2` appears where `$1` should"]);
        assert_eq!(faults_of("SELECT a FROM t WHERE b = $1 AND c = $3"), ["`$3` appears where `$2` should"]);
        assert_eq!(faults_of("SELECT a FROM t WHERE b = ?"), ["parameters are written `$1`, `$2`, …"]);
    }

    #[test]
    fn one_statement_with_named_columns() {
        assert!(faults_of("SELECT COUNT(*) FROM t;").is_empty());
        assert_eq!(faults_of("SELECT * FROM t"), ["name the columns instead of `*`"]);
        assert_eq!(faults_of("SELECT t.* FROM t"), ["name the columns instead of `*`"]);
        assert_eq!(faults_of("DELETE FROM a; DELETE FROM b"), ["more than one statement in a constant"]);
    }

    #[test]
    fn prose_and_methods_are_not_sql() {
        for prose in ["DELETE", "UPDATE failed", "WITH care", "select a model", "DELETE /api/v1/memories"] {
            assert!(!is_foreign(prose), "{prose}");
        }
        for sql in ["SELECT 1", "UPDATE t SET a = 1", "WITH a AS (SELECT 1) SELECT 2"] {
            assert!(is_foreign(sql), "{sql}");
        }
    }
}
