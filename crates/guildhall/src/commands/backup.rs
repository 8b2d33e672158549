//! `guildhall backup`

use serde_json::json;

use super::Context;
use crate::{
    archive::header,
    args::BackupVerb,
    failure::Result,
    output::{self, Form},
};

mod create;
mod keygen;
mod verify;

pub(super) use self::verify::signer;

/// The folder of the data directory that copies are made in, and that is listed when no other is named.
const FOLDER: &str = domain::backups::FOLDER;

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, verb: BackupVerb) -> Result<()> {
    match verb {
        BackupVerb::Create { out, passphrase_file, recipients } => {
            create::run(context, &out, (passphrase_file.as_deref(), &recipients))
        }
        BackupVerb::List { folder } => {
            let folder = match folder {
                Some(folder) => folder,
                None => context.directory()?.join(FOLDER),
            };
            list(context.form, &header::list(&folder)?)
        }
        BackupVerb::Verify { file, opener } => verify::run(context, &file, &opener),
        BackupVerb::Keygen { out } => keygen::run(context, &out),
    }
}

fn list(form: Form, listed: &[header::Listed]) -> Result<()> {
    if form == Form::Json {
        let items = listed.iter().map(|one| {
            json!({
                "id": one.header.id, "created_at": one.header.created_at, "size_bytes": one.size_bytes,
                "schema": one.header.schema, "product": one.header.product, "instance": one.header.instance,
                "file": one.path,
            })
        });
        return output::json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|one| {
            vec![
                one.header.id.to_string(),
                one.header.created_at.to_string(),
                one.size_bytes.to_string(),
                one.header.schema.to_string(),
                one.header.instance.clone(),
                one.path.display().to_string(),
            ]
        })
        .collect();
    output::table(&["id", "time", "bytes", "schema", "installation", "file"], &rows)
}
