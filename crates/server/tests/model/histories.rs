//! Histories: what callers do, one small command after the other, and where one looks in between. Rows and people are
//! numbers, so that a history can be cut down to the commands that matter.

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::world::{Access, Grantee, KEEPER, PEOPLE, REVIEWER, Right, TEAMS, Trust};

pub(crate) const KEYS: [&str; 3] = ["a_1", "a%1", "b.1"];
pub(crate) const PREFIXES: [&str; 4] = ["a", "a_", "a%", ""];
pub(crate) const TAGS: [&str; 2] = ["red", "blue"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Plain,
    Value,
    /// Reads like an order.
    Order,
    /// Holds tag characters.
    Poison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Secs(i64),
    Layer(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audience {
    pub(crate) access: Access,
    pub(crate) team: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) body: Body,
    pub(crate) key: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) importance: Option<f64>,
    pub(crate) audience: Option<Audience>,
    pub(crate) project: Option<&'static str>,
    pub(crate) life: Option<Life>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Patch {
    pub(crate) body: Option<Body>,
    pub(crate) key: Option<Option<&'static str>>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) tags: Option<Vec<&'static str>>,
    pub(crate) importance: Option<f64>,
    pub(crate) audience: Option<Audience>,
    pub(crate) project: Option<Option<&'static str>>,
    pub(crate) life: Option<Life>,
}

/// What a caller says of the version: nothing, the right one, the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    Present,
    Outdated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Trust,
    Quarantine,
    Release,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Create {
        who: usize,
        draft: Draft,
    },
    CreateMany {
        who: usize,
        drafts: Vec<Draft>,
    },
    Set {
        who: usize,
        owner: Option<usize>,
        key: &'static str,
        draft: Draft,
        overwrite: bool,
        expected: Expected,
    },
    Update {
        who: usize,
        row: usize,
        patch: Patch,
        expected: Expected,
    },
    /// The same small update many times, for the number of versions kept.
    Hammer {
        who: usize,
        row: usize,
        times: usize,
    },
    Delete {
        who: usize,
        row: usize,
        expected: Expected,
    },
    Restore {
        who: usize,
        row: usize,
    },
    Share {
        who: usize,
        row: usize,
        to: Grantee,
        right: Right,
        secs: Option<i64>,
    },
    Unshare {
        who: usize,
        row: usize,
        to: Grantee,
    },
    Revert {
        who: usize,
        row: usize,
        back: i64,
        expected: Expected,
    },
    Review {
        who: usize,
        row: usize,
        decision: Decision,
    },
    Consolidate {
        who: usize,
        rows: Vec<usize>,
        summary: bool,
        supersede: bool,
    },
    Cleanup {
        who: usize,
        days: i64,
        below: f64,
        dry: bool,
        all: bool,
    },
    Purge {
        who: usize,
        row: usize,
    },
    Undo {
        who: usize,
        of: usize,
        since: i64,
        until: Option<i64>,
        dry: bool,
    },
    Join {
        person: usize,
        team: usize,
    },
    Leave {
        person: usize,
        team: usize,
    },
    Wait {
        micros: i64,
    },
    Sweep,
    Reindex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Updated,
    Created,
    Key,
}

/// What is looked at after a command.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) viewer: usize,
    pub(crate) row: usize,
    pub(crate) owner: usize,
    pub(crate) key: &'static str,
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) owner: Option<usize>,
    pub(crate) access: Option<Access>,
    pub(crate) trust: Option<Trust>,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) tag: Option<&'static str>,
    pub(crate) all_tags: bool,
    pub(crate) project: Option<&'static str>,
    /// Changed within so many microseconds.
    pub(crate) changed_within: Option<i64>,
    pub(crate) with_superseded: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) command: Command,
    pub(crate) look: Look,
}

/// Stands for whoever owns the row that a command is about; the first of the people where it is about none.
pub(crate) const OWNER: usize = PEOPLE;
/// Stands for somebody whom that row is shared with; its owner where there is nobody.
pub(crate) const GRANTEE: usize = PEOPLE + 1;

/// Agents write most; reviewers and keepers now and then; a reader and a stranger try.
fn who() -> impl Strategy<Value = usize> {
    select(vec![1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 0, 5])
}

/// Who does something to a row that is there: mostly its owner, or somebody whom it is shared with.
fn doer() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(OWNER), 3 => Just(GRANTEE), 3 => who()]
}

impl Command {
    /// Who calls, and which row it is about.
    pub(crate) fn doer(&mut self) -> Option<(&mut usize, usize)> {
        Some(match self {
            Self::Update { who, row, .. }
            | Self::Hammer { who, row, .. }
            | Self::Delete { who, row, .. }
            | Self::Restore { who, row }
            | Self::Share { who, row, .. }
            | Self::Unshare { who, row, .. }
            | Self::Revert { who, row, .. }
            | Self::Review { who, row, .. }
            | Self::Purge { who, row } => (who, *row),
            Self::Consolidate { who, rows, .. } => (who, rows.first().copied().unwrap_or_default()),
            Self::Create { .. }
            | Self::CreateMany { .. }
            | Self::Set { .. }
            | Self::Cleanup { .. }
            | Self::Undo { .. }
            | Self::Join { .. }
            | Self::Leave { .. }
            | Self::Wait { .. }
            | Self::Sweep
            | Self::Reindex => return None,
        })
    }
}

fn row() -> impl Strategy<Value = usize> {
    0..32usize
}

fn access() -> impl Strategy<Value = Access> {
    use Access::{Private, Public, Shared, System, Team};
    select(vec![Private, Shared, Shared, Team, Team, Public, Public, System])
}

fn audience() -> impl Strategy<Value = Audience> {
    (access(), 0..TEAMS).prop_map(|(access, team)| Audience { access, team })
}

fn body() -> impl Strategy<Value = Body> {
    select(vec![Body::Plain, Body::Plain, Body::Plain, Body::Value, Body::Value, Body::Order, Body::Poison])
}

fn kind() -> impl Strategy<Value = &'static str> {
    select(vec!["note", "fact", "value"])
}

fn tags() -> impl Strategy<Value = Vec<&'static str>> {
    select(vec![vec![], vec!["red"], vec!["blue"], vec!["red", "blue"]])
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        3 => select(vec![0, 1, 60, 3_600, 86_400, 2_592_000]).prop_map(Life::Secs),
        1 => select(vec!["short", "mid", "long"]).prop_map(Life::Layer),
    ]
}

fn importance() -> impl Strategy<Value = f64> {
    select(vec![0.1, 0.3, 0.9])
}

fn key() -> impl Strategy<Value = &'static str> {
    select(KEYS.to_vec())
}

fn draft() -> impl Strategy<Value = Draft> {
    let labels =
        (option::weighted(0.2, kind()), tags(), option::of(importance()), option::weighted(0.3, Just("north")));
    (body(), option::weighted(0.4, key()), labels, option::weighted(0.8, audience()), option::weighted(0.3, life()))
        .prop_map(|(body, key, (kind, tags, importance, project), audience, life)| Draft {
            body,
            key,
            kind,
            tags,
            importance,
            audience,
            project,
            life,
        })
}

fn patch() -> impl Strategy<Value = Patch> {
    let labels = (
        option::weighted(0.2, kind()),
        option::weighted(0.2, tags()),
        option::weighted(0.2, importance()),
        option::weighted(0.1, option::of(Just("north"))),
    );
    let key = option::weighted(0.2, option::of(key()));
    let audience = option::weighted(0.25, audience());
    (option::of(body()), key, labels, audience, option::weighted(0.2, life())).prop_map(
        |(body, key, (kind, tags, importance, project), audience, life)| Patch {
            body,
            key,
            kind,
            tags,
            importance,
            audience,
            project,
            life,
        },
    )
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![7 => Just(Expected::Any), 2 => Just(Expected::Present), 1 => Just(Expected::Outdated)]
}

fn grantee() -> impl Strategy<Value = Grantee> {
    prop_oneof![
        3 => (0..PEOPLE).prop_map(Grantee::Person),
        1 => (0..TEAMS).prop_map(Grantee::Team),
    ]
}

fn right() -> impl Strategy<Value = Right> {
    select(vec![Right::Read, Right::Write, Right::Delete])
}

fn wait() -> impl Strategy<Value = i64> {
    let second = 1_000_000;
    let day = 86_400 * second;
    prop_oneof![
        4 => select(vec![second / 2, second, 60 * second, 3_600 * second]),
        1 => select(vec![day, 8 * day, 30 * day, 31 * day]),
    ]
}

/// A moment gone by: now, or so long ago.
fn ago() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0), 3 => wait()]
}

fn writing() -> impl Strategy<Value = Command> {
    let set = (who(), option::weighted(0.2, who()), key(), draft(), any::<bool>(), expected());
    prop_oneof![
        6 => (who(), draft().boxed()).prop_map(|(who, draft)| Command::Create { who, draft }),
        1 => (who(), vec(draft(), 1..4)).prop_map(|(who, drafts)| Command::CreateMany { who, drafts }),
        4 => set.prop_map(|(who, owner, key, draft, overwrite, expected)| Command::Set {
            who, owner, key, draft, overwrite: overwrite || expected != Expected::Any, expected,
        }),
        5 => (doer(), row(), patch().boxed(), expected())
            .prop_map(|(who, row, patch, expected)| Command::Update { who, row, patch, expected }),
        1 => (doer(), row(), select(vec![1, 19, 22, 52]))
            .prop_map(|(who, row, times)| Command::Hammer { who, row, times }),
        2 => (doer(), row(), 1..3i64, expected())
            .prop_map(|(who, row, back, expected)| Command::Revert { who, row, back, expected }),
        2 => (doer(), (row(), 2..4usize), any::<bool>(), any::<bool>()).prop_map(|(who, (row, count), summary, supersede)| {
            Command::Consolidate { who, rows: (row..row + count).collect(), summary, supersede }
        }),
    ]
}

fn sharing() -> impl Strategy<Value = Command> {
    let secs = option::weighted(0.4, select(vec![1, 60, 86_400]));
    prop_oneof![
        5 => (doer(), row(), grantee(), right(), secs)
            .prop_map(|(who, row, to, right, secs)| Command::Share { who, row, to, right, secs }),
        1 => (doer(), row(), grantee()).prop_map(|(who, row, to)| Command::Unshare { who, row, to }),
        2 => (0..PEOPLE, 0..TEAMS).prop_map(|(person, team)| Command::Join { person, team }),
        1 => (0..PEOPLE, 0..TEAMS).prop_map(|(person, team)| Command::Leave { person, team }),
    ]
}

fn ending() -> impl Strategy<Value = Command> {
    let keeper = prop_oneof![4 => Just(KEEPER), 1 => who()];
    let undo = (keeper, 0..PEOPLE, ago(), option::weighted(0.3, ago()), any::<bool>());
    let bounds = (who(), select(vec![1, 7]), select(vec![0.2, 0.5, 1.0]));
    prop_oneof![
        3 => (doer(), row(), expected()).prop_map(|(who, row, expected)| Command::Delete { who, row, expected }),
        3 => (doer(), row()).prop_map(|(who, row)| Command::Restore { who, row }),
        1 => (bounds, any::<bool>(), any::<bool>())
            .prop_map(|((who, days, below), dry, all)| Command::Cleanup { who, days, below, dry, all }),
        1 => (prop_oneof![Just(KEEPER), who()], row()).prop_map(|(who, row)| Command::Purge { who, row }),
        2 => undo.prop_map(|(who, of, since, until, dry)| Command::Undo { who, of, since, until, dry }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let decision = select(vec![Decision::Trust, Decision::Quarantine, Decision::Release]);
    let review = (prop_oneof![3 => Just(REVIEWER), 1 => who()], row(), decision);
    prop_oneof![
        12 => writing().boxed(),
        5 => sharing().boxed(),
        5 => ending().boxed(),
        2 => review.prop_map(|(who, row, decision)| Command::Review { who, row, decision }),
        4 => wait().prop_map(|micros| Command::Wait { micros }),
        1 => Just(Command::Sweep),
        1 => Just(Command::Reindex),
    ]
}

/// Commands that mean something only one after the other: a row that is gone and comes back, a low hand on a trusted row,
/// a key whose holder has expired, a change by somebody else that is taken back.
fn passage() -> impl Strategy<Value = Vec<Command>> {
    let newest = || Just(0_usize);
    let day = 86_400_000_000_i64;
    let back = (doer(), select(vec![0, day, 30 * day - 1, 30 * day, 31 * day]), any::<bool>(), draft()).prop_map(
        |(who, micros, is_swept, draft)| {
            let mut all = vec![
                Command::Create { who: 1, draft },
                Command::Delete { who: 1, row: 0, expected: Expected::Any },
                Command::Wait { micros },
            ];
            if is_swept {
                all.push(Command::Sweep);
            }
            all.push(Command::Restore { who, row: 0 });
            all
        },
    );
    let shared = (select(vec![1, 3]), doer(), grantee(), right(), newest(), patch().boxed(), draft().boxed())
        .prop_map(|(owner, who, to, right, row, patch, draft)| {
            vec![
                Command::Create { who: owner, draft: Draft { life: None, ..draft } },
                Command::Share { who: owner, row, to, right, secs: None },
                Command::Update {
                    who,
                    row,
                    patch: Patch { key: None, audience: None, ..patch },
                    expected: Expected::Any,
                },
            ]
        })
        .boxed();
    let keyed = (draft(), key(), who(), any::<bool>()).prop_map(|(draft, key, who, is_set)| {
        let brief = Draft { key: Some(key), life: Some(Life::Secs(1)), audience: None, ..draft.clone() };
        let again = Draft { life: None, ..brief.clone() };
        let then = if is_set {
            Command::Set { who, owner: None, key, draft: again, overwrite: false, expected: Expected::Any }
        } else {
            Command::Create { who, draft: again }
        };
        vec![Command::Create { who, draft: brief }, Command::Wait { micros: 1_000_000 }, then]
    });
    let undone = (shared.clone(), command().boxed(), wait(), select(vec![1, 2, 3]), any::<bool>()).prop_map(
        |(mut all, between, micros, of, dry)| {
            let change = all.pop();
            all.push(Command::Wait { micros });
            all.extend(change);
            all.push(between);
            all.push(Command::Undo { who: KEEPER, of, since: 0, until: None, dry });
            all
        },
    );
    prop_oneof![
        24 => command().prop_map(|command| vec![command]).boxed(),
        1 => back.boxed(),
        1 => shared,
        1 => keyed.boxed(),
        1 => undone.boxed(),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let trust = select(vec![Trust::Quarantined, Trust::Quarantined, Trust::Unreviewed, Trust::Trusted]);
    let owner = option::weighted(0.3, 0..PEOPLE);
    let labels = (
        option::weighted(0.1, kind()),
        option::weighted(0.2, select(TAGS.to_vec())),
        any::<bool>(),
        option::weighted(0.1, Just("north")),
    );
    let marks = (option::weighted(0.2, access()), option::weighted(0.3, trust));
    let prefix = option::weighted(0.3, select(PREFIXES.to_vec()));
    (owner, marks, prefix, labels, option::weighted(0.1, wait()), any::<bool>()).prop_map(
        |(owner, (access, trust), prefix, (kind, tag, all_tags, project), changed_within, with_superseded)| Filter {
            owner,
            access,
            trust,
            prefix,
            kind,
            tag,
            all_tags,
            project,
            changed_within,
            with_superseded,
        },
    )
}

fn look() -> impl Strategy<Value = Look> {
    let sort = select(vec![Sort::Updated, Sort::Created, Sort::Key]);
    (0..PEOPLE, row(), 0..PEOPLE, key(), filter(), sort, select(vec![1, 2, 3, 200])).prop_map(
        |(viewer, row, owner, key, filter, sort, limit)| Look { viewer, row, owner, key, filter, sort, limit },
    )
}

/// A history has up to this many commands or passages of commands.
pub(crate) const LONGEST: usize = 36;

pub(crate) fn history() -> impl Strategy<Value = Vec<Step>> {
    let begun = (who(), draft()).prop_map(|(who, draft)| vec![Command::Create { who, draft }]);
    let steps = |commands: BoxedStrategy<Vec<Command>>| {
        (commands, look()).prop_map(|(commands, look)| {
            commands.into_iter().map(|command| Step { command, look: look.clone() }).collect::<Vec<_>>()
        })
    };
    (vec(steps(begun.boxed()), 0..5), vec(steps(passage().boxed()), 1..=LONGEST - 4))
        .prop_map(|(first, then)| first.into_iter().chain(then).flatten().collect())
}
