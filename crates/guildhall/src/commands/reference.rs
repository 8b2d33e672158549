//! `guildhall reference`: what is rendered from the catalogue.

use domain::reference::{self, Form};

use crate::{args::Page, failure::Result, output};

/// Prints a page.
pub(super) fn run(page: Page) -> Result<()> {
    output::document(&match page {
        Page::Openapi => reference::openapi(),
        Page::Operations => reference::operations(),
        Page::McpTools => reference::mcp_tools(),
        Page::Permissions => reference::permissions(),
        Page::Docs => reference::docs(Form::Alone),
    })
}
