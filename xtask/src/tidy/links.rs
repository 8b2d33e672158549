//! Relative links of Markdown files lead to files, and to headings that are there.

use std::collections::BTreeMap;

use crate::repo::Repo;
use crate::report::{Findings, Result};

pub(super) fn check(repo: &Repo, files: &[String], findings: &mut Findings) -> Result<()> {
    let mut pages = BTreeMap::new();
    for path in files.iter().filter(|path| path.ends_with(".md")) {
        pages.insert(path.as_str(), repo.required(path)?);
    }
    for (path, text) in &pages {
        for (line, link) in links(text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { Some((*path).to_owned()) } else { resolved(path, file) };
            let is_there = target.as_deref().is_some_and(|target| repo.path(target).exists());
            let page = target.as_deref().and_then(|target| pages.get(target));
            if !is_there {
                findings.at(path, line, &format!("the link `{link}` leads nowhere"));
            } else if !heading.is_empty() && !page.is_some_and(|page| has_heading(page, heading)) {
                findings.at(path, line, &format!("the link `{link}` names a heading that is not there"));
            }
        }
    }
    Ok(())
}

/// The relative links of a page with their lines; code is not looked at.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // An odd number of backticks before it: it stands in code.
        for (at, _) in line.match_indices("](") {
            let is_code = line.get(..at).is_some_and(|before| before.matches('`').count() % 2 == 1);
            let link = line.get(at + 2..).and_then(|rest| rest.split_once(')')).map(|(link, _)| link);
            found.extend(link.filter(|link| !is_code && !link.contains(':')).map(|link| (number, link)));
        }
    }
    found
}

/// The lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

/// A link's path relative to the root; none when it leaves the repository.
fn resolved(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn has_heading(page: &str, heading: &str) -> bool {
    prose(page).any(|(_, line)| line.starts_with('#') && anchor(line.trim_start_matches('#')) == heading)
}

/// The anchor that forges make of a heading.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_of_prose_are_followed() {
        let text = "[a](b.md) [`c`](d.md#e) `[f](g)` [h](https://i)\n```md\n[j](k)\n```\n[l](#m)\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e"), (5, "#m")]);
    }

    #[test]
    fn links_begin_where_their_page_lies() {
        assert_eq!(resolved("docs/guide/a.md", "../errors/b.md").as_deref(), Some("docs/errors/b.md"));
        assert_eq!(resolved("a.md", "./docs/").as_deref(), Some("docs"));
        assert_eq!(resolved("a.md", "../b.md"), None);
    }

    #[test]
    fn headings_are_named_as_forges_name_them() {
        assert!(has_heading("# A\n## What the `x` means, or not\n", "what-the-x-means-or-not"));
        assert!(!has_heading("```\n# A\n```\n", "a"));
    }
}
