//! Statements over memories go through an index, whatever the size of the table. A plan depends on the schema alone: the
//! database keeps no statistics about rows.

use std::{cell::RefCell, fmt::Debug, sync::Once};

use store::{
    Error, Everything, MIGRATIONS, Scope, Store, Tx, Value, Verdict,
    memories::{self, counts, gone, grants, list, review, searchable, undo, versions},
    teams,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use types::{
    AgentId, GranteeId, MemoryId, PrincipalId, TeamId, Timestamp, WorkspaceId,
    memory::{Access, Change, Flag, Grant, Kind, Memory, Provenance, Right, Trust},
    team::Team,
    workspace::Workspace,
};

use crate::{conformance::Answer, options, tempdir};

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

thread_local! {
    /// The statements of this database thread, while they are listened to.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Hears which statements are run.
struct Listener;

impl Visit for Listener {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "sql" {
            HEARD.with_borrow_mut(|heard| heard.iter_mut().for_each(|heard| heard.push(text.to_owned())));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("store")
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Self);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn hear() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

pub(super) fn me() -> PrincipalId {
    PrincipalId::Agent(AgentId::from_value(1))
}

pub(super) fn another() -> PrincipalId {
    PrincipalId::Agent(AgentId::from_value(2))
}

pub(super) fn scope(of: PrincipalId) -> Scope {
    #[expect(clippy::disallowed_methods, reason = "a test speaks for both agents")]
    Scope::of(WorkspaceId::from_value(1), of)
}

fn everything() -> Everything {
    #[expect(clippy::disallowed_methods, reason = "a test does what the server does at start")]
    Everything::because("a test explains statements")
}

pub(super) fn memory(number: u128, owner: PrincipalId, access: Access) -> Memory {
    Memory {
        id: MemoryId::from_value(number),
        owner,
        key: Some(format!("key-{number}")),
        kind: Kind::Note,
        content: Some("text".to_owned()),
        value: None,
        summary: None,
        tags: Vec::new(),
        importance: 0.5,
        access,
        team_id: (access == Access::Team).then_some(team()),
        trust: Trust::Unreviewed,
        flags: Vec::new(),
        flags_version: 0,
        superseded_by: None,
        supersedes: Vec::new(),
        project: None,
        layer: None,
        expires_at: None,
        metadata: serde_json::Map::new(),
        provenance: Provenance {
            principal: owner,
            agent_type: None,
            via: "rest".to_owned(),
            at: NOW,
            project: None,
            why: None,
            task_id: None,
            correlation_id: None,
            source: None,
        },
        access_count: 0,
        accessed_at: None,
        relevance: 0.5,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
        size_bytes: None,
        truncated: None,
    }
}

fn team() -> TeamId {
    TeamId::from_value(1)
}

/// The workspace.
pub(super) fn found(tx: &Tx<'_>) -> Result<(), Error> {
    let (id, status) = (WorkspaceId::from_value(1), "active".to_owned());
    let workspace = Workspace { id, slug: "w".to_owned(), name: "W".to_owned(), status, created_at: NOW };
    store::workspaces::insert(tx, everything(), &workspace, &[0; 32])
}

/// Memory 1 is mine; 2 is another agent's, shared with my team.
pub(super) fn fill(tx: &Tx<'_>) -> Result<(), Error> {
    found(tx)?;
    let builders = Team { id: team(), name: "builders".to_owned(), members: Vec::new(), created_at: NOW, version: 1 };
    teams::insert(tx, &scope(me()), &builders)?;
    assert!(teams::add_member(tx, &scope(me()), team(), me(), NOW)?);
    let (mine, theirs) = (memory(1, me(), Access::Private), memory(2, another(), Access::Shared));
    memories::insert(tx, &scope(me()), (&mine, Change::Created), b"terms")?;
    memories::insert(tx, &scope(another()), (&theirs, Change::Created), b"terms")?;
    grants::put(tx, &scope(another()), theirs.id, &grant())
}

fn grant() -> Grant {
    let grantee = GranteeId::Team(team());
    Grant { grantee, permission: Right::Read, expires_at: None, granted_by: another(), granted_at: NOW }
}

/// What is done, and how its statements over memories find their rows: the index and the columns that narrow it, and
/// `sorted` where the rows found are put in order afterwards. An index that is read alone spares the rows.
type Case = (&'static str, fn(&Tx<'_>) -> Result<(), Error>, &'static [&'static str]);

/// One step of a plan, as cases write it; none for steps over other tables.
fn step(detail: &str) -> Option<String> {
    if detail == "USE TEMP B-TREE FOR ORDER BY" {
        return Some("sorted".to_owned());
    }
    if detail.starts_with("SCAN") && detail != "SCAN CONSTANT ROW" {
        return Some(detail.to_owned());
    }
    let (_, index) = detail.split_once(" INDEX ").filter(|(_, index)| !index.starts_with("team_members"))?;
    let alone = if detail.contains(" COVERING ") { ", read alone" } else { "" };
    let index = index.replace("<expr>", "expression");
    let (index, narrowed) = index.split_once(" (").unwrap_or((&index, ""));
    let mut columns: Vec<&str> =
        narrowed.split(" AND ").map(|column| column.trim_end_matches(['?', '=', '<', '>', ')'])).collect();
    columns.dedup();
    Some(format!("{}: {}{alone}", index.replace("sqlite_autoindex_", ""), columns.join(" ")))
}

/// How the statements of a deed find their rows.
fn steps(deed: fn(&Tx<'_>) -> Result<(), Error>) -> Vec<String> {
    hear();
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    let explained: Answer<_> = store.write_blocking(move |tx| {
        fill(tx)?;
        HEARD.set(Some(Vec::new()));
        deed(tx)?;
        let mut steps = Vec::new();
        for sql in HEARD.take().unwrap() {
            let arguments = (1..100).take_while(|number| sql.contains(&format!("${number}"))).map(|_| Value::Null);
            let explain = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
            let plan = tx.rows(explain, &arguments.collect::<Vec<_>>(), |row| row.text(3))?;
            steps.extend(plan.iter().filter_map(|detail| step(detail)));
        }
        Ok(Verdict::Done(steps))
    });
    explained.unwrap()
}

fn check(cases: &[Case]) {
    for (what, deed, expected) in cases {
        assert_eq!(steps(*deed), *expected, "{what}");
    }
}

fn listed(tx: &Tx<'_>, owner: Option<PrincipalId>, sort: list::Sort, prefix: Option<&str>) -> Result<(), Error> {
    let filter = list::Filter { owner, prefix: prefix.map(str::to_owned), ..list::Filter::default() };
    list::list(tx, &scope(me()), &filter, (sort, &sort.start(), 10), NOW).map(drop)
}

fn tagged() -> list::Filter {
    list::Filter { prefix: Some("a".to_owned()), tags_any: vec!["tag".to_owned()], ..list::Filter::default() }
}

fn mine() -> MemoryId {
    MemoryId::from_value(1)
}

fn theirs() -> MemoryId {
    MemoryId::from_value(2)
}

#[test]
fn a_memory_is_found_by_its_id_or_its_key() {
    check(&[
        ("get", |tx| memories::get(tx, &scope(me()), mine(), NOW).map(drop), &["memories_1: id"]),
        (
            "get of a granted one",
            |tx| memories::get(tx, &scope(me()), theirs(), NOW).map(drop),
            &["memories_1: id", "memory_grants_by_grantee: workspace_id grantee memory_id, read alone"],
        ),
        (
            "by key",
            |tx| memories::by_key(tx, &scope(me()), me(), "a", NOW).map(drop),
            &["memories_by_key: workspace_id owner key"],
        ),
        (
            "holder of a key",
            |tx| memories::holder(tx, &scope(me()), (me(), "a"), NOW).map(drop),
            &["memories_by_key: workspace_id owner key"],
        ),
        ("deleted", |tx| memories::deleted(tx, &scope(me()), mine()).map(drop), &["memories_1: id"]),
        (
            "versions",
            |tx| versions::list(tx, &scope(me()), mine(), (i64::MAX, 50)).map(drop),
            &["memory_versions_1: workspace_id memory_id version"],
        ),
        (
            "a version",
            |tx| versions::one(tx, &scope(me()), mine(), 1).map(drop),
            &["memory_versions_1: workspace_id memory_id version"],
        ),
        (
            "grants",
            |tx| grants::list(tx, &scope(me()), theirs()).map(drop),
            &["memory_grants_1: workspace_id memory_id"],
        ),
        ("a tombstone", |tx| gone::tombstone(tx, &scope(me()), mine()).map(drop), &["memory_tombstones_1: id"]),
    ]);
}

#[test]
fn a_page_of_a_list_is_read_in_its_order() {
    check(&[
        (
            "by change",
            |tx| listed(tx, None, list::Sort::Updated, None),
            &[
                "memories_own_updated: workspace_id owner updated_at",
                "memories_open_updated: workspace_id updated_at",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_updated: workspace_id team_id updated_at",
            ],
        ),
        (
            "by age",
            |tx| listed(tx, None, list::Sort::Created, None),
            &[
                "memories_own_created: workspace_id owner created_at",
                "memories_open_created: workspace_id created_at",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_created: workspace_id team_id created_at",
            ],
        ),
        (
            "by key",
            |tx| listed(tx, None, list::Sort::Key, None),
            &[
                "memories_own_sorted: workspace_id owner expression",
                "memories_open_sorted: workspace_id expression",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_sorted: workspace_id team_id expression",
            ],
        ),
        (
            "own, by change",
            |tx| listed(tx, Some(me()), list::Sort::Updated, None),
            &["memories_own_updated: workspace_id owner updated_at"],
        ),
        (
            "own, by age",
            |tx| listed(tx, Some(me()), list::Sort::Created, None),
            &["memories_own_created: workspace_id owner created_at"],
        ),
        (
            "another's, by change",
            |tx| listed(tx, Some(another()), list::Sort::Updated, None),
            &[
                "memories_own_updated: workspace_id owner updated_at",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_updated: workspace_id team_id updated_at",
            ],
        ),
    ]);
}

#[test]
fn a_prefix_is_a_range_of_keys() {
    check(&[
        (
            "by change",
            |tx| listed(tx, None, list::Sort::Updated, Some("a")),
            &[
                "memories_own_sorted: workspace_id owner expression",
                "sorted",
                "memories_open_sorted: workspace_id expression",
                "sorted",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_sorted: workspace_id team_id expression",
                "sorted",
            ],
        ),
        (
            "by age",
            |tx| listed(tx, None, list::Sort::Created, Some("a")),
            &[
                "memories_own_sorted: workspace_id owner expression",
                "sorted",
                "memories_open_sorted: workspace_id expression",
                "sorted",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_sorted: workspace_id team_id expression",
                "sorted",
            ],
        ),
        (
            "by key",
            |tx| listed(tx, None, list::Sort::Key, Some("a")),
            &[
                "memories_own_sorted: workspace_id owner expression",
                "memories_open_sorted: workspace_id expression",
                "memories_1: id",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
                "sorted",
                "sorted",
                "memories_team_sorted: workspace_id team_id expression",
            ],
        ),
        (
            "counted",
            |tx| {
                let filter = list::Filter { prefix: Some("a".to_owned()), ..list::Filter::default() };
                list::count(tx, &scope(me()), &filter, NOW).map(drop)
            },
            &[
                "memories_own_sorted: workspace_id owner expression",
                "memories_open_sorted: workspace_id expression",
                "memories_team_sorted: workspace_id team_id expression",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
            ],
        ),
        (
            "counted with a tag that few carry",
            |tx| list::count(tx, &scope(me()), &tagged(), NOW).map(drop),
            &[
                "memory_tags_1: workspace_id tag, read alone",
                "SCAN carriers",
                "memory_tags_1: workspace_id tag, read alone",
                "SCAN carriers",
                "memories_1: id",
                "memory_tags_1: workspace_id tag, read alone",
                "sorted",
            ],
        ),
        (
            "counted with a tag that many carry",
            |tx| {
                for number in 10..1_100 {
                    let row = Memory { tags: vec!["tag".to_owned()], ..memory(number, another(), Access::Private) };
                    memories::insert(tx, &scope(another()), (&row, Change::Created), b"terms")?;
                }
                HEARD.set(Some(Vec::new()));
                list::count(tx, &scope(me()), &tagged(), NOW).map(drop)
            },
            &[
                "memory_tags_1: workspace_id tag, read alone",
                "SCAN carriers",
                "memories_own_sorted: workspace_id owner expression",
                "memories_open_sorted: workspace_id expression",
                "memories_team_sorted: workspace_id team_id expression",
                "memories_granted: expression",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
            ],
        ),
    ]);
}

#[test]
fn statistics_read_counters_and_what_ends_soon() {
    check(&[
        (
            "own",
            |tx| counts::live(tx, &scope(me()), counts::Of::Own, NOW).map(drop),
            &["memory_counts_1: workspace_id owner", "memories_expiring: workspace_id owner expires_at"],
        ),
        (
            "visible",
            |tx| counts::live(tx, &scope(me()), counts::Of::Visible, NOW).map(drop),
            &[
                "memory_counts_1: workspace_id owner",
                "memories_expiring: workspace_id owner expires_at",
                "memory_counts_by_access: workspace_id access",
                "memories_open_expiring: workspace_id expires_at",
                "memory_counts_by_access: workspace_id access team_id",
                "memories_team_expiring: workspace_id team_id expires_at",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
            ],
        ),
        (
            "of the workspace",
            |tx| counts::live(tx, &scope(me()), counts::Of::Workspace, NOW).map(drop),
            &["memory_counts_by_access: workspace_id", "memories_by_expiry: expires_at"],
        ),
        (
            "own ending",
            |tx| counts::expiring(tx, &scope(me()), counts::Of::Own, (NOW, NOW)).map(drop),
            &["memories_expiring: workspace_id owner expires_at"],
        ),
        (
            "visible ending",
            |tx| counts::expiring(tx, &scope(me()), counts::Of::Visible, (NOW, NOW)).map(drop),
            &[
                "memories_expiring: workspace_id owner expires_at",
                "memories_open_expiring: workspace_id expires_at",
                "memories_team_expiring: workspace_id team_id expires_at",
                "memories_granted: expression, read alone",
                "memory_grants_by_grantee: workspace_id grantee, read alone",
            ],
        ),
        (
            "ending in the workspace",
            |tx| counts::expiring(tx, &scope(me()), counts::Of::Workspace, (NOW, NOW)).map(drop),
            &["memories_by_expiry: expires_at"],
        ),
        (
            "newest of the workspace",
            |tx| counts::newest(tx, &scope(me()), 5, NOW).map(drop),
            &["memories_stored: workspace_id"],
        ),
        ("usage", |tx| counts::usage(tx, &scope(me()), me()).map(drop), &["memory_counts_1: workspace_id owner"]),
    ]);
}

#[test]
fn a_change_touches_its_rows_alone() {
    check(&[
        (
            "insert",
            |tx| memories::insert(tx, &scope(me()), (&memory(3, me(), Access::Private), Change::Created), b"terms"),
            &[],
        ),
        (
            "replace",
            |tx| {
                let old = memory(1, me(), Access::Private);
                let new = Memory { version: 2, ..old.clone() };
                memories::replace(tx, &scope(me()), (&old, &new), Change::Updated, Some(b"terms"))
            },
            &["memories_1: id", "memory_versions_1: workspace_id memory_id version", "memories_1: id"],
        ),
        ("fetched", |tx| memories::fetched(tx, everything(), mine(), 1, NOW), &["memories_1: id", "memories_1: id"]),
        (
            "rejudge",
            |tx| {
                let (old, new) = (memory(1, me(), Access::Private), memory(1, me(), Access::Private));
                memories::rejudge(tx, &scope(me()), (&old, &new))
            },
            &["memories_1: id"],
        ),
        ("grant", |tx| grants::put(tx, &scope(me()), theirs(), &grant()), &[]),
        (
            "take a grant",
            |tx| grants::take(tx, &scope(me()), theirs(), GranteeId::Team(team())).map(drop),
            &["memory_grants_1: workspace_id memory_id grantee"],
        ),
        (
            "purge",
            |tx| gone::purge(tx, &scope(me()), &memory(1, me(), Access::Private)),
            &[
                "memories_1: id",
                "memory_terms_1: workspace_id memory_id",
                "memory_versions_1: workspace_id memory_id",
                "memory_grants_1: workspace_id memory_id",
            ],
        ),
    ]);
}

#[test]
fn the_sweeper_reads_what_has_ended() {
    check(&[
        ("expired", |tx| gone::sweep_expired(tx, everything(), NOW, 10).map(drop), &["memories_by_expiry: expires_at"]),
        (
            "long deleted",
            |tx| gone::sweep_deleted(tx, everything(), NOW, 10).map(drop),
            &["memories_by_deletion: deleted_at"],
        ),
        (
            "tombstones",
            |tx| gone::sweep_tombstones(tx, everything(), NOW).map(drop),
            &["memory_tombstones_by_age: deleted_at"],
        ),
        (
            "the key of an expired one",
            |tx| gone::free_expired_key(tx, &scope(me()), (me(), "k"), NOW).map(drop),
            &["memories_by_key: workspace_id owner key"],
        ),
    ]);
}

#[test]
fn reviews_and_undo_walk_their_own_rows() {
    fn reviewed(tx: &Tx<'_>, trust: Option<Trust>, flag: Option<Flag>) -> Result<(), Error> {
        let filter = review::Filter { trust, flag, ..review::Filter::default() };
        review::list(tx, &scope(me()), &filter, (None, 10), NOW).map(drop)
    }
    check(&[
        (
            "undo",
            |tx| {
                let deeds = undo::Deeds { principal: me(), since: NOW, until: NOW };
                undo::touched(tx, &scope(me()), deeds, ("", 10)).map(drop)
            },
            &[
                "memories_own_created: workspace_id owner created_at",
                "sorted",
                "memories_own_updated: workspace_id owner updated_at",
                "sorted",
                "memories_deleted: workspace_id owner",
                "memories_changed_by_others: workspace_id changed_by updated_at",
                "sorted",
                "memory_versions_by_others: workspace_id author at",
                "sorted",
            ],
        ),
        (
            "history",
            |tx| undo::history(tx, &scope(me()), mine()).map(drop),
            &["memories_1: id", "memories_1: id", "memory_versions_1: workspace_id memory_id version"],
        ),
        ("review", |tx| reviewed(tx, None, None), &["memories_stored: workspace_id id"]),
        (
            "review of quarantined",
            |tx| reviewed(tx, Some(Trust::Quarantined), None),
            &["memories_quarantined: workspace_id trust id"],
        ),
        (
            "review of flagged",
            |tx| reviewed(tx, None, Some(Flag::SecretLike)),
            &["memories_flagged: workspace_id deleted_at id"],
        ),
        (
            "own stale",
            |tx| {
                let stale = review::Stale { own: true, before: NOW, importance: 0.5, spared: None };
                review::stale(tx, &scope(me()), stale, 10, NOW).map(drop)
            },
            &["memories_own_updated: workspace_id owner updated_at"],
        ),
        // An administrator's clean-up reads the whole workspace, once.
        (
            "stale of the workspace",
            |tx| {
                let stale = review::Stale { own: false, before: NOW, importance: 0.5, spared: None };
                review::stale(tx, &scope(me()), stale, 10, NOW).map(drop)
            },
            &["memories_stored: workspace_id", "sorted"],
        ),
        ("reindex", |tx| review::all_after(tx, &scope(me()), "", 10).map(drop), &["memories_stored: workspace_id id"]),
    ]);
}

#[test]
fn the_search_index_is_loaded_in_the_order_of_the_table() {
    check(&[
        (
            "one",
            |tx| searchable::one(tx, everything(), WorkspaceId::from_value(1), theirs()).map(drop),
            &[
                "memory_terms_1: workspace_id memory_id",
                "memories_stored: workspace_id id",
                "memory_grants_1: workspace_id memory_id",
            ],
        ),
        (
            "all",
            |tx| searchable::all(tx, everything(), WorkspaceId::from_value(1), |_, _| Ok(())),
            &[
                "memory_grants_1: workspace_id",
                "memories_stored: workspace_id",
                "memory_terms_1: workspace_id memory_id",
            ],
        ),
    ]);
}
