//! A directory with a running server over it, its agents, and its memories.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::calls::{Agent, memory_id, structured};
use super::corpus::{Corpus, Dice};
use super::load::{self, Until};
use super::process::{self, Process};
use crate::report::Result;

/// Callers that fill a directory.
const LOADERS: usize = 64;

/// A server over a directory.
pub(super) struct Hall {
    binary: PathBuf,
    data: PathBuf,
    pub(super) process: Process,
}

impl Hall {
    /// Makes a directory and serves it.
    pub(super) fn open(binary: &Path, data: &Path) -> Result<Self> {
        process::init(binary, data)?;
        let process = process::guildhall(binary, data)?;
        Ok(Self { binary: binary.to_path_buf(), data: data.to_path_buf(), process })
    }

    /// Stops in an orderly way and starts again.
    pub(super) fn restart(self) -> Result<Self> {
        let Self { binary, data, process } = self;
        process.stop()?;
        let process = process::guildhall(&binary, &data)?;
        Ok(Self { binary, data, process })
    }

    /// Calls an operation as the local operator.
    pub(super) fn operator(&self, operation: &str, input: &Value) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| format!("{operation}: {error}");
        let mut stream = UnixStream::connect(self.data.join("guildhall.sock")).map_err(failed)?;
        let body = input.to_string();
        let head = format!(
            "POST /call/{operation} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut answer = Vec::new();
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).map_err(failed)?;
        stream.read_to_end(&mut answer).map_err(failed)?;
        match load::parsed(&answer).map_err(failed)? {
            Some((200 | 201, body)) => Ok(body.to_vec()),
            Some((status, body)) => Err(format!("{operation}: {status} {}", String::from_utf8_lossy(body))),
            None => Err(format!("{operation}: the answer broke off")),
        }
    }

    /// Makes an agent with a key that is not limited.
    pub(super) fn agent(&self, name: &str) -> Result<Agent> {
        let text = |answer: &[u8], path: &str| {
            let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
            answer
                .pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| format!("no {path} in {answer}"))
        };
        let made = self.operator("agent.create", &json!({ "name": name, "role": "agent" }))?;
        let key = json!({
            "label": "bench", "principal": text(&made, "/id")?, "rate_per_minute": 1_000_000, "rate_per_hour": 60_000_000,
        });
        Ok(Agent { key: text(&self.operator("key.create", &key)?, "/api_key")? })
    }

    /// Agents among which load is spread, as that of many callers is.
    pub(super) fn agents(&self, stem: &str, count: usize) -> Result<Vec<Agent>> {
        (0..count).map(|number| self.agent(&format!("{stem}{number}"))).collect()
    }

    /// A counter of the metrics page.
    pub(super) fn metric(&self, name: &str) -> Result<u64> {
        let page = self.operator("ops.metrics", &json!({}))?;
        let page = String::from_utf8_lossy(&page).into_owned();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse().ok()).ok_or_else(|| format!("no counter {name}"))
    }

    /// Stores documents of an agent, every fifth with a key; their ids.
    pub(super) fn fill(&self, owner: &Agent, rows: &Rows<'_>) -> Result<Vec<String>> {
        let mut dice = Dice::new(rows.seed);
        let (mut ids, mut number) = (Vec::with_capacity(rows.count), 0);
        let next = |request: &mut Vec<u8>| {
            let mut new = json!({
                "content": rows.corpus.document(&mut dice),
                "tags": [format!("topic-{}", dice.below(50)), format!("run-{}", dice.below(1_000))],
                "access": rows.access,
            });
            if let Some(new) = new.as_object_mut().filter(|_| number % 5 == 0) {
                new.insert("key".to_owned(), key(number).into());
            }
            number += 1;
            *request = owner.tool("create_memory", &new);
        };
        let seen = |body: &[u8]| ids.extend(memory_id(body));
        let loaded =
            load::run(self.process.address, LOADERS, Until::Calls(rows.count), next, seen)?.sound("filling")?;
        super::progress(&format!("  stored {} memories, {:.0}/s", loaded.calls, loaded.rate()));
        Ok(ids)
    }

    /// What a tool answers.
    pub(super) fn ask(&self, agent: &Agent, tool: &str, arguments: &Value) -> Result<Value> {
        let (request, mut answer) = (agent.tool(tool, arguments), Vec::new());
        let next = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&request);
        load::run(self.process.address, 1, Until::Calls(1), next, |body| answer = body.to_vec())?.sound(tool)?;
        structured(&answer).ok_or_else(|| format!("{tool} answered no structured content"))
    }
}

/// Documents to be stored.
pub(super) struct Rows<'c> {
    pub(super) corpus: &'c Corpus,
    pub(super) count: usize,
    pub(super) access: &'static str,
    pub(super) seed: u64,
}

/// The key of the document with this number.
pub(super) fn key(number: usize) -> String {
    format!("notes/{:02}/item-{number:06}", number / 5 % 100)
}
