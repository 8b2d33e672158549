//! `guildhall memory …`

use clap::{Args, Subcommand};

use super::{In, Part};

#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub(crate) verb: MemoryVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryVerb {
    /// Store a memory
    Add(Added),
    /// Print a memory, by id or key
    Get {
        /// Its id, or the key it is kept under
        which: String,
        /// Whose key: an agent's name, or a principal's id
        #[arg(long, value_name = "NAME|ID")]
        owner: Option<String>,
    },
    /// Find memories by word and misspelling
    Search {
        /// The question
        #[arg(required = true)]
        query: Vec<String>,
        /// Only with this tag; may be given again
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only of this kind; may be given again
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// At most so many, 1 to 100
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// Say how each was ranked
        #[arg(long)]
        explain: bool,
    },
    /// List memories, newest change first
    List {
        /// Only keys that begin so
        #[arg(long)]
        prefix: Option<String>,
        /// Only with this tag; may be given again
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only of this kind
        #[arg(long)]
        kind: Option<String>,
        /// Follow the cursors to the end; --limit is then the size of a page
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        part: Part,
    },
    /// Delete a memory of yours, by id or key
    Forget {
        /// Its id, or the key it is kept under
        which: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Added {
    /// The text, @FILE, or - for standard input
    #[arg(value_name = "TEXT|@FILE|-", required_unless_present = "value")]
    pub(crate) text: Option<String>,
    /// A JSON value instead of a text
    #[arg(long, value_name = "JSON", conflicts_with = "text")]
    pub(crate) value: Option<String>,
    /// A name to find it by
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// note, fact, decision, procedure, observation, summary or value
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// A label; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// private or public
    #[arg(long)]
    pub(crate) access: Option<String>,
    /// A project label
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// A short form
    #[arg(long)]
    pub(crate) summary: Option<String>,
    /// From 0 to 1 [default: 0.5]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) importance: Option<f64>,
    /// How long it lives, up to a year: seconds, or a number with s, m, h, d or w, such as 30d
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<i64>,
}

/// Seconds, from `3600`, `90s`, `15m`, `12h`, `30d` or `2w`.
fn lifetime(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = match text.strip_prefix(digits).unwrap_or_default() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(UNITS.to_owned()),
    };
    let number: i64 = digits.parse().map_err(|_| UNITS.to_owned())?;
    number.checked_mul(unit).filter(|secs| *secs > 0).ok_or_else(|| UNITS.to_owned())
}

const UNITS: &str = "must be a number above 0, with s, m, h, d or w behind it or nothing for seconds";

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn a_lifetime_is_seconds_or_has_a_unit() {
        for (text, secs) in
            [("3600", 3_600), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
        {
            assert_eq!(lifetime(text), Ok(secs), "{text}");
        }
        for text in ["", "d", "0", "0d", "-1", "-1d", "1.5h", "1y", "1dd", "1 d", "d1", "١d", "9223372036854775807w"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
