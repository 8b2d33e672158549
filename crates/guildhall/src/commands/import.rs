//! `guildhall import`: reads a file piece by piece and hands its lines to the server, which knows what they mean.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Input, cell};
use crate::{
    args::{self, Access, Source},
    client::Client,
    failure::{Failure, Result, exit},
    output::{self, Form},
    resolve,
    transfer::{
        chunks::{Chunk, Chunks},
        manifest,
    },
};

/// Rejected rows that the JSON answer holds.
const MOST_ERRORS: usize = 1_000;
/// Between two words on how far it is.
const PROGRESS: Duration = Duration::from_secs(1);
const COUNTS: [&str; 6] = ["read", "created", "updated", "unchanged", "skipped", "rejected"];

/// What a map says of one source.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Mapped {
    owner: Option<String>,
    access: Option<Access>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Map {
    mcp_memory: Mapped,
    guildhall: Mapped,
}

/// Runs the import.
pub(super) fn run(context: &Context<'_>, import: args::Import) -> Result<()> {
    let mapped = mapped(&import)?;
    let (reader, file_sha256) = opened(&import)?;
    let client = context.client(import.r#in.workspace.as_deref())?;
    let owner = import.owner.clone().or(mapped.owner);
    let owner = owner.map(|owner| resolve::principal(&client, &owner)).transpose()?;
    let access = import.access.or(mapped.access);
    let mut progress = Progress::new(import.dry_run);
    let mut chunks = Chunks::new(reader);
    loop {
        let (chunk, is_last) =
            chunks.next().map_err(|error| Failure::usage(format!("cannot read {}: {error}", import.path.display())))?;
        let input = Input::default()
            .with("source", import.source.as_str())
            .with("on_conflict", import.on_conflict.as_str())
            .with("dry_run", import.dry_run)
            .with("last", is_last)
            .maybe("owner", owner.as_deref())
            .maybe("access", access.map(Access::as_str))
            .maybe("file_sha256", file_sha256.as_deref());
        progress.send(&client, input, chunk)?;
        if is_last || progress.state == "failed" {
            break;
        }
    }
    let is_private = owner.is_none() && access.is_none() && import.source == Source::McpMemory;
    progress.end(context.form, &import, is_private)
}

fn mapped(import: &args::Import) -> Result<Mapped> {
    let Some(path) = &import.map else { return Ok(Mapped::default()) };
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot read the map {}: {error}", path.display()))
            .hint("it holds `owner = \"NAME\"` and `access = \"public\"` under `[mcp-memory]` or `[guildhall]`")
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let map: Map = toml::from_str(&text).map_err(|error| wrong(&error))?;
    Ok(match import.source {
        Source::McpMemory => map.mcp_memory,
        Source::Guildhall => map.guildhall,
    })
}

/// What is to be read, and its SHA-256 where it can be read twice.
fn opened(import: &args::Import) -> Result<(Box<dyn BufRead>, Option<String>)> {
    let path: PathBuf = match import.source {
        Source::McpMemory if import.path == Path::new("-") => return Ok((Box::new(io::stdin().lock()), None)),
        Source::McpMemory => import.path.clone(),
        Source::Guildhall => import.path.join(manifest::MEMORIES),
    };
    let unreadable = |error: io::Error| {
        Failure::usage(format!("cannot read {}: {error}", path.display())).hint("name a file that you may read")
    };
    let file_sha256 = match import.source {
        Source::Guildhall => Some(manifest::verify(&import.path)?),
        // A pipe can be read only once.
        Source::McpMemory if !fs::metadata(&path).map_err(unreadable)?.is_file() => None,
        Source::McpMemory => Some(manifest::sha256_of_file(&path).map_err(unreadable)?),
    };
    let file = File::open(&path).map_err(unreadable)?;
    Ok((Box::new(BufReader::with_capacity(64 << 10, file)), file_sha256))
}

/// How far the import is.
struct Progress {
    is_dry: bool,
    job: Option<String>,
    state: String,
    counts: Value,
    errors: Vec<Value>,
    said: Instant,
}

impl Progress {
    fn new(is_dry: bool) -> Self {
        let counts = COUNTS.iter().map(|name| ((*name).to_owned(), Value::from(0))).collect();
        Self { is_dry, job: None, state: String::new(), counts, errors: Vec::new(), said: Instant::now() }
    }

    fn count(&self, name: &str) -> i64 {
        self.counts.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    fn send(&mut self, client: &Client, input: Input, chunk: Chunk) -> Result<()> {
        let input = input
            .with("text", chunk.text)
            .with("first_line", chunk.first_line)
            .with("unreadable", chunk.unreadable)
            .maybe("job_id", self.job.as_deref());
        let answer = client.json("import.run", &input.value()).map_err(|failure| self.cut_off(failure))?;
        self.job = answer.get("id").and_then(Value::as_str).map(str::to_owned);
        self.state = cell(&answer, "/state");
        for name in COUNTS {
            let counted = answer.pointer(&format!("/counts/{name}")).and_then(Value::as_i64).unwrap_or(0);
            // A job counts for itself; a dry run has none.
            let sum = if self.is_dry { self.count(name) + counted } else { counted };
            if let Some(count) = self.counts.get_mut(name) {
                *count = sum.into();
            }
        }
        for error in answer.get("errors").and_then(Value::as_array).into_iter().flatten() {
            self.tell(error)?;
        }
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            output::words(&format!("{} rows read, {} created", self.count("read"), self.count("created")))?;
        }
        Ok(())
    }

    fn tell(&mut self, error: &Value) -> Result<()> {
        let field = match error.get("field").and_then(Value::as_str) {
            Some(field) => format!("{field}: "),
            None => String::new(),
        };
        let (line, code, message) = (cell(error, "/line"), cell(error, "/code"), cell(error, "/message"));
        output::words(&format!("line {line}: {code}: {field}{message}"))?;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error.clone());
        }
        Ok(())
    }

    fn cut_off(&self, failure: Failure) -> Failure {
        if self.job.is_none() {
            return failure;
        }
        failure.hint(format!(
            "{} rows were read before that; run the same command again, and only the rest is created",
            self.count("read")
        ))
    }

    fn end(self, form: Form, import: &args::Import, is_private: bool) -> Result<()> {
        match form {
            Form::Json => output::json(&json!({
                "job_id": self.job, "source": import.source.as_str(), "state": self.state, "dry_run": self.is_dry,
                "counts": self.counts, "errors": self.errors,
            }))?,
            Form::Text => {
                let counts: Vec<String> = COUNTS.iter().map(|name| format!("{name} {}", self.count(name))).collect();
                output::data(&counts.join(", "))?;
                if self.is_dry {
                    output::words("nothing was written: this was a dry run")?;
                }
            }
        }
        if is_private && self.count("created") > 0 {
            output::words(
                "hint: these memories are private to the local operator. `--owner AGENT`, on the first import of a file, gives them to an agent; `--access public --on-conflict update` opens them to every agent, at any time",
            )?;
        }
        let (read, rejected) = (self.count("read"), self.count("rejected"));
        if read == rejected && !(read > 0 && import.allow_errors) {
            return Err(Failure::new(exit::FINDING, format!("nothing was accepted of {read} rows"))
                .hint("`guildhall explain CODE` tells what a code means"));
        }
        if rejected > 0 && self.state == "failed" {
            return Err(Failure::new(exit::FINDING, "the import ended at a row that was changed in the source")
                .hint("`--on-conflict skip` leaves such memories as they are, `--on-conflict update` changes them"));
        }
        if rejected > 0 && !import.allow_errors {
            return Err(Failure::new(exit::FINDING, format!("{rejected} of {read} rows were rejected"))
                .hint("mend them and run it again, or accept that with --allow-errors"));
        }
        Ok(())
    }
}
