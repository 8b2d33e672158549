//! What may be asked of memories: the input that search and recall share, and its checks.

use schemars::JsonSchema;
use search::{Boost, Options, Query, Typo};
use serde::Deserialize;
use types::Timestamp;

use crate::{
    Code, Error, Result,
    input::Checks,
    recall::{Ask, Filter},
};

/// Which rankings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Mode {
    /// All there are.
    Hybrid,
    /// Words and misspellings.
    Keyword,
    /// Meaning alone.
    Semantic,
}

impl Mode {
    /// What an answer says of the semantic ranking.
    ///
    /// # Errors
    /// `semantic_unavailable` when nothing else was asked for.
    pub(super) fn semantic(mode: Option<Self>) -> Result<&'static str> {
        match mode {
            None | Some(Self::Hybrid) => Ok("unavailable"),
            Some(Self::Keyword) => Ok("off"),
            Some(Self::Semantic) => Err(Error::new(Code::SemanticUnavailable, "no embedding model is installed")
                .hint("use mode `hybrid` or `keyword`")),
        }
    }
}

/// Whether importance and age count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Boosting {
    /// They do.
    Default,
    /// They do not.
    Off,
}

/// Trust that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum LeastTrust {
    /// Whatever is not quarantined.
    Unreviewed,
    /// Written or approved by a reviewer.
    Trusted,
}

/// Declares an input: the question and what comes with it.
macro_rules! question {
    ($(#[$doc:meta])* $name:ident { $($(#[$extra_doc:meta])* $extra:ident: $extra_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Words, 1 to 1,000 characters; no operators.
            query: String,
            /// Default `hybrid`.
            mode: Option<super::question::Mode>,
            /// 1 to 100, default 10.
            limit: Option<u32>,
            /// Only these kinds.
            #[serde(default)]
            kinds: Vec<types::memory::Kind>,
            /// Carrying all of these.
            #[serde(default)]
            tags_all: Vec<String>,
            /// Carrying one of these.
            #[serde(default)]
            tags_any: Vec<String>,
            /// Only these principals'.
            #[serde(default)]
            owners: Vec<types::PrincipalId>,
            /// Only this project label.
            project: Option<String>,
            /// Only this access.
            access: Option<types::memory::Access>,
            /// Stored after.
            created_after: Option<types::Timestamp>,
            /// Stored before.
            created_before: Option<types::Timestamp>,
            /// Changed after.
            updated_after: Option<types::Timestamp>,
            /// Changed before.
            updated_before: Option<types::Timestamp>,
            /// 0 to 1.
            min_importance: Option<f64>,
            /// `trusted`: only what a reviewer wrote or approved.
            min_trust: Option<super::question::LeastTrust>,
            /// Least cosine of the semantic ranking, 0 to 1, default 0.35; the other rankings ignore it.
            min_similarity: Option<f64>,
            /// Forgive misspellings; default true.
            typo: Option<bool>,
            /// `off`: importance and age do not count.
            boost: Option<super::question::Boosting>,
            /// Also memories whose place others took.
            #[serde(default)]
            include_superseded: bool,
            $($(#[$extra_doc])* $extra: $extra_type,)*
        }

        impl $name {
            /// The question, once it and `checks` are found to be sound.
            fn asked(self, mut checks: crate::input::Checks, now: types::Timestamp) -> crate::Result<crate::recall::Ask> {
                let limit = self.limit.unwrap_or(10);
                super::question::check(
                    &mut checks,
                    (&self.query, limit),
                    [("min_importance", self.min_importance), ("min_similarity", self.min_similarity)],
                    [
                        ("kinds", self.kinds.len()),
                        ("tags_all", self.tags_all.len()),
                        ("tags_any", self.tags_any.len()),
                        ("owners", self.owners.len()),
                    ],
                );
                checks.done()?;
                let filter = crate::recall::Filter {
                    kinds: self.kinds,
                    tags_all: self.tags_all,
                    tags_any: self.tags_any,
                    owners: self.owners,
                    project: self.project,
                    access: self.access,
                    created: (self.created_after, self.created_before),
                    updated: (self.updated_after, self.updated_before),
                    min_importance: self.min_importance,
                    trusted_only: self.min_trust == Some(super::question::LeastTrust::Trusted),
                    include_superseded: self.include_superseded,
                };
                Ok(super::question::ask((&self.query, limit), (self.typo, self.boost), filter, now))
            }
        }
    };
}
pub(super) use question;

/// Checks what has limits.
pub(super) fn check(
    checks: &mut Checks,
    (query, limit): (&str, u32),
    shares: [(&str, Option<f64>); 2],
    lists: [(&str, usize); 4],
) {
    checks.text("query", query, 1..=1_000);
    checks.range("limit", limit, 1..=100);
    for (field, number) in shares {
        if let Some(number) = number {
            checks.range(field, number, 0.0..=1.0);
        }
    }
    for (field, count) in lists {
        if count > 32 {
            checks.fail(field, "at most 32 are allowed");
        }
    }
}

/// The question in the words of the search index.
pub(super) fn ask(
    (query, limit): (&str, u32),
    (typo, boost): (Option<bool>, Option<Boosting>),
    filter: Filter,
    now: Timestamp,
) -> Ask {
    Ask {
        query: Query::parse(query),
        options: Options { typo: if typo.unwrap_or(true) { Typo::Forgiven } else { Typo::Strict } },
        boost: match boost {
            Some(Boosting::Off) => Boost::Off,
            None | Some(Boosting::Default) => Boost::At { now_micros: now.micros() },
        },
        filter,
        limit: usize::try_from(limit).unwrap_or(1),
    }
}
