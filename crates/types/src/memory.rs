//! Memories: what agents know and share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{GranteeId, MemoryId, PrincipalId, TeamId, Timestamp};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// The word used in JSON and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What sort of thing a memory holds.
    Kind {
        /// Anything.
        Note = "note",
        /// Something held to be true.
        Fact = "fact",
        /// Something agreed.
        Decision = "decision",
        /// How to do something.
        Procedure = "procedure",
        /// Something seen.
        Observation = "observation",
        /// A shorter form of other memories.
        Summary = "summary",
        /// A JSON value.
        Value = "value",
    }
}

words! {
    /// Who may read a memory; from the most private to the most open.
    Access {
        /// Its owner.
        Private = "private",
        /// Its owner, and whom it is shared with.
        Shared = "shared",
        /// The members of a team too.
        Team = "team",
        /// Everyone in the workspace with `memory:read`.
        Public = "public",
        /// Everyone with `memory:read`; only holders of `memory:manage` change it.
        System = "system",
    }
}

words! {
    /// How far a memory's text is relied on.
    Trust {
        /// Hidden from everybody but its owner and reviewers.
        Quarantined = "quarantined",
        /// Nobody has looked at it.
        Unreviewed = "unreviewed",
        /// Written or approved by somebody with `memory:review`.
        Trusted = "trusted",
    }
}

words! {
    /// Something a reader should know of a memory's text before relying on it.
    Flag {
        /// Characters that cannot be seen.
        InvisibleUnicode = "invisible_unicode",
        /// Characters that turn the direction of writing.
        BidiControl = "bidi_control",
        /// Tag characters, which can hide a whole text.
        TagCharacters = "tag_characters",
        /// Reads like an order to the reading agent.
        InstructionLike = "instruction_like",
        /// Reads like a credential.
        SecretLike = "secret_like",
    }
}

words! {
    /// What a grant allows; each includes the one before.
    Right {
        /// To read it.
        Read = "read",
        /// To change its text and labels.
        Write = "write",
        /// To delete it.
        Delete = "delete",
    }
}

words! {
    /// How a version of a memory came about.
    Change {
        /// It was stored.
        Created = "created",
        /// Fields were changed.
        Updated = "updated",
        /// It was shared for the first time.
        Shared = "shared",
        /// It was deleted.
        Deleted = "deleted",
        /// It was brought back.
        Restored = "restored",
        /// An earlier version was taken up again.
        Reverted = "reverted",
        /// Others took its place.
        Superseded = "superseded",
        /// Its trust was decided.
        Reviewed = "reviewed",
        /// What a principal had done to it was undone.
        Undone = "undone",
        /// It came from another system.
        Imported = "imported",
    }
}

words! {
    /// How long a memory is kept.
    Layer {
        /// One day.
        Short = "short",
        /// One week.
        Mid = "mid",
        /// Until deleted.
        Long = "long",
    }
}

/// The caller's reason for a memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Why {
    /// In a word or two, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// In a sentence, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where the knowledge came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Source {
    /// Such as `file`, `url`, `conversation`; at most 64 characters.
    pub kind: String,
    /// Which one, at most 512 characters.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// What a caller may say of a memory's origin; the rest is set by the server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Claimed {
    /// Why it was stored.
    pub why: Option<Why>,
    /// The task it belongs to, at most 128 characters.
    pub task_id: Option<String>,
    /// Ties calls together, at most 128 characters.
    pub correlation_id: Option<String>,
    /// Where it came from.
    pub source: Option<Source>,
}

/// Who stored a memory, when, for which project, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The authenticated principal.
    pub principal: PrincipalId,
    /// What runs behind an agent.
    pub agent_type: Option<String>,
    /// The face it came through.
    pub via: String,
    /// The server's time.
    pub at: Timestamp,
    /// The project label.
    pub project: Option<String>,
    /// The caller's reason.
    pub why: Option<Why>,
    /// The task it belongs to.
    pub task_id: Option<String>,
    /// Ties calls together.
    pub correlation_id: Option<String>,
    /// Where the knowledge came from.
    pub source: Option<Source>,
}

/// A permission on one memory, given by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Grant {
    /// A principal, or a team and with it every member.
    pub grantee: GranteeId,
    /// What it allows.
    pub permission: Right,
    /// From then on it allows nothing.
    pub expires_at: Option<Timestamp>,
    /// Who gave it.
    pub granted_by: PrincipalId,
    /// When it was given.
    pub granted_at: Timestamp,
}

/// A memory as it was at one version.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "MemoryVersion")]
pub struct Version {
    /// When it became so.
    pub at: Timestamp,
    /// Who made it so.
    pub by: PrincipalId,
    /// What was done.
    pub change: Change,
    /// Every field.
    #[serde(flatten)]
    pub memory: Memory,
}

/// A note, or with a `key` a named value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Its id.
    pub id: MemoryId,
    /// The principal who stored it.
    pub owner: PrincipalId,
    /// Name under which `set_memory` finds it; unique per owner among live rows.
    pub key: Option<String>,
    /// What sort of thing it is.
    pub kind: Kind,
    /// The text; absent when it holds a value, and in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The JSON value; absent when it holds a text, and in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// A shorter form, at most 2,000 characters.
    pub summary: Option<String>,
    /// At most 32 labels.
    pub tags: Vec<String>,
    /// 0 to 1.
    pub importance: f64,
    /// Who may read it.
    pub access: Access,
    /// The team that may read it, when `access` is `team`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// How far its text is relied on.
    pub trust: Trust,
    /// What a reader should know of its text.
    pub flags: Vec<Flag>,
    /// The version of the patterns that gave the flags.
    pub flags_version: i64,
    /// The memory that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<MemoryId>,
    /// The memories whose place it took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<MemoryId>,
    /// Free label of the project it belongs to.
    pub project: Option<String>,
    /// How long it was to be kept.
    pub layer: Option<Layer>,
    /// From then on it is gone.
    pub expires_at: Option<Timestamp>,
    /// Free JSON.
    pub metadata: Map<String, Value>,
    /// Who, when, where, why.
    pub provenance: Provenance,
    /// How often it was fetched, to within a batch of 5 s.
    pub access_count: i64,
    /// When it was last fetched, to within a batch of 5 s.
    pub accessed_at: Option<Timestamp>,
    /// 0 to 1; rises with every fetch, from 0.5.
    pub relevance: f64,
    /// Rises with every change.
    pub version: i64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Bytes of content or value; only in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// The content was cut; only in search results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}
