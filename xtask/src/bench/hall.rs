//! A directory with a running server over it, its agents, and its memories.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::calls::{Agent, memory_ids, structured};
use super::corpus::{Corpus, Dice};
use super::load::{self, Until};
use super::process::{self, Process};
use crate::report::Result;

/// Callers that fill a directory, each with a batch under way.
const LOADERS: usize = 8;
/// Memories of one batch: as many as the operation takes.
const BATCH: usize = 100;
/// Callers that share memories.
const SHARERS: usize = 64;

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
        self.restart_at(Instant::now())
    }

    /// Stops in an orderly way and starts again, not before a moment.
    pub(super) fn restart_at(self, moment: Instant) -> Result<Self> {
        let Self { binary, data, process } = self;
        process.stop()?;
        while let Some(left) = moment.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
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
        let made = self.operator("agent.create", &json!({ "name": name, "role": "agent" }))?;
        let key = json!({
            "label": "bench", "principal": text(&made, "/id")?, "rate_per_minute": 1_000_000, "rate_per_hour": 60_000_000,
        });
        Ok(Agent { id: text(&made, "/id")?, key: text(&self.operator("key.create", &key)?, "/api_key")? })
    }

    /// Makes a team of these agents; its id.
    pub(super) fn team(&self, name: &str, members: &[&Agent]) -> Result<String> {
        let made = text(&self.operator("team.create", &json!({ "name": name }))?, "/id")?;
        for member in members {
            self.operator("team.add", &json!({ "id": made, "principal": member.id }))?;
        }
        Ok(made)
    }

    /// Lets an agent read memories of another.
    pub(super) fn grant(&self, owner: &Agent, to: &Agent, ids: &[&String]) -> Result<()> {
        let (mut left, grants) = (ids.iter(), json!([{ "grantee": to.id, "permission": "read" }]));
        let next = |request: &mut Vec<u8>| {
            *request = owner.tool("share_memory", &json!({ "id": left.next(), "grants": grants }));
        };
        load::run(self.process.address, SHARERS, Until::Taken(ids.len()), next, |_| {})?.sound("sharing").map(drop)
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

    /// Stores documents of an agent in batches, every fifth with a key; their ids, in no order.
    pub(super) fn fill(&self, owner: &Agent, rows: &Rows<'_>) -> Result<Vec<String>> {
        let mut dice = Dice::new(rows.seed);
        let (mut ids, mut number) = (Vec::with_capacity(rows.count), 0);
        let next = |request: &mut Vec<u8>| {
            let end = rows.count.min(number + BATCH);
            let items: Vec<Value> = (number..end).map(|number| rows.document(number, &mut dice)).collect();
            number = end;
            *request = owner.post("/api/v1/memories/batch", &json!({ "items": items }));
        };
        let seen = |body: &[u8]| ids.extend(memory_ids(body));
        let batches = Until::Taken(rows.count.div_ceil(BATCH));
        let cpu = self.process.cpu_micros()?;
        let loaded = load::run(self.process.address, LOADERS, batches, next, seen)?.sound("filling")?;
        let cpu = (self.process.cpu_micros()? - cpu) / rows.count as f64;
        if ids.len() != rows.count {
            return Err(format!("filling: {} of {} memories were stored", ids.len(), rows.count));
        }
        let rate = rows.count as f64 / loaded.wall.as_secs_f64().max(1e-9);
        let took = loaded.wall.as_secs_f64();
        super::progress(&format!("  stored {} memories in {took:.1} s, {rate:.0}/s, {cpu:.0} µs each", rows.count));
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

/// A text in an answer.
fn text(answer: &[u8], path: &str) -> Result<String> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let found = answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| format!("no {path} in {answer}"))
}

/// Documents to be stored.
pub(super) struct Rows<'c> {
    pub(super) corpus: &'c Corpus,
    pub(super) count: usize,
    pub(super) access: &'static str,
    /// The team that may read every tenth.
    pub(super) team: Option<String>,
    /// Seconds they live; 0 for ever.
    pub(super) expires_in: u32,
    pub(super) seed: u64,
}

impl<'c> Rows<'c> {
    /// So many that only their owner may read.
    pub(super) const fn private(corpus: &'c Corpus, count: usize, seed: u64) -> Self {
        Self { corpus, count, access: "private", team: None, expires_in: 0, seed }
    }

    fn document(&self, number: usize, dice: &mut Dice) -> Value {
        let mut new = json!({
            "content": self.corpus.document(dice),
            "tags": [format!("topic-{}", dice.below(50)), format!("run-{}", dice.below(1_000))],
            "access": self.access,
            "expires_in": self.expires_in,
        });
        if let Some(new) = new.as_object_mut() {
            if number.is_multiple_of(5) {
                new.insert("key".to_owned(), key(number).into());
            }
            if let Some(team) = self.team.as_ref().filter(|_| number % 10 == 3) {
                new.insert("access".to_owned(), "team".into());
                new.insert("team_id".to_owned(), team.as_str().into());
            }
        }
        new
    }
}

/// The key of the document with this number.
pub(super) fn key(number: usize) -> String {
    format!("notes/{:02}/item-{number:06}", number / 5 % 100)
}
