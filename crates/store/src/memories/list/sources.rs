//! The statements of lists: each way in which rows come to be visible, in each order.

use super::Sort;

// $1 workspace, $2 whose rows, $3 now, then the filters, the range of keys where one is asked for, the place and the limit.
macro_rules! filtered {
    ($whose:expr, $created:literal, $updated:literal) => {
        concat!(
            "FROM memories WHERE ",
            $whose,
            " AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
            " AND (CAST($4 AS TEXT) IS NULL OR owner = $4) AND (CAST($5 AS TEXT) IS NULL OR kind = $5)",
            " AND (CAST($6 AS TEXT) IS NULL OR access = $6)",
            " AND CASE WHEN CAST($7 AS TEXT) IS NULL THEN trust <> 'quarantined' ELSE trust = $7 END",
            " AND (CAST($8 AS TEXT) IS NULL OR project = $8) AND ",
            $created,
            " > $9 AND ",
            $created,
            " < $10 AND ",
            $updated,
            " > $11 AND ",
            $updated,
            " < $12"
        )
    };
}

macro_rules! narrowed {
    ($whose:expr) => {
        filtered!($whose, "created_at", "updated_at")
    };
}

// The bounds let the index on keys be used, and sums keep the planner from those on times; the prefix itself is compared
// literally.
macro_rules! keyed {
    ($whose:expr) => {
        concat!(
            filtered!($whose, "created_at + 0", "updated_at + 0"),
            " AND COALESCE(key, '') >= $13 AND COALESCE(key, '') < $14",
            " AND substr(COALESCE(key, ''), 1, length($15)) = $15"
        )
    };
}

macro_rules! listing {
    ($rows:expr, $tail:literal) => {
        concat!(
            "SELECT id, owner, key, kind, NULL, NULL, summary, tags, importance, access, team_id, trust, flags, ",
            "flags_version, superseded_by, supersedes, project, layer, expires_at, metadata, provenance, access_count, ",
            "accessed_at, relevance, version, created_at, updated_at, deleted_at, size_bytes ",
            $rows,
            $tail
        )
    };
}

macro_rules! my_teams {
    () => {
        "(SELECT team_id FROM team_members WHERE workspace_id = $1 AND principal = $2)"
    };
}

// The viewer's own rows come from more than one source and are dropped in the merge: walking past them would take as long
// as there are many.
macro_rules! own {
    () => {
        "workspace_id = $1 AND owner = $2"
    };
}
macro_rules! open {
    () => {
        "workspace_id = $1 AND CAST($2 AS TEXT) IS NOT NULL AND trust <> 'quarantined' AND access IN ('public', 'system')"
    };
}
macro_rules! team {
    () => {
        "workspace_id = $1 AND team_id = $2 AND trust <> 'quarantined'"
    };
}
// The casts lead the planner to the index on granted rows, and keep it from walking the workspace.
macro_rules! granted {
    () => {
        concat!(
            "CAST(workspace_id AS TEXT) = $1 AND trust <> 'quarantined' AND access IN ('shared', 'team') AND CAST(id AS TEXT) IN (SELECT memory_id FROM memory_grants ",
            "WHERE workspace_id = $1 AND grantee IN (SELECT CAST($2 AS TEXT) UNION ALL SELECT team_id ",
            "FROM team_members WHERE workspace_id = $1 AND principal = $2) AND (expires_at IS NULL OR expires_at > $3))"
        )
    };
}
macro_rules! anothers {
    ($rows:expr) => {
        concat!($rows, " AND owner <> $2")
    };
}

/// One way in which rows come to be visible, in each order. Sorting by a sum keeps the planner from walking the index on
/// times where another one is narrower.
pub(super) struct Source {
    updated: &'static str,
    created: &'static str,
    updated_keyed: &'static str,
    created_keyed: &'static str,
    key: &'static str,
}

macro_rules! source {
    ($name:ident, $rows:expr, $updated:literal, $created:literal) => {
        pub(super) const $name: Source = Source {
            updated: listing!(narrowed!($rows), $updated),
            created: listing!(narrowed!($rows), $created),
            updated_keyed: listing!(
                keyed!($rows),
                " AND (updated_at + 0, id) < ($16, $17) ORDER BY updated_at + 0 DESC, id DESC LIMIT $18"
            ),
            created_keyed: listing!(
                keyed!($rows),
                " AND (created_at + 0, id) < ($16, $17) ORDER BY created_at + 0 DESC, id DESC LIMIT $18"
            ),
            key: listing!(
                keyed!($rows),
                " AND (COALESCE(key, ''), id) > ($16, $17) ORDER BY COALESCE(key, ''), id LIMIT $18"
            ),
        };
    };
}

source!(
    OWN,
    own!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
source!(
    OPEN,
    open!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
// Of one other owner, by the index on owners.
source!(
    OPEN_OF_OWNER,
    concat!(own!(), " AND trust <> 'quarantined' AND access IN ('public', 'system')"),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
source!(
    TEAM,
    team!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);
// All that was granted is looked at, in its index; only the rows of the page are read as a whole.
macro_rules! picked {
    ($rows:expr, $page:literal, $order:literal) => {
        listing!(concat!("FROM memories WHERE id IN (SELECT id ", $rows, $page, ")"), $order)
    };
}

pub(super) const GRANTED: Source = Source {
    updated: picked!(
        narrowed!(granted!()),
        " AND (updated_at, id) < ($13, $14) ORDER BY updated_at + 0 DESC, id DESC LIMIT $15",
        " ORDER BY updated_at + 0 DESC, id DESC"
    ),
    created: picked!(
        narrowed!(granted!()),
        " AND (created_at, id) < ($13, $14) ORDER BY created_at + 0 DESC, id DESC LIMIT $15",
        " ORDER BY created_at + 0 DESC, id DESC"
    ),
    updated_keyed: picked!(
        keyed!(granted!()),
        " AND (updated_at, id) < ($16, $17) ORDER BY updated_at + 0 DESC, id DESC LIMIT $18",
        " ORDER BY updated_at + 0 DESC, id DESC"
    ),
    created_keyed: picked!(
        keyed!(granted!()),
        " AND (created_at, id) < ($16, $17) ORDER BY created_at + 0 DESC, id DESC LIMIT $18",
        " ORDER BY created_at + 0 DESC, id DESC"
    ),
    key: picked!(
        keyed!(granted!()),
        " AND (COALESCE(key, ''), id) > ($16, $17) ORDER BY COALESCE(key, ''), id LIMIT $18",
        " ORDER BY COALESCE(key, ''), id"
    ),
};

// Whoever may see them: each is judged when it is read. The cast keeps the planner from walking the workspace.
macro_rules! tagged {
    () => {
        concat!(
            "CAST(workspace_id AS TEXT) = $1 AND id IN ",
            "(SELECT memory_id FROM memory_tags WHERE workspace_id = $1 AND tag = $2)"
        )
    };
}
source!(
    TAGGED,
    tagged!(),
    " AND (updated_at, id) < ($13, $14) ORDER BY updated_at DESC, id DESC LIMIT $15",
    " AND (created_at, id) < ($13, $14) ORDER BY created_at DESC, id DESC LIMIT $15"
);

macro_rules! my_teams_rows {
    () => {
        concat!("workspace_id = $1 AND trust <> 'quarantined' AND team_id IN ", my_teams!())
    };
}
macro_rules! granted_only {
    () => {
        concat!(granted!(), " AND COALESCE(team_id, '') NOT IN ", my_teams!())
    };
}

/// How many rows each way shows that the ones before do not; the last argument is the prefix.
pub(super) const COUNTS: [&str; 4] = [
    concat!("SELECT COUNT(*) ", keyed!(own!())),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(open!()))),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(my_teams_rows!()))),
    concat!("SELECT COUNT(*) ", keyed!(anothers!(granted_only!()))),
];
/// The tags of the rows that [`COUNTS`] counts.
pub(super) const TAGS: [&str; 4] = [
    concat!("SELECT tags ", keyed!(own!())),
    concat!("SELECT tags ", keyed!(anothers!(open!()))),
    concat!("SELECT tags ", keyed!(anothers!(my_teams_rows!()))),
    concat!("SELECT tags ", keyed!(anothers!(granted_only!()))),
];

impl Source {
    /// The statement in this order, with or without a range of keys.
    pub(super) const fn statement(&self, sort: Sort, is_keyed: bool) -> &'static str {
        match (sort, is_keyed) {
            (Sort::Updated, false) => self.updated,
            (Sort::Created, false) => self.created,
            (Sort::Updated, true) => self.updated_keyed,
            (Sort::Created, true) => self.created_keyed,
            (Sort::Key, _) => self.key,
        }
    }
}
