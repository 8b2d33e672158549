//! `memory.stats`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::memories::{
    counts::{self, Of, Sort},
    list,
};
use types::{MemoryId, memory::Layer};

use super::reindex::{Progress, under_way};
use crate::{
    Call, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

const RECENT: usize = 5;
const DAY_SECS: i64 = 86_400;

/// Counts memories.
pub struct Stats;

/// Whose memories are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Whose {
    Own,
    Visible,
    Workspace,
}

/// What is counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// `own` (default), `visible` (what you may read), or `workspace` (needs `memory:manage`).
    of: Option<Whose>,
}

/// Counts of live memories.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MemoryCounts")]
pub struct Counts {
    /// Whose.
    of: Whose,
    /// How many.
    total: i64,
    /// Bytes of their contents and values.
    bytes: i64,
    /// How many of each kind.
    by_kind: BTreeMap<&'static str, i64>,
    /// How many of each access.
    by_access: BTreeMap<&'static str, i64>,
    /// How many of each trust.
    by_trust: BTreeMap<&'static str, i64>,
    /// How many of each layer; those without one are `none`.
    by_layer: BTreeMap<&'static str, i64>,
    /// How many expire in the next 24 hours.
    expiring_24h: i64,
    /// The five changed last; of the workspace the five stored last.
    recent: Vec<MemoryId>,
    /// How far the making anew of the search index is; only for the workspace, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    reindexing: Option<Progress>,
}

fn by(counts: &BTreeMap<Sort, counts::Count>, name: impl Fn(&Sort) -> &'static str) -> BTreeMap<&'static str, i64> {
    counts.iter().fold(BTreeMap::new(), |mut sums, (sort, count)| {
        *sums.entry(name(sort)).or_default() += count.rows;
        sums
    })
}

impl Operation for Stats {
    const SPEC: Spec = Spec {
        id: "memory.stats",
        summary: "Count memories by kind, access, trust and layer, with their bytes, what expires soon and the newest ids.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("stats.json"),
        tool: Some(Tool { name: "get_memory_stats", set: "memory", listed: &[] }),
        routes: &[route("GET", "/api/v1/memories/stats")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Counts>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Counts>> {
        let whose = which.of.unwrap_or(Whose::Own);
        let of = match whose {
            Whose::Own => Of::Own,
            Whose::Visible => Of::Visible,
            Whose::Workspace => {
                call.who().require(Permission::MemoryManage)?;
                Of::Workspace
            }
        };
        let (scope, now) = (call.scope(), call.now());
        call.read(move |tx| {
            let counted = counts::live(tx, &scope, of, now)?;
            let recent = if of == Of::Workspace {
                counts::newest(tx, &scope, 5, now)?
            } else {
                let owner = (of == Of::Own).then(|| scope.viewer());
                let (filter, sort) = (list::Filter { owner, ..list::Filter::default() }, list::Sort::Updated);
                let newest = list::list(tx, &scope, &filter, (sort, &sort.start(), RECENT), now)?;
                newest.into_iter().map(|memory| memory.id).collect()
            };
            Ok(Json(Counts {
                of: whose,
                total: counted.values().map(|count| count.rows).sum(),
                bytes: counted.values().map(|count| count.bytes).sum(),
                by_kind: by(&counted, |sort| sort.kind.as_str()),
                by_access: by(&counted, |sort| sort.access.as_str()),
                by_trust: by(&counted, |sort| sort.trust.as_str()),
                by_layer: by(&counted, |sort| sort.layer.map_or("none", Layer::as_str)),
                expiring_24h: counts::expiring(tx, &scope, of, (now, now.plus_secs(DAY_SECS)))?,
                recent,
                reindexing: if of == Of::Workspace { under_way(tx, &scope)? } else { None },
            }))
        })
        .await
    }
}
