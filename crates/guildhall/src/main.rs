//! The binary: reads flags, environment and configuration, puts the crates together, and prints.
//!
//! Holds no rule of the product. Start at `commands/up.rs` for the server, `client.rs` for every other command,
//! `config.rs` for what can be set, `installation.rs` for the first run.

mod archive;
mod args;
mod client;
mod commands;
mod compose;
mod config;
mod directory;
mod doctor;
mod environment;
mod exchange;
mod failure;
mod installation;
mod interrupt;
mod log;
mod machine;
mod manual;
mod markdown;
mod mcp;
mod notify;
mod operator;
mod output;
mod posture;
mod proof;
mod resolve;
mod secrets;
mod serving;
mod setup;
mod transfer;
mod welcome;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, environment::Environment, failure::exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => return usage(&refused),
    };
    harden();
    match commands::run(&Environment::read(), cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

/// Help and version are data; a mistake is words.
fn usage(refused: &clap::Error) -> ExitCode {
    let text = refused.render().to_string();
    let printed = if refused.use_stderr() { output::say(&text) } else { output::document(&text) };
    match (printed, refused.use_stderr()) {
        (Err(failure), _) => ExitCode::from(failure.exit),
        (Ok(()), true) => ExitCode::from(exit::USAGE),
        (Ok(()), false) => ExitCode::SUCCESS,
    }
}

/// What this process makes is its owner's alone, and its memory, which holds keys, is never dumped.
fn harden() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    // Lowering one's own limit does not fail; if it did there would be nothing better to do than to go on.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}
