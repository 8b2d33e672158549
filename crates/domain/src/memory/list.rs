//! `memory.list`

use schemars::JsonSchema;
use serde::Deserialize;
use store::memories::list::{Filter, Place, Sort};
use types::{
    Page, PrincipalId, Timestamp,
    memory::{Access as MemoryAccess, Kind, Memory, Trust},
};

use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Lists memories without their text.
pub struct List;

/// The order of a list.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Order {
    Updated,
    Created,
    Key,
}

/// What the list is narrowed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Keys that begin with exactly this.
    prefix: Option<String>,
    /// Only this principal's.
    owner: Option<PrincipalId>,
    /// Only this kind.
    kind: Option<Kind>,
    /// Carrying all of these.
    #[serde(default)]
    tags_all: Vec<String>,
    /// Carrying one of these.
    #[serde(default)]
    tags_any: Vec<String>,
    /// Only this access.
    access: Option<MemoryAccess>,
    /// Only this trust; `quarantined` lists your own that are. Without it they are left out.
    trust: Option<Trust>,
    /// Only this project label.
    project: Option<String>,
    /// Stored after.
    created_after: Option<Timestamp>,
    /// Stored before.
    created_before: Option<Timestamp>,
    /// Changed after.
    updated_after: Option<Timestamp>,
    /// Changed before.
    updated_before: Option<Timestamp>,
    /// Default `updated`: newest change first.
    sort: Option<Order>,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Also say how many there are.
    #[serde(default)]
    count: bool,
}

fn place(sort: Sort, text: &str) -> Option<Place> {
    let (value, id) = text.rsplit_once('\n')?;
    Some(match sort {
        Sort::Updated | Sort::Created => Place::Moment(value.parse().ok()?, id.to_owned()),
        Sort::Key => Place::Key(value.to_owned(), id.to_owned()),
    })
}

fn printed(place: Place) -> String {
    match place {
        Place::Moment(at, id) => format!("{at}\n{id}"),
        Place::Key(key, id) => format!("{key}\n{id}"),
    }
}

impl Narrowed {
    fn checked(self) -> Result<(Filter, Sort, u32)> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, self.limit);
        if let Some(prefix) = &self.prefix {
            checks.line("prefix", prefix, 0..=255);
        }
        if self.tags_all.len() > 32 || self.tags_any.len() > 32 {
            checks.fail("tags_all", "at most 32 tags are allowed");
        }
        checks.done()?;
        let sort = match self.sort {
            None | Some(Order::Updated) => Sort::Updated,
            Some(Order::Created) => Sort::Created,
            Some(Order::Key) => Sort::Key,
        };
        let filter = Filter {
            prefix: self.prefix,
            owner: self.owner,
            kind: self.kind,
            access: self.access,
            trust: self.trust,
            project: self.project,
            tags_all: self.tags_all,
            tags_any: self.tags_any,
            created_after: self.created_after,
            created_before: self.created_before,
            updated_after: self.updated_after,
            updated_before: self.updated_before,
        };
        Ok((filter, sort, limit))
    }
}

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "memory.list",
        summary: "List the memories you may read, without their text, filtered and in order.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: Some(Tool {
            name: "list_memory",
            set: "memory",
            listed: &[
                "prefix",
                "owner",
                "kind",
                "tags_all",
                "tags_any",
                "access",
                "project",
                "updated_after",
                "sort",
                "limit",
                "cursor",
                "count",
            ],
        }),
        routes: &[route("GET", "/api/v1/memories")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<Memory>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<Memory>>> {
        let (scope, now, count) = (call.scope(), call.now(), input.count);
        let cursor = input.cursor.clone();
        let (filter, sort, limit) = input.checked()?;
        let (page, after) = Paging::open(&call, &Self::SPEC, &(&filter, sort), (limit, cursor.as_deref()))?;
        let after = match after {
            None => sort.start(),
            Some(text) => place(sort, &text).ok_or_else(Error::internal)?,
        };
        let rows = page.rows();
        let (items, total) = call
            .read(move |tx| {
                let items = store::memories::list::list(tx, &scope, &filter, (sort, &after, rows), now)?;
                let total = count.then(|| store::memories::list::count(tx, &scope, &filter, now)).transpose()?;
                Ok((items, total))
            })
            .await?;
        Ok(Json(page.close(&call, items, total, |last| printed(sort.place(last)))))
    }
}
