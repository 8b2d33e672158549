//! What one call costs: against rmcp doing nothing, and writes against reads.

use std::fs;

use serde_json::{Value, json};

use super::Bench;
use super::calls::Agent;
use super::corpus::Dice;
use super::hall::{Hall, Rows};
use super::load::{self, Until};
use super::meter::{self, Cost, under_load};
use super::process;
use super::table::{Bound, Row, Table};
use crate::report::Result;

/// Callers where the cost of a call is measured.
const CALLERS: usize = 16;
/// Callers where writes are measured (contract memory.md §9).
const MANY: usize = 64;
const ROWS: usize = 1_000;
/// Floor, MCP and REST take turns so often, so that a noisy moment hits all of them.
const TURNS: u32 = 3;

/// Requests of several agents in turn.
pub(super) fn in_turn(requests: Vec<Vec<u8>>) -> impl FnMut(&mut Vec<u8>) {
    let mut turn = 0;
    move |bytes| {
        turn += 1;
        bytes.extend_from_slice(requests.get(turn % requests.len().max(1)).map_or(&[], Vec::as_slice));
    }
}

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    super::progress("calls: one directory with 1,000 memories");
    let hall = Hall::open(&bench.guildhall, &bench.path("calls"))?;
    let agents = hall.agents("caller", 8)?;
    let mut places = Vec::new();
    for (number, agent) in (0..).zip(&agents) {
        let ids = hall.fill(agent, &Rows::private(&bench.corpus, ROWS / agents.len(), 100 + number))?;
        places.push((agent, ids.first().cloned().ok_or("nothing was stored")?));
    }
    against_the_floor(bench, &hall, &places, table)?;
    authentication(&hall, &places, table)?;
    tools(bench, &hall, &agents, table)?;
    let read = under_load(&hall.process, MANY, bench.time, in_turn(gets(&places)))?;
    table.push(read.row("get_memory over MCP, 64 callers"));
    writes(bench, &hall, &agents, (&read, "1000, search index not loaded"), table)?;
    hall.ask(agents.first().ok_or("no agent")?, "search_memories", &json!({ "query": "anything" }))?;
    writes(bench, &hall, &agents, (&read, "1000, search index loaded"), table)?;
    hall.process.stop()
}

/// Writes into a filled directory whose search index is loaded, against gets of its rows.
pub(super) fn at_size(
    bench: &Bench,
    hall: &Hall,
    (size, many, ids): (usize, &Agent, &[String]),
    table: &mut Table,
) -> Result<()> {
    let agents = hall.agents("writer", 8)?;
    let mut dice = Dice::new(51);
    let read = under_load(&hall.process, MANY, bench.time, |bytes| {
        *bytes = many.tool("get_memory", &json!({ "id": dice.choose(ids) }));
    })?;
    table.push(read.row(format!("get_memory over MCP, 64 callers: {size}")));
    writes(bench, hall, &agents, (&read, &format!("{size}, search index loaded")), table)
}

fn gets(places: &[(&Agent, String)]) -> Vec<Vec<u8>> {
    places.iter().map(|(agent, id)| agent.tool("get_memory", &json!({ "id": id }))).collect()
}

fn against_the_floor(bench: &Bench, hall: &Hall, places: &[(&Agent, String)], table: &mut Table) -> Result<()> {
    let (agent, id) = places.first().ok_or("nothing was stored")?;
    let payload = hall.ask(agent, "get_memory", &json!({ "id": id }))?;
    let file = bench.path("payload.json");
    fs::write(&file, payload.to_string()).map_err(|error| format!("cannot write the payload: {error}"))?;
    let floor_server = process::bare(&bench.bare, &file)?;
    let rest: Vec<_> = places.iter().map(|(agent, id)| agent.get(&format!("/api/v1/memories/{id}"))).collect();
    let (mut floor, mut mcp, mut plain) = (Cost::default(), Cost::default(), Cost::default());
    let time = bench.time / TURNS;
    for _ in 0..TURNS {
        for (sum, process, requests) in [
            (&mut floor, &floor_server, gets(places)),
            (&mut mcp, &hall.process, gets(places)),
            (&mut plain, &hall.process, rest.clone()),
        ] {
            let cost = under_load(process, CALLERS, time, in_turn(requests))?;
            sum.join(cost);
        }
    }
    let (least, dear, bare) = (floor.per_call(), mcp.per_call(), plain.per_call());
    table.push(
        floor
            .row("floor: bare rmcp, a tool that does nothing, same answer")
            .figure("bytes", floor.outcome.bytes as f64),
    );
    let row = mcp.row("get_memory over MCP").figure("bytes", mcp.outcome.bytes as f64);
    table.push(row.gate("CPU : floor", dear / least.max(1e-9), Bound::AtMost(2.0)));
    table.push(plain.row("get_memory over REST").gate("MCP − REST µs", dear - bare, Bound::AtMost(60.0)));
    floor_server.stop().or(Ok(()))
}

fn authentication(hall: &Hall, places: &[(&Agent, String)], table: &mut Table) -> Result<()> {
    const CALLS: usize = 1_000;
    const COUNTER: &str = "guildhall_credential_reads_total";
    let before = hall.metric(COUNTER)?;
    load::run(hall.process.address, CALLERS, Until::Calls(CALLS), in_turn(gets(places)), |_| {})?
        .sound("authentication")?;
    let reads = hall.metric(COUNTER)? - before;
    let row = Row::new(format!("database reads to authenticate {CALLS} calls of known keys"));
    table.push(row.gate("reads", reads as f64, Bound::AtMost(0.0)));
    Ok(())
}

fn tools(bench: &Bench, hall: &Hall, agents: &[Agent], table: &mut Table) -> Result<()> {
    let requests: Vec<_> = agents.iter().map(Agent::tools).collect();
    let cost = under_load(&hall.process, 1, bench.time / 2, in_turn(requests))?;
    let row = cost.row("tools/list, 1 caller").figure("bytes", cost.outcome.bytes as f64);
    table.push(row.gate("p99 ms", cost.outcome.quantile(0.99), Bound::AtMost(1.0)));
    Ok(())
}

/// Texts to be stored, by several agents in turn. A pool: making texts takes processor time that is the server's to use.
pub(super) fn creates(agents: &[Agent], texts: &[String]) -> Vec<Vec<u8>> {
    let calls = texts.iter().zip(agents.iter().cycle());
    calls.map(|(text, agent)| agent.tool("create_memory", &json!({ "content": text }))).collect()
}

fn sets(agents: &[Agent], texts: &[String]) -> Vec<Vec<u8>> {
    let call = |((text, agent), number): ((&String, &Agent), usize)| {
        let value: Value = json!({ "text": text.get(..60), "step": number });
        agent.tool("set_memory", &json!({ "key": format!("state/{}", number % 200), "value": value }))
    };
    texts.iter().zip(agents.iter().cycle()).zip(0..).map(call).collect()
}

fn writes(bench: &Bench, hall: &Hall, agents: &[Agent], (read, when): (&Cost, &str), table: &mut Table) -> Result<()> {
    let mut dice = Dice::new(9);
    let texts: Vec<String> = (0..1_000).map(|_| bench.corpus.document(&mut dice)).collect();
    for (tool, requests) in [("create_memory", creates(agents, &texts)), ("set_memory", sets(agents, &texts))] {
        let what = format!("{tool} over MCP, 64 callers, durable: {when}");
        let (mut best, mut next) = (None, in_turn(requests));
        for _ in 0..meter::TRIES {
            let write = under_load(&hall.process, MANY, bench.time, &mut next)?;
            let row = bounded(write.row(&what), &write, read);
            let holds = row.holds();
            best = Some(row);
            if holds {
                break;
            }
        }
        table.push(best.unwrap_or_default());
    }
    Ok(())
}

fn bounded(row: Row, write: &Cost, read: &Cost) -> Row {
    let share = 100.0 * write.outcome.rate() / read.outcome.rate().max(1e-9);
    row.gate("calls/s", write.outcome.rate(), Bound::AtLeast(2_000.0))
        .gate("% of the get rate", share, Bound::AtLeast(20.0))
        .gate("p99 ms", write.outcome.quantile(0.99), Bound::AtMost(25.0))
}
