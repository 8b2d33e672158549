//! `cargo xtask soak`: the model of memories (`crates/server/tests/model`) in release, over more cases than CI takes and
//! over others every time. Prints the seed, cases, commands and seconds; the same seed gives the same cases again.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::process::Command;

use crate::repo::Repo;
use crate::report::{Outcome, Result, say};

const CASES: u32 = 10_000;
/// Durability is tested elsewhere: in memory a case takes a tenth of the time.
const IN_MEMORY: &str = "/dev/shm";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    cases: u32,
    seed: u64,
}

/// Runs the model and says whether a history was found that the product and the model see differently.
pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let options = Options::parse(arguments)?;
    say(&format!("soak of {} cases; to run them again: cargo xtask soak {}", options.cases, options.again()));
    let mut command = Command::new("cargo");
    command
        .args(["test", "--release", "--package", "server", "--test", "model", "--", "--nocapture"])
        .env("GUILDHALL_SOAK", format!("{}:{}", options.cases, options.seed))
        .current_dir(repo.root());
    if Path::new(IN_MEMORY).is_dir() {
        command.env("TMPDIR", IN_MEMORY);
    }
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        return Ok(Outcome::Clean);
    }
    say(&format!("the soak failed; to run it again: cargo xtask soak {}", options.again()));
    Ok(Outcome::Findings)
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { cases: CASES, seed: RandomState::new().hash_one(CASES) };
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--cases" => options.cases = number(argument, rest.next())?,
                "--seed" => options.seed = number(argument, rest.next())?,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        if options.cases == 0 {
            return Err("--cases: at least one is needed".to_owned());
        }
        Ok(options)
    }

    fn again(&self) -> String {
        format!("--cases {} --seed {}", self.cases, self.seed)
    }
}

fn number<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<T> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("{name} needs a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_soak_can_be_run_again() {
        let once = parse("--cases 7").unwrap();
        assert_eq!(parse(&once.again()).unwrap(), once);
        assert_eq!(parse("").unwrap().cases, 10_000);
        for wrong in ["--cases", "--cases x", "--cases 0", "--seed -1", "--more 1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
