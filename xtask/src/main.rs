//! Project chores: `cargo xtask COMMAND`. Nothing here ships.
//!
//! Each command is a module with a `run(&Repo, &[String]) -> Result<Outcome>`; add one by adding a line to [`COMMANDS`].

mod bench;
mod conformance;
mod contract;
mod coverage;
mod generate;
mod repo;
mod report;
mod soak;
mod source;
mod tidy;

use std::process::ExitCode;

use repo::Repo;
use report::{Outcome, Result, say};

struct Command {
    name: &'static str,
    usage: &'static str,
    run: fn(&Repo, &[String]) -> Result<Outcome>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "bench",
        usage: "bench [--quick] [--save] [--sizes 1000,…,1000000] [--only calls,sizes,public,sweeper] [--binaries DIR]",
        run: bench::run,
    },
    Command {
        name: "tidy",
        usage: "tidy [--missing]                  check sizes, SQL, marks, imports and contract coverage",
        run: tidy::run,
    },
    Command {
        name: "gen",
        usage: "gen [references|contract-index|floors] [--check] [--from DIR] [--binary FILE]",
        run: generate::run,
    },
    Command {
        name: "coverage",
        usage: "coverage FILE                     compare an llvm-cov JSON summary with the floors",
        run: coverage::run,
    },
    Command {
        name: "conformance",
        usage: "conformance [--suite DIR] [--node FILE] [--binary FILE] [--legacy]",
        run: conformance::run,
    },
    Command {
        name: "conformance-proxy",
        usage: "conformance-proxy --listen ADDR --to ADDR --key-from FILE [--toolsets LIST]",
        run: conformance::run_proxy,
    },
    Command {
        name: "soak",
        usage: "soak [--cases 10000] [--seed N]   run the model of memories over more and other histories",
        run: soak::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<Outcome> {
    let (name, rest) = arguments.split_first().ok_or_else(usage)?;
    let command = COMMANDS.iter().find(|command| command.name == name).ok_or_else(usage)?;
    (command.run)(&Repo::open()?, rest)
}

fn usage() -> String {
    let lines: Vec<_> = COMMANDS.iter().map(|command| format!("  cargo xtask {}", command.usage)).collect();
    format!("a command is needed, one of\n{}", lines.join("\n"))
}
