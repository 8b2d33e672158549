//! `memory.search`

use schemars::JsonSchema;
use search::{Query, Ranking};
use serde::Serialize;
use types::memory::Memory;

use super::question::{Mode, question};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
    recall::{Ask, Hit},
};

/// Finds memories by word and by misspelling, among what the caller may see.
pub struct Search;

question! {
    /// A question.
    Question {
        /// Characters of content per item, default 1,000.
        content_chars: Option<u32>,
        /// Say how each item was ranked.
        #[serde(default)]
        explain: bool,
    }
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchAnswer")]
pub struct Answer {
    /// Best first.
    items: Vec<Item>,
    /// Whether meaning was ranked too: `off` or `unavailable`.
    semantic: &'static str,
}

/// One memory found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchHit")]
pub struct Item {
    /// The memory; content is cut to `content_chars`.
    memory: Memory,
    /// 0 to 1.07.
    score: f64,
    /// The rankings that found it.
    matched_by: Vec<&'static str>,
    /// Where it matches, at most 300 characters.
    excerpt: String,
    /// How it was ranked; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explained>,
}

/// How an item was ranked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchExplanation")]
pub struct Explained {
    /// Rank in each ranking that found it, from 1.
    ranks: Vec<Rank>,
    /// Query words and the words that stood in for them.
    typo: Vec<StandIn>,
    /// What importance and age multiplied the score by.
    boost: f64,
}

/// A rank in one ranking.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchRank")]
pub struct Rank {
    /// Which ranking.
    ranking: &'static str,
    /// From 1.
    rank: u32,
}

/// A misspelt word and what was found for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchStandIn")]
pub struct StandIn {
    /// The word of the query.
    term: String,
    /// The word of the memory.
    word: String,
}

const fn name(ranking: Ranking) -> &'static str {
    match ranking {
        Ranking::Keyword => "keyword",
        Ranking::Semantic => "semantic",
        Ranking::Typo => "typo",
    }
}

/// How an answer is to be shown.
#[derive(Clone, Copy)]
struct Showing {
    content_chars: usize,
    explain: bool,
}

fn item(hit: Hit, query: &Query, showing: Showing) -> Item {
    let excerpt = search::excerpt(&super::prose(&hit.memory), query, &hit.typo_pairs);
    let mut memory = hit.memory;
    if let Some(content) = &memory.content {
        let cut = super::first(content, showing.content_chars);
        if cut.len() < content.len() {
            memory.content = Some(cut.to_owned());
            memory.truncated = Some(true);
        }
    }
    let explain = showing.explain.then(|| Explained {
        ranks: hit.ranks.iter().map(|(ranking, rank)| Rank { ranking: name(*ranking), rank: *rank }).collect(),
        typo: hit.typo_pairs.iter().map(|pair| StandIn { term: pair.term.clone(), word: pair.word.clone() }).collect(),
        boost: hit.boost_factor,
    });
    let matched_by = hit.ranks.iter().map(|(ranking, _)| name(*ranking)).collect();
    Item { memory, score: hit.score, matched_by, excerpt, explain }
}

impl Operation for Search {
    const SPEC: Spec = Spec {
        id: "memory.search",
        summary: "Find memories by words, forgiving misspellings, among all you may read. Ask in plain words; the best come first.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::SemanticUnavailable],
        example: include_str!("search.json"),
        tool: Some(Tool {
            name: "search_memories",
            set: "core",
            listed: &[
                "query",
                "limit",
                "mode",
                "kinds",
                "tags_all",
                "tags_any",
                "project",
                "updated_after",
                "min_importance",
                "content_chars",
                "explain",
            ],
        }),
        routes: &[route("POST", "/api/v1/memories/search")],
    };
    type Who = Known;
    type Input = Question;
    type Output = Json<Answer>;

    async fn run(call: Call<Known>, question: Question) -> Result<Json<Answer>> {
        let semantic = Mode::semantic(question.mode)?;
        let mut checks = Checks::default();
        let content_chars = question.content_chars.unwrap_or(1_000);
        checks.range("content_chars", content_chars, 0..=100_000);
        let showing =
            Showing { content_chars: usize::try_from(content_chars).unwrap_or(1_000), explain: question.explain };
        let ask = question.asked(checks, call.now())?;
        let items = find(&call, ask, move |hit, query| item(hit, query, showing)).await?;
        Ok(Json(Answer { items, semantic }))
    }
}

/// Ranks what the caller may see, and shows each of the best.
pub(super) async fn find<T: Send + 'static>(
    call: &Call<Known>,
    ask: Ask,
    show: impl Fn(Hit, &Query) -> T + Send + 'static,
) -> Result<Vec<T>> {
    let (scope, now) = (call.scope(), call.now());
    let index = call.app.recall.load(&call.app.store, scope.workspace()).await?;
    call.read(move |tx| {
        let hits = index.rank(tx, &scope, &ask, now)?;
        Ok(hits.into_iter().map(|hit| show(hit, &ask.query)).collect())
    })
    .await
}
