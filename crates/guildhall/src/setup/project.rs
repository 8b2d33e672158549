//! The project in which the command runs: its directory, and the label that its memories carry.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest label that a memory takes.
const LONGEST_LABEL: usize = 255;
/// A git configuration is short; more of it is not looked at.
const LARGEST_CONFIG: usize = 1 << 20;

/// The root of the git repository around a directory, or without one the directory itself.
pub(crate) fn root(directory: &Path) -> PathBuf {
    directory.ancestors().find(|path| path.join(".git").exists()).unwrap_or(directory).to_owned()
}

/// The label: the repository's name in the URL of `origin`, otherwise the root's own name. Only letters, digits and
/// `-`, `_`, `.` are left of either, because the label becomes part of a text that agents read.
pub(crate) fn label(root: &Path) -> Option<String> {
    let named = origin(root).and_then(|url| repository(&url));
    named.or_else(|| clean(&root.file_name()?.to_string_lossy()))
}

/// The URL of the remote `origin`.
fn origin(root: &Path) -> Option<String> {
    let text = fs::read_to_string(git_directory(root)?.join("config")).ok()?;
    if text.len() > LARGEST_CONFIG {
        return None;
    }
    let mut is_origin = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_origin = line.replace(' ', "") == "[remote\"origin\"]";
        } else if is_origin
            && let Some((name, url)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case("url")
        {
            return Some(url.trim().trim_matches('"').to_owned());
        }
    }
    None
}

/// Where git keeps the repository's configuration: of a worktree or a submodule `.git` is a file that says so.
fn git_directory(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    let directory = root.join(text.strip_prefix("gitdir:")?.trim());
    let common = fs::read_to_string(directory.join("commondir")).ok();
    Some(common.map_or_else(|| directory.clone(), |common| directory.join(common.trim())))
}

/// The last part of a URL or a path.
fn repository(url: &str) -> Option<String> {
    let last = url.trim_end_matches('/').rsplit(['/', ':']).next()?;
    clean(last.strip_suffix(".git").unwrap_or(last))
}

fn clean(name: &str) -> Option<String> {
    let sound = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let label: String = name.chars().map(sound).take(LONGEST_LABEL).collect();
    let label = label.trim_matches('-').to_owned();
    (!label.is_empty()).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_with(config: &str) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("my project");
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::write(root.join(".git/config"), config).unwrap();
        label(&root)
    }

    #[test]
    fn a_label_is_the_repositorys_name() {
        for (url, wanted) in [
            ("git@example.org:team/guild-hall.git", "guild-hall"),
            ("https://example.org/team/hall.js/", "hall.js"),
            ("/srv/git/thing.git", "thing"),
            ("https://example.org/x/a`b\u{202e}c\".git", "a-b-c"),
        ] {
            let config = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n");
            assert_eq!(label_with(&config).as_deref(), Some(wanted), "{url}");
        }
        let other = "[remote \"upstream\"]\n\turl = https://example.org/x/y.git\n";
        assert_eq!(label_with(other).as_deref(), Some("my-project"));
        assert_eq!(label_with("[remote \"origin\"]\n\turl = ///\n").as_deref(), Some("my-project"));
    }

    #[test]
    fn a_worktree_has_the_label_of_its_repository() {
        let directory = tempfile::tempdir().unwrap();
        let (main, tree) = (directory.path().join("main"), directory.path().join("tree"));
        let own = main.join(".git/worktrees/tree");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir(&tree).unwrap();
        fs::write(main.join(".git/config"), "[remote \"origin\"]\nurl = https://example.org/a/hall.git\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(tree.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        fs::create_dir(tree.join("deep")).unwrap();
        assert_eq!(root(&tree.join("deep")), tree);
        assert_eq!(label(&tree).as_deref(), Some("hall"));
    }
}
