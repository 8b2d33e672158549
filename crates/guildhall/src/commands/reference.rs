//! `guildhall reference`: what is rendered from the catalogue and from the command line.

use domain::reference::{self, Form};

use crate::{args::Page, failure::Result, manual, output};

/// Prints a page.
pub(super) fn run(page: Page) -> Result<()> {
    output::document(&match page {
        Page::Openapi => reference::openapi(),
        Page::Operations => reference::operations(),
        Page::McpTools => reference::mcp_tools(),
        Page::Permissions => reference::permissions(),
        Page::Cli => manual::markdown(),
        Page::Docs => reference::docs(Form::Alone),
    })
}
