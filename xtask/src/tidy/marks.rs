//! Marks of unfinished work and of one person's machine, and file names this project does not use.

use super::Exceptions;
use crate::repo::Repo;
use crate::report::{Findings, Result};

/// Whole words that promise work for later. In two halves, so that this file does not hold what it looks for.
const WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
/// Beginnings of absolute paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
const CODE: &[&str] = &["rs", "toml", "sh", "sql", "js", "mjs", "ts", "css", "html", "py", "yml", "yaml"];

pub(super) fn check(repo: &Repo, files: &[String], exceptions: &mut Exceptions, findings: &mut Findings) -> Result<()> {
    for path in files {
        if path.ends_with("/mod.rs") {
            findings.about(path, "modules are `foo.rs` beside `foo/`");
        }
        let Some(text) = repo.text(path)? else {
            continue;
        };
        let marks = if is_code(path) { marks(path, &text) } else { Vec::new() };
        for (measure, hits) in [("marks", marks), ("machine-paths", machine_paths(&text))] {
            if !hits.is_empty() && !exceptions.permits(path, measure, hits.len()) {
                hits.iter().for_each(|(line, message)| findings.at(path, *line, message));
            }
        }
    }
    Ok(())
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_code(path: &str) -> bool {
    CODE.contains(&extension(path)) || path.starts_with("scripts/") || path.starts_with(".ci/")
}

type Hits = Vec<(usize, String)>;

fn marks(path: &str, text: &str) -> Hits {
    let mut needles: Vec<(String, &str)> = Vec::new();
    match extension(path) {
        "rs" => {
            needles.push((["[all", "ow("].concat(), "use `#[expect(lint, reason = …)]`"));
            needles.push((["#[ign", "ore"].concat(), "no test is ignored"));
        }
        "js" | "mjs" | "ts" => needles.push((".only(".to_owned(), "no test is singled out")),
        _ => {}
    }
    let mut hits = Vec::new();
    for (number, line) in numbered(text) {
        for word in WORDS.iter().filter(|word| has_word(line, word)) {
            hits.push((number, format!("`{word}`: do it now or open an issue")));
        }
        for (needle, message) in needles.iter().filter(|(needle, _)| line.contains(needle.as_str())) {
            hits.push((number, format!("`{needle}`: {message}")));
        }
    }
    hits
}

fn machine_paths(text: &str) -> Hits {
    let mut hits = Vec::new();
    for (number, line) in numbered(text) {
        for path in MACHINE_PATHS.iter().filter(|path| begins_a_path(line, path)) {
            hits.push((number, format!("`{path}` is a path of one machine")));
        }
    }
    hits
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn has_word(line: &str, word: &str) -> bool {
    let inner = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.split(|letter| !inner(letter)).any(|part| part == word)
}

/// Whether the needle occurs other than as the middle of a longer path.
fn begins_a_path(line: &str, needle: &str) -> bool {
    let longer = |letter: char| letter.is_alphanumeric() || "_-.~/*}".contains(letter);
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        !before.is_some_and(longer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_marks() {
        let word = WORDS[0];
        assert!(has_word(&format!("// {word}: later"), word));
        assert!(!has_word(&format!("{word}S and un{word}"), word));
    }

    #[test]
    fn a_route_is_not_a_machine_path() {
        let needle = MACHINE_PATHS[1];
        assert!(begins_a_path(&format!("cd {needle}main"), needle));
        assert!(!begins_a_path(&format!("GET /api/v1{needle}next"), needle));
        assert!(!begins_a_path(&format!("..{needle}next"), needle));
    }
}
