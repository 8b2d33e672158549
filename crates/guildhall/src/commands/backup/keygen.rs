//! `guildhall backup keygen`

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use security::seal::Identity;
use serde_json::json;

use super::super::{Context, one};
use crate::failure::{Failure, Result, exit};

/// Makes an identity file and prints the recipient.
pub(super) fn run(context: &Context<'_>, out: &Path) -> Result<()> {
    let identity = Identity::generate();
    let recipient = identity.recipient();
    let text = security::Secret::new(format!("# public key: {recipient}\n{}\n", identity.text().reveal()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    file.and_then(|mut file| {
        file.write_all(text.reveal().as_bytes())?;
        file.sync_all()
    })
    .map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(exit::ALREADY, format!("{} exists already; nothing was changed", out.display()))
                .hint("name another file with --out")
        }
        _ => Failure::usage(format!("cannot write {}: {error}", out.display())),
    })?;
    one(context.form, &json!({ "recipient": recipient, "file": out }), &recipient)
}
