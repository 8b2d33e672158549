//! Stand-in until the detector is merged.
use types::memory::Flag;
/// v
pub const VERSION: i64 = 1;
/// s
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// k
    pub kind: &'static str,
    /// o
    pub offset: usize,
    /// c
    pub certain: bool,
}
/// r
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    flags: Vec<Flag>,
}
impl Report {
    /// f
    pub fn flags(&self) -> Vec<Flag> {
        self.flags.clone()
    }
    /// p
    pub fn patterns(&self) -> &[&'static str] {
        &[]
    }
    /// r
    pub fn refused(&self) -> Option<&Secret> {
        None
    }
    /// m
    pub fn merge(&mut self, other: Report) {
        self.flags.extend(other.flags);
        self.flags.sort();
        self.flags.dedup();
    }
}
/// s
pub fn scan(text: &str) -> Report {
    let mut flags = Vec::new();
    if text.chars().any(|c| ('\u{E0000}'..='\u{E007F}').contains(&c)) {
        flags.push(Flag::TagCharacters);
    }
    if text.to_lowercase().contains("ignore all previous instructions") {
        flags.push(Flag::InstructionLike);
    }
    Report { flags }
}
