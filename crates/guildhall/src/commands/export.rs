//! `guildhall export`: asks the server for page after page and puts the lines into files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use domain::transfer::guildhall::content_digest;
use security::digest::{Running, hex};
use serde_json::{Value, json};
use types::{Clock as _, SystemClock};

use super::{Context, Input, cell};
use crate::{
    args::{self, Format},
    client::Client,
    failure::{Failure, Result, exit},
    output::{self, Form},
    transfer::{
        graph::Graph,
        manifest::{self, Manifest, Named},
        whole::{self, Whole},
    },
};

/// Memories of one call.
const PAGE: u32 = 200;

/// Runs the export.
pub(super) fn run(context: &Context<'_>, export: &args::Export) -> Result<()> {
    let client = context.client(export.r#in.workspace.as_deref())?;
    let is_stdout = export.path == Path::new("-");
    let (rows, content) = match (export.format, is_stdout) {
        (Format::Guildhall, true) => {
            return Err(Failure::usage("an export for Guildhall is a directory and does not fit into a pipe")
                .hint("name a new directory, or another --format"));
        }
        (Format::Guildhall, false) => {
            let manifest = directory(&client, export)?;
            let count = manifest.counts.get(manifest::NOUN).copied().unwrap_or(0);
            (count, manifest.content_sha256.get(manifest::NOUN).cloned())
        }
        (_, true) => return lines(&client, export, |text| output::file(&format!("{text}\n"))).map(drop),
        (_, false) => (file(&client, export)?, None),
    };
    match context.form {
        Form::Json => output::json(&json!({
            "path": export.path, "format": export.format.as_str(), "memories": rows, "content_sha256": content,
        })),
        Form::Text => output::data(&format!("exported {rows} memories to {}", export.path.display())),
    }
}

/// Asks for every page; how many memories there were.
fn pages(client: &Client, export: &args::Export, mut take: impl FnMut(&str) -> Result<()>) -> Result<u64> {
    let (mut cursor, mut rows) = (None, 0);
    loop {
        let is_first = cursor.is_none();
        let wanted = Input::default()
            .with("format", export.format.as_str())
            .with("all", export.all)
            .with("limit", PAGE)
            .maybe("cursor", cursor);
        let page = client.json("export.run", &wanted.value())?;
        let lines = page.get("lines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for line in lines {
            take(line.as_str().unwrap_or_default())?;
        }
        let heading = u64::from(is_first && matches!(export.format, Format::Csv | Format::Markdown));
        rows += u64::try_from(lines.len()).unwrap_or(0).saturating_sub(heading);
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

/// The lines of a format that is one file.
fn lines(client: &Client, export: &args::Export, mut take: impl FnMut(&str) -> Result<()>) -> Result<u64> {
    if export.format != Format::McpMemory {
        return pages(client, export, take);
    }
    let mut graph = Graph::default();
    let rows = pages(client, export, |line| {
        graph.add(line);
        Ok(())
    })?;
    graph.lines().try_for_each(|line| take(&line))?;
    Ok(rows)
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::internal("cannot write the export", error).hint("look whether the disk is full; nothing was left behind")
}

fn synced(file: BufWriter<File>) -> Result<()> {
    file.into_inner().map_err(|error| unwritten(error.into_error()))?.sync_all().map_err(unwritten)
}

fn file(client: &Client, export: &args::Export) -> Result<u64> {
    let (whole, file) = Whole::file(&export.path)?;
    let mut file = BufWriter::new(file);
    // A table's rows end as its standard says.
    let end = if export.format == Format::Csv { "\r\n" } else { "\n" };
    let rows = lines(client, export, |text| write!(file, "{text}{end}").map_err(unwritten))?;
    synced(file)?;
    whole.finish()?;
    Ok(rows)
}

/// What is gathered of the rows for the manifest: a digest of each, and the names.
#[derive(Default)]
struct Gathered {
    digests: Vec<String>,
    owners: BTreeMap<String, String>,
    teams: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, line: &str) {
        let row: Value = serde_json::from_str(line).unwrap_or_default();
        self.digests.extend(content_digest(line));
        self.owners.insert(cell(&row, "/owner"), cell(&row, "/owner_name"));
        let granted = row.get("grants").and_then(Value::as_array).into_iter().flatten();
        let named = granted.map(|grant| cell(grant, "/grantee")).chain([cell(&row, "/team_id")]);
        self.teams.extend(named.filter(|id| id.parse::<types::TeamId>().is_ok()));
    }

    fn content(&mut self) -> String {
        self.digests.sort_unstable();
        let mut sha256 = Running::new();
        for digest in &self.digests {
            sha256.update(digest.as_bytes());
        }
        hex(&sha256.finish())
    }
}

fn directory(client: &Client, export: &args::Export) -> Result<Manifest> {
    let whole = Whole::directory(&export.path)?;
    let me = client.json("auth.whoami", &json!({}))?;
    let mut manifest = Manifest::new(SystemClock.now().to_string(), cell(&me, "/workspace"));
    let mut gathered = Gathered::default();
    let mut sha256 = Running::new();
    let mut file = BufWriter::new(whole::create(&whole.making().join(manifest::MEMORIES))?);
    let rows = pages(client, export, |line| {
        gathered.add(line);
        sha256.update(line.as_bytes());
        sha256.update(b"\n");
        writeln!(file, "{line}").map_err(unwritten)
    })?;
    synced(file)?;
    manifest.counts.insert(manifest::NOUN.to_owned(), rows);
    manifest.sha256.insert(manifest::MEMORIES.to_owned(), hex(&sha256.finish()));
    manifest.content_sha256.insert(manifest::NOUN.to_owned(), gathered.content());
    manifest.owners = gathered.owners.into_iter().map(|(id, name)| Named { id, name }).collect();
    for id in gathered.teams {
        match client.json("team.get", &json!({ "id": id })) {
            Ok(team) => manifest.teams.push(Named { id, name: cell(&team, "/name") }),
            // A team that was deleted has no name any more.
            Err(failure) if failure.exit == exit::NOT_FOUND => {}
            Err(failure) => return Err(failure),
        }
    }
    let text =
        serde_json::to_string_pretty(&manifest).map_err(|error| Failure::internal("cannot write JSON", error))?;
    let mut file = BufWriter::new(whole::create(&whole.making().join(manifest::FILE))?);
    writeln!(file, "{text}").map_err(unwritten)?;
    synced(file)?;
    whole.finish()?;
    Ok(manifest)
}
