//! `guildhall completions SHELL`

use clap_complete::Shell;

use crate::{failure::Result, manual, output};

/// Prints the script.
pub(super) fn run(shell: Shell) -> Result<()> {
    output::file(&manual::completions(shell))
}
