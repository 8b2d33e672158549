//! A page of our Markdown as text for a terminal: headings at the margin, what stands under them indented and wrapped.

/// Longest line in characters.
const WIDTH: usize = 80;
const MARGIN: &str = "  ";

/// The page in lines of at most 80 characters; code stays as it is.
pub(crate) fn plain(page: &str) -> String {
    let mut shown = Shown::default();
    let mut is_code = false;
    for line in page.lines() {
        if line.starts_with("```") {
            shown.end_block();
            is_code = !is_code;
        } else if is_code {
            shown.push(&format!("{MARGIN}{line}"));
        } else if line.trim().is_empty() {
            shown.end_block();
        } else if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
            shown.end_block();
            shown.push(heading);
        } else if line.starts_with('|') {
            shown.row(line);
        } else {
            shown.words(line);
        }
    }
    shown.end_block();
    shown.text
}

/// What is written, and the paragraph, list item or row that is being read.
#[derive(Default)]
struct Shown {
    text: String,
    open: String,
    /// Whether an empty line is due before the next one.
    is_apart: bool,
}

impl Shown {
    fn push(&mut self, line: &str) {
        if std::mem::take(&mut self.is_apart) && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A line of a paragraph, or the beginning of a list item.
    fn words(&mut self, line: &str) {
        if mark(line) > 0 {
            self.end_item();
        } else if !self.open.is_empty() {
            self.open.push(' ');
        }
        self.open.push_str(line.trim());
    }

    /// A row of a table as a list item; the line under the head says nothing.
    fn row(&mut self, line: &str) {
        self.end_item();
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !cells.iter().all(|cell| cell.chars().all(|one| matches!(one, '-' | ':'))) {
            self.open = format!("- {}", cells.join("; "));
        }
    }

    fn end_block(&mut self) {
        self.end_item();
        self.is_apart = true;
    }

    fn end_item(&mut self) {
        let item = std::mem::take(&mut self.open);
        let hanging = format!("{MARGIN}{}", " ".repeat(mark(&item)));
        let mut line = MARGIN.to_owned();
        let mut is_empty = true;
        for word in item.split_whitespace() {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.push(&std::mem::replace(&mut line, hanging.clone()));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        if !is_empty {
            self.push(&line);
        }
    }
}

/// Characters of the mark that begins a list item, with its space; 0 when it is none.
fn mark(line: &str) -> usize {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    if line.starts_with("- ") {
        2
    } else if digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(". ")) {
        digits + 2
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn headings_paragraphs_lists_tables_and_code_are_told_apart() {
        let page = "# code\n\nHTTP 400\n\n## What to do\n\nA sentence that is long enough to go over the end of a line of\neighty characters, twice.\n\n\
            1. One that is long enough as well, so that what follows hangs under its first word.\n2. Two\n\n\
            | a | b |\n|---|---|\n| `x` | y |\n\n```json\n{\n  \"a\": 1\n}\n```\n";
        let shown = "code\n\n  HTTP 400\n\nWhat to do\n\n  A sentence that is long enough to go over the end of a line of eighty\n  characters, twice.\n\n\
            \x20 1. One that is long enough as well, so that what follows hangs under its first\n     word.\n  2. Two\n\n\
            \x20 - a; b\n  - `x`; y\n\n  {\n    \"a\": 1\n  }\n";
        assert_eq!(plain(page), shown);
    }
}
