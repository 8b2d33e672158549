//! `guildhall explain`

use domain::Code;
use serde_json::json;

use super::Context;
use crate::{
    failure::{Failure, Result, exit},
    markdown,
    output::{self, Form},
};

/// Prints the page of a code, or every code in a line.
pub(super) fn run(context: &Context<'_>, name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return list(context.form) };
    let Some(code) = Code::parse(name) else {
        let near = near(name);
        let hint = if near.is_empty() {
            "`guildhall explain` lists them".to_owned()
        } else {
            format!("did you mean {}? `guildhall explain` lists them all", near.join(", "))
        };
        return Err(Failure::new(exit::NOT_FOUND, format!("there is no error code `{name}`")).hint(hint));
    };
    match context.form {
        Form::Text => output::document(&markdown::plain(code.page())),
        Form::Json => output::json(&json!({
            "code": code.as_str(), "http": code.http(), "exit": code.exit(), "title": code.title(), "page": code.page(),
        })),
    }
}

/// Pairs of letters that follow each other, whatever stands between words.
fn pairs(name: &str) -> Vec<(char, char)> {
    let letters: Vec<char> =
        name.chars().filter(char::is_ascii_alphanumeric).map(|one| one.to_ascii_lowercase()).collect();
    letters.iter().copied().zip(letters.iter().copied().skip(1)).collect()
}

/// At most three codes that share half of their pairs of letters with a name, the nearest first.
fn near(name: &str) -> Vec<&'static str> {
    let wanted = pairs(name);
    let likeness = |code: &Code| {
        let given = pairs(code.as_str());
        let shared = given.iter().filter(|pair| wanted.contains(pair)).count();
        200 * shared / (wanted.len() + given.len()).max(1)
    };
    let mut ranked: Vec<(usize, &str)> = Code::ALL.iter().map(|code| (likeness(code), code.as_str())).collect();
    ranked.retain(|(likeness, _)| *likeness >= 50);
    ranked.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    ranked.into_iter().take(3).map(|(_, code)| code).collect()
}

fn list(form: Form) -> Result<()> {
    match form {
        Form::Text => {
            let rows: Vec<Vec<String>> = Code::ALL
                .iter()
                .map(|code| {
                    vec![code.as_str().to_owned(), code.http().to_string(), code.exit().to_string(), code.title().to_owned()]
                })
                .collect();
            output::table(&["code", "http", "exit", "meaning"], &rows)
        }
        Form::Json => output::json(
            &Code::ALL
                .iter()
                .map(|code| {
                    json!({ "code": code.as_str(), "http": code.http(), "exit": code.exit(), "title": code.title() })
                })
                .collect::<Vec<_>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn a_misspelt_code_is_answered_with_its_neighbours() {
        assert_eq!(near("notfound").first(), Some(&"not_found"));
        assert_eq!(near("rate-limit").first(), Some(&"rate_limited"));
        assert_eq!(near("Quota_Exceded").first(), Some(&"quota_exceeded"));
        assert!(near("zzz").is_empty() && near("").is_empty());
    }
}
