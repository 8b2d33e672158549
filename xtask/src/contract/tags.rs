//! Reads test functions and their `// contract: memory §8.12, mcp §8.3` tags out of a Rust file, line by line, so that
//! tests inside macros count too.

use super::index::Key;

const TAG: &str = "// contract:";

#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Names of the test functions.
    pub(super) tests: Vec<String>,
    pub(super) tags: Vec<(usize, Key)>,
    pub(super) faults: Vec<(usize, String)>,
}

/// What stands above a function: its attributes, comments and tags.
#[derive(Default)]
struct Above {
    is_test: bool,
    tags: Vec<(usize, Key)>,
}

/// A tag stands among the attributes of a test function, or inside its body.
pub(super) fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let mut above = Above::default();
    let mut in_attribute = false;
    let mut test_end: Option<String> = None;
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        let code = line.trim();
        if let Some(tag) = code.strip_prefix(TAG) {
            match keys(tag) {
                Ok(keys) if test_end.is_some() => scan.tags.extend(keys.into_iter().map(|key| (number, key))),
                Ok(keys) => above.tags.extend(keys.into_iter().map(|key| (number, key))),
                Err(message) => scan.faults.push((number, message)),
            }
            continue;
        }
        if test_end.as_deref() == Some(line) {
            test_end = None;
            continue;
        }
        if in_attribute || code.starts_with("#[") {
            above.is_test |= is_test_attribute(code);
            in_attribute = !code.ends_with(']');
            continue;
        }
        if code.starts_with("//") {
            continue;
        }
        let above = std::mem::take(&mut above);
        match function_name(code) {
            Some(name) if above.is_test => {
                scan.tests.push(name.to_owned());
                scan.tags.extend(above.tags);
                let indent = line.split_once(code).map_or("", |(indent, _)| indent);
                test_end = (!code.ends_with('}')).then(|| format!("{indent}}}"));
            }
            _ => {
                let stray = above.tags.into_iter();
                scan.faults.extend(stray.map(|(line, key)| (line, format!("the tag {key} is not on a test"))));
            }
        }
    }
    scan
}

fn is_test_attribute(code: &str) -> bool {
    let path: String = code
        .trim_start_matches("#[")
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_' || *letter == ':')
        .collect();
    code.starts_with("#[") && path.rsplit("::").next() == Some("test")
}

fn function_name(code: &str) -> Option<&str> {
    let mut rest = code;
    loop {
        if let Some(named) = rest.strip_prefix("fn ") {
            return named.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
        }
        let (word, after) = rest.split_once(' ')?;
        if !["pub", "pub(crate)", "pub(super)", "async", "const"].contains(&word) {
            return None;
        }
        rest = after;
    }
}

/// `memory §8.12, §8.13, mcp §8.3`: an area holds until the next one.
fn keys(tag: &str) -> Result<Vec<Key>, String> {
    let wrong = || format!("`{TAG}{tag}` is not `{TAG} AREA §SECTION.NUMBER`");
    let mut area = "";
    let mut keys = Vec::new();
    for part in tag.split(',') {
        let (named, place) = part.trim().split_once('§').ok_or_else(wrong)?;
        if !named.trim().is_empty() {
            area = named.trim();
        }
        let (section, entry) = place.trim().rsplit_once('.').ok_or_else(wrong)?;
        let is_number = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_digit());
        if area.is_empty() || section.is_empty() || !is_number {
            return Err(wrong());
        }
        keys.push(Key { area: area.to_owned(), section: section.to_owned(), entry: entry.to_owned() });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scan: &Scan) -> Vec<String> {
        scan.tags.iter().map(|(line, key)| format!("{line} {key}")).collect()
    }

    #[test]
    fn tags_belong_to_tests() {
        let text = "/// Words.\n    // contract: memory §8.12, §8.13\n    #[tokio::test(\n        start_paused = true\n    )]\n    \
                    async fn it_works() {\n        // contract: mcp §8.3\n        body();\n    }\n\n\
                    // contract: memory §8.1\nfn helper() {}\n// contract: memory 8.1\n";
        let scan = scan(text);
        assert_eq!(scan.tests, ["it_works"]);
        assert_eq!(shown(&scan), ["2 memory §8.12", "2 memory §8.13", "7 mcp §8.3"]);
        let lines: Vec<_> = scan.faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [11, 13]);
    }
}
