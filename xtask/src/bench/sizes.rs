//! What may grow with the directory, and how much: gets, lists and searches at each size.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Bench;
use super::calls::Agent;
use super::corpus::Dice;
use super::hall::{self, Hall, Rows};
use super::load::{self, Until};
use super::meter::{self, Cost};
use super::table::{Bound, Table};
use crate::report::Result;

/// Callers of gets; lists and searches are asked by one, so that their time is their own.
const READERS: usize = 4;
/// Memories of the agent who sees few.
const FEW: usize = 100;
/// Of so many memories one is granted to the member of the team.
const GRANTED: usize = 100;
/// Versions of the key whose history is read.
const VERSIONS: usize = 50;
/// The size up to which growth against the least size is bounded.
const BOUNDED: usize = 100_000;

/// How much a figure may grow with the size, at p50.
#[derive(Debug, Clone, Copy)]
enum Growth {
    /// In a larger directory the page is fuller, or more was granted, so growth says nothing about the same work.
    Free,
    /// So often the figure at the least size.
    OfLeast(f64),
    /// As often as there are more memories than at the size before.
    Linear,
}

/// Bounds of one figure (contract memory.md §9).
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// p50 and p99 in milliseconds, at this size.
    at: fn(usize) -> (Option<f64>, Option<f64>),
    growth: Growth,
}

/// Figures by kind, then by size.
#[derive(Debug, Default)]
pub(super) struct Measured {
    kinds: Vec<&'static str>,
    figures: BTreeMap<(&'static str, usize), (Cost, Bounds)>,
}

fn up_to_bounded(size: usize, most: f64) -> Option<f64> {
    (size <= BOUNDED).then_some(most)
}

const GET: Bounds = Bounds { at: |_| (None, Some(5.0)), growth: Growth::OfLeast(2.0) };
const LIST: Bounds = Bounds { at: |size| (None, up_to_bounded(size, 10.0)), growth: Growth::OfLeast(3.0) };
const FILTERED: Bounds = Bounds { growth: Growth::Free, ..LIST };
const KEYWORD: Bounds = Bounds { at: |size| (None, up_to_bounded(size, 10.0)), growth: Growth::Linear };
const HYBRID: Bounds = Bounds {
    at: |size| match size {
        0..=10_000 => (Some(2.0), Some(8.0)),
        10_001..=BOUNDED => (Some(8.0), Some(32.0)),
        _ => (None, None),
    },
    growth: Growth::Linear,
};

/// A server whose rows are measured by one kind of call after the other.
struct Series<'b> {
    bench: &'b Bench,
    hall: &'b Hall,
    size: usize,
    measured: &'b mut Measured,
}

/// Who asks.
struct Askers {
    /// Owns almost all.
    many: Agent,
    /// Owns the rest, and sees nothing else.
    few: Agent,
    /// Owns nothing; sees what its team and it were given.
    member: Agent,
}

impl Bounds {
    fn holds(&self, size: usize, cost: &Cost) -> bool {
        let (median, tail) = (self.at)(size);
        let within = |share, bound: Option<f64>| bound.is_none_or(|bound| cost.outcome.quantile(share) <= bound);
        within(0.5, median) && within(0.99, tail)
    }
}

impl Series<'_> {
    fn run(
        &mut self,
        kind: &'static str,
        (callers, bounds): (usize, Bounds),
        mut next: impl FnMut() -> Vec<u8>,
    ) -> Result<()> {
        let process = &self.hall.process;
        load::run(process.address, callers, Until::Calls(50), |bytes| *bytes = next(), |_| {})?.sound(kind)?;
        let mut best: Option<Cost> = None;
        for _ in 0..meter::TRIES {
            let until = Until::Passed(self.bench.time / 2);
            let cost = meter::measure(process, callers, until, |bytes| *bytes = next())?;
            let is_better = |best: &Cost| cost.outcome.quantile(0.99) < best.outcome.quantile(0.99);
            let holds = bounds.holds(self.size, &cost);
            if best.as_ref().is_none_or(is_better) {
                best = Some(cost);
            }
            if holds {
                break;
            }
        }
        if !self.measured.kinds.contains(&kind) {
            self.measured.kinds.push(kind);
        }
        let best = best.unwrap_or_default();
        super::progress(&best.row(format!("  {kind}")).line());
        self.measured.figures.insert((kind, self.size), (best, bounds));
        Ok(())
    }
}

/// Fills a directory and measures it; the server stays, with the agent that owns almost all rows, and their ids.
pub(super) fn measure(bench: &Bench, size: usize, measured: &mut Measured) -> Result<(Hall, Agent, Vec<String>)> {
    super::progress(&format!("sizes: {size} memories"));
    let hall = Hall::open(&bench.guildhall, &bench.size_path(size))?;
    let askers = Askers { many: hall.agent("many")?, few: hall.agent("few")?, member: hall.agent("member")? };
    let team = hall.team("builders", &[&askers.many, &askers.member])?;
    let rows = Rows { team: Some(team), ..Rows::private(&bench.corpus, size - FEW, 11) };
    let ids = hall.fill(&askers.many, &rows)?;
    hall.fill(&askers.few, &Rows::private(&bench.corpus, FEW, 12))?;
    let granted: Vec<&String> = ids.iter().step_by(GRANTED).collect();
    hall.grant(&askers.many, &askers.member, &granted)?;
    let mut series = Series { bench, hall: &hall, size, measured };
    gets(&mut series, &askers.many, &ids)?;
    lists(&mut series, &askers)?;
    stats(&mut series, &askers)?;
    history(&mut series, &askers.many)?;
    searches(&mut series, &askers)?;
    Ok((hall, askers.many, ids))
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

fn lists(series: &mut Series<'_>, Askers { many, few, member }: &Askers) -> Result<()> {
    let mut list =
        |kind, agent: &Agent, bounds, input: Value| series.run(kind, (1, bounds), || agent.tool("list_memory", &input));
    let tagged = |tag: &str| json!({ "sort": "created", "tags_any": [tag] });
    list("list_memory, first page, all rows own", many, LIST, json!({}))?;
    list("list_memory, first page, 100 rows own", few, LIST, json!({}))?;
    list("list_memory, by key, all rows own", many, LIST, json!({ "sort": "key" }))?;
    list("list_memory, prefix, all rows own", many, FILTERED, json!({ "prefix": "notes/07/", "limit": 20 }))?;
    list("list_memory, prefix that no key has", many, LIST, json!({ "prefix": "absent/" }))?;
    list("list_memory, tag of every 50th row, all rows own", many, FILTERED, tagged("topic-7"))?;
    list("list_memory, tag of every 1000th row, all rows own", many, FILTERED, tagged("run-7"))?;
    list("list_memory, first page, 10 % by team, 1 % by grant", member, FILTERED, json!({}))?;
    list("list_memory, by key, 10 % by team, 1 % by grant", member, FILTERED, json!({ "sort": "key" }))
}

fn stats(series: &mut Series<'_>, Askers { many, few, member }: &Askers) -> Result<()> {
    let mut stats = |kind, agent: &Agent, bounds, of: &str| {
        series.run(kind, (1, bounds), || agent.tool("get_memory_stats", &json!({ "of": of })))
    };
    stats("get_memory_stats of own, all rows own", many, LIST, "own")?;
    stats("get_memory_stats of visible, all rows own", many, LIST, "visible")?;
    stats("get_memory_stats of visible, 100 rows own", few, LIST, "visible")?;
    stats("get_memory_stats of visible, 10 % by team, 1 % by grant", member, FILTERED, "visible")
}

/// The versions of a key that is set often.
fn history(series: &mut Series<'_>, many: &Agent) -> Result<()> {
    let mut id = None;
    for step in 0..VERSIONS {
        let input = json!({ "key": "state/often", "content": format!("the present step is {step}") });
        id = Some(series.hall.ask(many, "set_memory", &input)?.get("id").cloned());
    }
    let input = json!({ "id": id });
    series.run("get_memory_history of a key set 50 times", (1, LIST), || many.tool("get_memory_history", &input))
}

fn searches(series: &mut Series<'_>, Askers { many, few, member }: &Askers) -> Result<()> {
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
    })?;
    series.run("search hybrid, 10 % by team, 1 % by grant", (1, HYBRID), || {
        member.tool("search_memories", &json!({ "query": corpus.frequent_query(&mut dice) }))
    })?;
    series.run("recall_memory, 2,000 tokens", (1, HYBRID), || {
        many.tool("recall_memory", &json!({ "query": corpus.frequent_query(&mut dice) }))
    })
}

/// Lists of an agent whose own rows are the public ones: others' public rows must be found without walking over them.
pub(super) fn public(bench: &Bench, table: &mut Table) -> Result<()> {
    let mut measured = Measured::default();
    for size in [1_000, 10_000] {
        super::progress(&format!("public: {size} memories of one agent"));
        let hall = Hall::open(&bench.guildhall, &bench.path(&format!("public-{size}")))?;
        let many = hall.agent("many")?;
        hall.fill(&many, &Rows { access: "public", ..Rows::private(&bench.corpus, size, 13) })?;
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
        let (mut least, mut before): (Option<&Cost>, Option<(usize, &Cost)>) = (None, None);
        for ((_, size), (cost, bounds)) in measured.figures.iter().filter(|((name, _), _)| name == kind) {
            let (median, tail) = (bounds.at)(*size);
            let mut row = cost.row(format!("{kind}: {size}"));
            for (name, share, bound) in [("p50 ms", 0.5, median), ("p99 ms", 0.99, tail)] {
                if let Some(bound) = bound {
                    row = row.gate(name, cost.outcome.quantile(share), Bound::AtMost(bound));
                }
            }
            if let (Some(least), Some((smaller, before))) = (least, before) {
                let of_least = growth(cost, least);
                row = match bounds.growth {
                    Growth::OfLeast(most) if *size <= BOUNDED => {
                        row.gate("p50 : least size", of_least, Bound::AtMost(most))
                    }
                    Growth::OfLeast(_) | Growth::Free => row.figure("p50 : least size", of_least),
                    Growth::Linear => {
                        let most = *size as f64 / smaller as f64;
                        row.gate("p50 : size before", growth(cost, before), Bound::AtMost(most))
                    }
                };
            }
            least = least.or(Some(cost));
            before = Some((*size, cost));
            table.push(row);
        }
    }
}

fn growth(greater: &Cost, less: &Cost) -> f64 {
    greater.outcome.quantile(0.5) / less.outcome.quantile(0.5).max(1e-9)
}
