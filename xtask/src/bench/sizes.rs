//! What may grow with the directory, and how much: gets, lists and searches at each size.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Bench;
use super::calls::Agent;
use super::corpus::Dice;
use super::hall::{self, Hall, Rows};
use super::load::{self, Outcome, Until};
use super::table::{Bound, Row, Table};
use crate::report::Result;

/// Callers of gets; lists and searches are asked by one, so that their time is their own.
const READERS: usize = 4;
/// Memories of the agent who sees few.
const FEW: usize = 100;

/// Bounds of one figure (contract memory.md §9).
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// p50 and p99 in milliseconds, at this size.
    at: fn(usize) -> (Option<f64>, Option<f64>),
    /// The greatest size against the least, at p50.
    growth: Option<f64>,
}

/// Figures by kind, then by size.
#[derive(Debug, Default)]
pub(super) struct Measured {
    kinds: Vec<&'static str>,
    figures: BTreeMap<(&'static str, usize), (Outcome, Bounds)>,
}

const GET: Bounds = Bounds { at: |_| (None, Some(5.0)), growth: Some(2.0) };
const LIST: Bounds = Bounds { at: |_| (None, Some(10.0)), growth: Some(3.0) };
/// A filter's page is fuller in a larger directory, so its growth says nothing about the same work.
const FILTERED: Bounds = Bounds { growth: None, ..LIST };
const KEYWORD: Bounds = Bounds { at: |_| (None, Some(10.0)), growth: None };
const HYBRID: Bounds =
    Bounds { at: |size| if size > 10_000 { (Some(8.0), Some(32.0)) } else { (Some(2.0), Some(8.0)) }, growth: None };

/// A server whose rows are measured by one kind of call after the other.
struct Series<'b> {
    bench: &'b Bench,
    hall: &'b Hall,
    size: usize,
    measured: &'b mut Measured,
}

impl Series<'_> {
    fn run(
        &mut self,
        kind: &'static str,
        (callers, bounds): (usize, Bounds),
        mut next: impl FnMut() -> Vec<u8>,
    ) -> Result<()> {
        super::progress(&format!("  {kind}"));
        let address = self.hall.process.address;
        load::run(address, callers, Until::Calls(50), |bytes| *bytes = next(), |_| {})?.sound(kind)?;
        let until = Until::Passed(self.bench.time / 2);
        let outcome = load::run(address, callers, until, |bytes| *bytes = next(), |_| {})?.sound(kind)?;
        if !self.measured.kinds.contains(&kind) {
            self.measured.kinds.push(kind);
        }
        self.measured.figures.insert((kind, self.size), (outcome, bounds));
        Ok(())
    }
}

/// Fills a directory and measures it; the server stays.
pub(super) fn measure(bench: &Bench, size: usize, measured: &mut Measured) -> Result<Hall> {
    super::progress(&format!("sizes: {size} memories"));
    let hall = Hall::open(&bench.guildhall, &bench.path(&format!("size-{size}")))?;
    let (many, few) = (hall.agent("many")?, hall.agent("few")?);
    let count = size - FEW;
    let ids = hall.fill(&many, &Rows { corpus: &bench.corpus, count, access: "private", seed: 11 })?;
    hall.fill(&few, &Rows { corpus: &bench.corpus, count: FEW, access: "private", seed: 12 })?;
    let mut series = Series { bench, hall: &hall, size, measured };
    gets(&mut series, &many, &ids)?;
    lists(&mut series, &many, &few)?;
    searches(&mut series, &many, &few)?;
    Ok(hall)
}

fn gets(series: &mut Series<'_>, many: &Agent, ids: &[String]) -> Result<()> {
    let mut dice = Dice::new(21);
    series.run("get_memory by id, 4 callers", (READERS, GET), || {
        many.tool("get_memory", &json!({ "id": dice.choose(ids) }))
    })?;
    let keys = ids.len() / 5;
    series.run("get_memory by key, 4 callers", (READERS, GET), || {
        many.tool("get_memory", &json!({ "key": hall::key(dice.below(keys) * 5) }))
    })
}

fn lists(series: &mut Series<'_>, many: &Agent, few: &Agent) -> Result<()> {
    let mut list =
        |kind, agent: &Agent, bounds, input: Value| series.run(kind, (1, bounds), || agent.tool("list_memory", &input));
    let tagged = json!({ "sort": "created", "tags_any": ["topic-7"] });
    list("list_memory, first page, all rows own", many, LIST, json!({}))?;
    list("list_memory, first page, 100 rows own", few, LIST, json!({}))?;
    list("list_memory, tags_any, all rows own", many, FILTERED, tagged)?;
    list("list_memory, by key, all rows own", many, LIST, json!({ "sort": "key" }))?;
    list("list_memory, prefix, all rows own", many, FILTERED, json!({ "prefix": "notes/07/", "limit": 20 }))?;
    list("list_memory, prefix that no key has", many, LIST, json!({ "prefix": "absent/" }))
}

fn searches(series: &mut Series<'_>, many: &Agent, few: &Agent) -> Result<()> {
    let corpus = &series.bench.corpus;
    let mut dice = Dice::new(31);
    series.run("search keyword, 2–3 words, frequent ones among them", (1, KEYWORD), || {
        many.tool("search_memories", &json!({ "query": corpus.frequent_query(&mut dice), "mode": "keyword" }))
    })?;
    series.run("search hybrid, spelt right", (1, HYBRID), || {
        many.tool("search_memories", &json!({ "query": corpus.frequent_query(&mut dice) }))
    })?;
    series.run("search hybrid, one word of two misspelt", (1, HYBRID), || {
        many.tool("search_memories", &json!({ "query": corpus.misspelt_query(&mut dice) }))
    })?;
    series.run("search hybrid, 100 rows own", (1, HYBRID), || {
        few.tool("search_memories", &json!({ "query": corpus.frequent_query(&mut dice) }))
    })
}

/// Lists of an agent whose own rows are the public ones: others' public rows must be found without walking over them.
pub(super) fn public(bench: &Bench, table: &mut Table) -> Result<()> {
    let mut measured = Measured::default();
    for size in [1_000, 10_000] {
        super::progress(&format!("public: {size} memories of one agent"));
        let hall = Hall::open(&bench.guildhall, &bench.path(&format!("public-{size}")))?;
        let many = hall.agent("many")?;
        hall.fill(&many, &Rows { corpus: &bench.corpus, count: size, access: "public", seed: 13 })?;
        let mut series = Series { bench, hall: &hall, size, measured: &mut measured };
        series.run("list_memory, first page, all rows own and public", (1, LIST), || {
            many.tool("list_memory", &json!({}))
        })?;
        hall.process.stop()?;
    }
    rows(&measured, table);
    Ok(())
}

/// One line for each kind and size.
pub(super) fn rows(measured: &Measured, table: &mut Table) {
    for kind in &measured.kinds {
        let of_kind = measured.figures.iter().filter(|((name, _), _)| name == kind);
        let mut least: Option<&Outcome> = None;
        for ((_, size), (outcome, bounds)) in of_kind {
            let (median, tail) = (bounds.at)(*size);
            let mut row = Row::new(format!("{kind}: {size}")).load(outcome);
            for (name, share, bound) in [("p50 ms", 0.5, median), ("p99 ms", 0.99, tail)] {
                if let Some(bound) = bound {
                    row = row.gate(name, outcome.quantile(share), Bound::AtMost(bound));
                }
            }
            if let Some(least) = least {
                let growth = outcome.quantile(0.5) / least.quantile(0.5).max(1e-9);
                row = match bounds.growth {
                    Some(most) => row.gate("p50 : least size", growth, Bound::AtMost(most)),
                    None => row.figure("p50 : least size", growth),
                };
            }
            least = least.or(Some(outcome));
            table.push(row);
        }
    }
}
