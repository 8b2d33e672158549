//! One newtype per noun. Printed as `prefix_` and 26 Crockford base32 digits of 128 bits: 48 bits of
//! milliseconds, then 80 random bits, so ids sort by the time they were made (the ULID layout).
//! Ids are names, not capabilities.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 26;

/// The text is not an id of the expected noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId {
    expected: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected an id that begins with `{}`", self.expected)
    }
}

impl std::error::Error for NotAnId {}

fn layout(now: Timestamp, random: u128) -> u128 {
    let millis = u128::try_from(now.micros() / 1000).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    (millis << 80) | (random & ((1 << 80) - 1))
}

fn print(f: &mut fmt::Formatter<'_>, prefix: &str, value: u128) -> fmt::Result {
    let mut digits = [0u8; DIGITS];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let index = usize::try_from((value >> (5 * place)) & 31).unwrap_or(0);
        *digit = ALPHABET.get(index).copied().unwrap_or(b'0');
    }
    f.write_str(prefix)?;
    f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
}

fn parse(text: &str, prefix: &'static str) -> Result<u128, NotAnId> {
    let wrong = NotAnId { expected: prefix };
    let Some(digits) = text.strip_prefix(prefix) else {
        return Err(wrong);
    };
    if digits.len() != DIGITS || digits.as_bytes().first().is_some_and(|d| *d > b'7') {
        return Err(wrong);
    }
    let mut value = 0u128;
    for digit in digits.bytes() {
        let Some(place) = ALPHABET.iter().position(|a| *a == digit) else {
            return Err(wrong);
        };
        value = (value << 5) | place as u128;
    }
    Ok(value)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What every such id begins with.
            pub const PREFIX: &'static str = concat!($prefix, "_");

            /// A new id from the clock and 80 of the given random bits.
            #[must_use]
            pub fn new(now: Timestamp, random: u128) -> Self {
                Self(layout(now, random))
            }

            /// The 128 bits behind the printed form.
            #[must_use]
            pub const fn value(self) -> u128 {
                self.0
            }

            /// The id with exactly these 128 bits.
            #[must_use]
            pub const fn from_value(value: u128) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(f, Self::PREFIX, self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text, Self::PREFIX).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": concat!("^", $prefix, "_[0-7][0-9A-HJKMNP-TV-Z]{25}$")})
            }
        }
    )*};
}

ids! {
    /// A tenant: everything else belongs to exactly one.
    WorkspaceId = "wsp";
    /// A person.
    UserId = "usr";
    /// A machine that acts for people.
    AgentId = "agt";
    /// An API key's name; never the key.
    KeyId = "key";
    /// Principals that share.
    TeamId = "tem";
    /// One memory.
    MemoryId = "mem";
    /// A piece of long work, such as an import.
    JobId = "job";
    /// A backup of the whole installation.
    BackupId = "bkp";
}

impl UserId {
    /// The local operator: whoever owns the data directory and speaks over its Unix socket.
    pub const LOCAL: Self = Self(0);
}

/// An id that can be one of several nouns; its prefix tells which.
macro_rules! one_of {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $pattern:literal { $($(#[$vdoc:meta])* $variant:ident($id:ident),)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant($id),)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant(id) => id.fmt(f),)* }
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                $(if text.starts_with($id::PREFIX) { return text.parse().map(Self::$variant); })*
                Err(NotAnId { expected: $expected })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(from)?
                    .parse()
                    .map_err(|_| de::Error::custom(concat!("expected an id that begins with `", $expected, "`")))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}

one_of! {
    /// Who acts: a person or an agent.
    PrincipalId, "agt_` or `usr_", "^(agt|usr)_[0-7][0-9A-HJKMNP-TV-Z]{25}$" {
        /// A person, or the local operator.
        User(UserId),
        /// A machine.
        Agent(AgentId),
    }
}

one_of! {
    /// Whom something is shared with: a principal, or every member of a team.
    GranteeId, "agt_`, `usr_` or `tem_", "^(agt|usr|tem)_[0-7][0-9A-HJKMNP-TV-Z]{25}$" {
        /// A person, or the local operator.
        User(UserId),
        /// A machine.
        Agent(AgentId),
        /// Every member of a team.
        Team(TeamId),
    }
}

impl PrincipalId {
    /// The local operator.
    pub const LOCAL: Self = Self::User(UserId::LOCAL);
}

impl From<PrincipalId> for GranteeId {
    fn from(principal: PrincipalId) -> Self {
        match principal {
            PrincipalId::User(id) => Self::User(id),
            PrincipalId::Agent(id) => Self::Agent(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_sort_and_parse_back() {
        let early = MemoryId::new(Timestamp::from_micros(1_000_000), u128::MAX);
        let late = MemoryId::new(Timestamp::from_micros(2_000_000), 0);
        assert!(early.to_string() < late.to_string() && early < late);
        assert_eq!(early.to_string().parse::<MemoryId>(), Ok(early));
        assert!(early.to_string().starts_with("mem_00"));
    }

    #[test]
    fn another_nouns_id_and_lower_case_are_refused() {
        let id = AgentId::new(Timestamp::from_micros(1_700_000_000_000_000), u128::MAX).to_string();
        assert!(id.parse::<MemoryId>().is_err());
        assert!(id.to_lowercase().parse::<AgentId>().is_err());
        assert!("agt_ZZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<AgentId>().is_err());
    }
}
