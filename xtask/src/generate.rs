//! `cargo xtask gen`: files made from the program or from the contracts, checked in and compared in CI.

use crate::contract;
use crate::repo::Repo;
use crate::report::{Outcome, Result, say};

/// What `guildhall reference TOPIC` prints, and the file that holds it.
const REFERENCES: &[(&str, &str)] = &[
    ("openapi", "docs/reference/openapi.json"),
    ("operations", "docs/reference/operations.md"),
    ("mcp-tools", "docs/reference/mcp-tools.json"),
    ("permissions", "docs/reference/permissions.md"),
    ("cli", "docs/reference/cli.md"),
];

#[derive(Debug, Default)]
struct Options<'a> {
    topic: Option<&'a str>,
    is_check: bool,
    /// Folder of the contracts, when it is not beside the repository.
    from: Option<&'a str>,
    /// A built `guildhall`; without one, `cargo run` builds it.
    binary: Option<&'a str>,
}

struct Generated {
    path: &'static str,
    text: String,
}

pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let options = Options::parse(arguments)?;
    let files = match options.topic {
        None => {
            let mut files = references(repo, &options)?;
            files.extend(contract_index(repo, &options)?);
            files
        }
        Some("references") => references(repo, &options)?,
        Some("contract-index") => {
            vec![contract_index(repo, &options)?.ok_or("no folder of contracts: name it with --from")?]
        }
        Some("floors") => vec![Generated { path: contract::FLOORS, text: contract::raised_floors(repo)? }],
        Some(topic) => return Err(format!("nothing is generated under the name `{topic}`")),
    };
    let mut outcome = Outcome::Clean;
    for file in files {
        if repo.path(file.path).is_file() && repo.required(file.path)? == file.text {
            continue;
        }
        if options.is_check {
            say(&format!("{}: is not what `cargo xtask gen` makes", file.path));
            outcome = Outcome::Findings;
        } else {
            repo.write(file.path, &file.text)?;
            say(&format!("wrote {}", file.path));
        }
    }
    Ok(outcome)
}

impl<'a> Options<'a> {
    fn parse(arguments: &'a [String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--check" => options.is_check = true,
                "--from" => options.from = Some(rest.next().ok_or("--from needs a folder")?),
                "--binary" => options.binary = Some(rest.next().ok_or("--binary needs a file")?),
                topic if !topic.starts_with('-') && options.topic.is_none() => options.topic = Some(topic),
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        Ok(options)
    }
}

fn references(repo: &Repo, options: &Options<'_>) -> Result<Vec<Generated>> {
    let (program, leading): (&str, &[&str]) = match options.binary {
        Some(binary) => (binary, &[]),
        None => ("cargo", &["run", "--quiet", "--package", "guildhall", "--"]),
    };
    REFERENCES
        .iter()
        .map(|(topic, path)| {
            let arguments = [leading, &["reference", *topic]].concat();
            let text = repo.output(program, &arguments)?;
            Ok(Generated { path, text })
        })
        .collect()
}

/// Nothing in a clone that lies alone: the checked-in index then stands for the contracts.
fn contract_index(repo: &Repo, options: &Options<'_>) -> Result<Option<Generated>> {
    let folder = repo.path(options.from.unwrap_or(contract::SHARED));
    if options.from.is_none() && !folder.is_dir() {
        return Ok(None);
    }
    let text = contract::index_text(&folder)?;
    Ok(Some(Generated { path: contract::INDEX, text }))
}
