//! `key.list`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{Page, PrincipalId, key::ApiKey};

use super::{reach, shown};
use crate::{
    Call, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Lists keys.
pub struct List;

/// What the list is narrowed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Only this principal's.
    principal: Option<PrincipalId>,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Also say how many there are.
    #[serde(default)]
    count: bool,
}

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "key.list",
        summary: "List API keys: your own, or with key:manage everybody's. A key sees only itself.",
        access: Access::Permission(Permission::KeyOwn),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/keys")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<ApiKey>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<ApiKey>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, input.limit);
        checks.done()?;
        let mut filter = reach(call.who());
        let foreign = input.principal.is_some_and(|asked| filter.principal.is_some_and(|own| own != asked));
        if foreign {
            return Ok(Json(Page { items: Vec::new(), next_cursor: None, total: input.count.then_some(0) }));
        }
        filter.principal = input.principal.or(filter.principal);
        let (page, after) = Paging::open(&call, &Self::SPEC, &filter, (limit, input.cursor.as_deref()))?;
        let (scope, count, now, rows) = (call.scope(), input.count, call.now(), page.rows());
        let (keys, total) = call
            .read(move |tx| {
                let keys = store::keys::list(tx, &scope, &filter, after.as_deref().unwrap_or_default(), rows)?;
                Ok((keys, count.then(|| store::keys::count(tx, &scope, &filter)).transpose()?))
            })
            .await?;
        let items = keys.iter().map(|key| shown(key, now)).collect();
        Ok(Json(page.close(&call, items, total, |last: &ApiKey| last.id.to_string())))
    }
}
