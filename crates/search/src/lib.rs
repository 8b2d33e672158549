//! Recall: tokenising, keyword and misspelling rankings, fusion.
//!
//! One workspace's rows live in an [`Index`]: filter columns (a record type the caller defines), postings and lengths.
//! A search ranks exactly the rows the caller admits; rows it does not admit change no id, no order and no bit of a score.
//!
//! The crate knows no database, no access policy, no clock and no network. What a row contributes ([`Terms`]) has a binary
//! form to be kept beside the row, so an index is loaded without tokenising again.
//!
//! Start at [`tokenise()`], then [`Index::search`], then [`fuse()`].

mod admitted;
mod blob;
mod characters;
mod distance;
mod excerpt;
mod fold;
mod fuse;
mod index;
mod keyword;
mod postings;
mod query;
mod terms;
mod tokenise;
mod top;
mod typo;
mod varint;
mod vocabulary;

pub use blob::BlobError;
pub use excerpt::{EXCERPT_CHARS, excerpt};
pub use fuse::{Boost, Fused, RankedList, Ranking, Standing, boost_factor, fuse};
pub use index::{Candidate, Found, Index, Options, Recency, Typo};
pub use keyword::KEYWORD_POOL;
pub use query::{MAX_QUERY_TERMS, Query};
pub use terms::{Terms, TermsBuilder};
pub use tokenise::{MAX_TOKEN_CHARS, stem, tokenise};
pub use typo::{TYPO_POOL, TypoPair};
