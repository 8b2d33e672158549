//! `memory.search`

use schemars::JsonSchema;
use search::{Boost, Options, Query, Ranking, Typo};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{
    PrincipalId, Timestamp,
    memory::{Access as MemoryAccess, Kind, Memory},
};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
    recall::{Ask, Filter, Hit},
};

/// Finds memories by word and by misspelling, among what the caller may see.
pub struct Search;

/// Which rankings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Mode {
    Hybrid,
    Keyword,
    Semantic,
}

/// Whether importance and age count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Boosting {
    Default,
    Off,
}

/// A question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Words, 1 to 1,000 characters; no operators.
    query: String,
    /// Default `hybrid`.
    mode: Option<Mode>,
    /// 1 to 100, default 10.
    limit: Option<u32>,
    /// Only these kinds.
    #[serde(default)]
    kinds: Vec<Kind>,
    /// Carrying all of these.
    #[serde(default)]
    tags_all: Vec<String>,
    /// Carrying one of these.
    #[serde(default)]
    tags_any: Vec<String>,
    /// Only these principals'.
    #[serde(default)]
    owners: Vec<PrincipalId>,
    /// Only this project label.
    project: Option<String>,
    /// Only this access.
    access: Option<MemoryAccess>,
    /// Stored after.
    created_after: Option<Timestamp>,
    /// Stored before.
    created_before: Option<Timestamp>,
    /// Changed after.
    updated_after: Option<Timestamp>,
    /// Changed before.
    updated_before: Option<Timestamp>,
    /// 0 to 1.
    min_importance: Option<f64>,
    /// Least cosine of the semantic ranking, 0 to 1, default 0.35; the other rankings ignore it.
    min_similarity: Option<f64>,
    /// Forgive misspellings; default true.
    typo: Option<bool>,
    /// `off`: importance and age do not count.
    boost: Option<Boosting>,
    /// Characters of content per item, default 1,000.
    content_chars: Option<u32>,
    /// Say how each item was ranked.
    #[serde(default)]
    explain: bool,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Best first.
    items: Vec<Item>,
    /// Whether meaning was ranked too: `off` or `unavailable`.
    semantic: &'static str,
}

/// One memory found.
#[derive(Debug, Serialize, JsonSchema)]
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
pub struct Rank {
    /// Which ranking.
    ranking: &'static str,
    /// From 1.
    rank: u32,
}

/// A misspelt word and what was found for it.
#[derive(Debug, Serialize, JsonSchema)]
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

impl Question {
    fn checked(self, now: Timestamp) -> Result<Ask> {
        let mut checks = Checks::default();
        checks.text("query", &self.query, 1..=1_000);
        let limit = self.limit.unwrap_or(10);
        checks.range("limit", limit, 1..=100);
        for (field, number) in [("min_importance", self.min_importance), ("min_similarity", self.min_similarity)] {
            if let Some(number) = number {
                checks.range(field, number, 0.0..=1.0);
            }
        }
        checks.range("content_chars", self.content_chars.unwrap_or(1_000), 0..=100_000);
        for (field, count) in [
            ("kinds", self.kinds.len()),
            ("tags_all", self.tags_all.len()),
            ("tags_any", self.tags_any.len()),
            ("owners", self.owners.len()),
        ] {
            if count > 32 {
                checks.fail(field, "at most 32 are allowed");
            }
        }
        checks.done()?;
        Ok(Ask {
            query: Query::parse(&self.query),
            options: Options { typo: if self.typo.unwrap_or(true) { Typo::Forgiven } else { Typo::Strict } },
            boost: match self.boost {
                Some(Boosting::Off) => Boost::Off,
                None | Some(Boosting::Default) => Boost::At { now_micros: now.micros() },
            },
            filter: Filter {
                kinds: self.kinds,
                tags_all: self.tags_all,
                tags_any: self.tags_any,
                owners: self.owners,
                project: self.project,
                access: self.access,
                created: (self.created_after, self.created_before),
                updated: (self.updated_after, self.updated_before),
                min_importance: self.min_importance,
            },
            limit: usize::try_from(limit).unwrap_or(1),
        })
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
        summary: "Find memories by words, forgiving misspellings, among your own and the public ones. Ask in plain words; the best come first.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
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
        let semantic = match question.mode {
            None | Some(Mode::Hybrid) => "unavailable",
            Some(Mode::Keyword) => "off",
            Some(Mode::Semantic) => {
                return Err(Error::new(Code::SemanticUnavailable, "no embedding model is installed")
                    .hint("use mode `hybrid` or `keyword`"));
            }
        };
        let (scope, now) = (call.scope(), call.now());
        let showing = Showing {
            content_chars: usize::try_from(question.content_chars.unwrap_or(1_000)).unwrap_or(1_000),
            explain: question.explain,
        };
        let ask = question.checked(now)?;
        call.app.recall.load(&call.app.store, scope.workspace()).await?;
        let recall = Arc::clone(&call.app.recall);
        let items = call
            .read(move |tx| {
                let hits = recall.rank(tx, &scope, &ask, now)?;
                Ok(hits.into_iter().map(|hit| item(hit, &ask.query, showing)).collect())
            })
            .await?;
        Ok(Json(Answer { items, semantic }))
    }
}
