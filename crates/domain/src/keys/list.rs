//! `key.list`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{Page, PrincipalId, key::ApiKey};

use super::{reach, shown};
use crate::{
    Call, Result,
    access::{Known, Permission},
    cursor,
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
        let filters = format!("{filter:?}");
        let after = match input.cursor {
            Some(cursor) => cursor::open(&call.app, call.who(), &Self::SPEC, &filters, &cursor)?,
            None => String::new(),
        };
        let (scope, count, now) = (call.scope(), input.count, call.now());
        let (rows, total) = call
            .read(move |tx| {
                let rows = store::keys::list(tx, &scope, &filter, &after, limit + 1)?;
                Ok((rows, count.then(|| store::keys::count(tx, &scope, &filter)).transpose()?))
            })
            .await?;
        let wanted = usize::try_from(limit).unwrap_or(1);
        let more = rows.len() > wanted;
        let items: Vec<ApiKey> = rows.iter().take(wanted).map(|row| shown(row, now)).collect();
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| cursor::seal(&call.app, call.who(), &Self::SPEC, &filters, &last.id.to_string()));
        Ok(Json(Page { items, next_cursor, total }))
    }
}
