//! One workspace's rows in memory.

use std::collections::HashMap;

use crate::admitted::BLOCK;
use crate::postings::{DROPPED, Posting};
use crate::terms::Terms;
use crate::vocabulary::{Vocabulary, table_bytes};

mod search;

pub use search::{Candidate, Found, Options, Typo};

/// Fewer dead slots than this are not worth a compaction.
const MIN_DEAD_SLOTS: usize = 64;

/// What ties are broken by.
pub trait Recency {
    /// When the row last changed, in microseconds since the Unix epoch.
    fn updated_at_micros(&self) -> i64;
}

/// The rows of one workspace: for each a record `R` of filter columns, the postings of its words and its length.
///
/// A changed row takes a new slot and leaves its old one dead, so a change costs as much as the row has words. When more
/// than a quarter of the slots are dead they are squeezed out, in time linear in the size of the index.
#[derive(Debug)]
pub struct Index<R> {
    slots: HashMap<u128, u32>,
    /// By slot, as the next three.
    ids: Vec<u128>,
    records: Vec<R>,
    lengths: Vec<u32>,
    /// One bit a slot: not dead.
    live: Vec<u64>,
    vocabulary: Vocabulary,
}

impl<R> Default for Index<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Index<R> {
    /// An index without rows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: HashMap::new(),
            ids: Vec::new(),
            records: Vec::new(),
            lengths: Vec::new(),
            live: Vec::new(),
            vocabulary: Vocabulary::default(),
        }
    }

    /// Adds the row, or replaces its record and its words.
    pub fn upsert(&mut self, id: u128, record: R, terms: &Terms) {
        let slot = self.ids.len() as u32;
        if let Some(old) = self.slots.insert(id, slot) {
            self.bury(old);
        }
        reserve(&mut self.ids);
        reserve(&mut self.records);
        reserve(&mut self.lengths);
        self.ids.push(id);
        self.records.push(record);
        self.lengths.push(terms.length());
        let bit = slot as usize % BLOCK;
        if bit == 0 {
            self.live.push(0);
        }
        if let Some(bits) = self.live.last_mut() {
            *bits |= 1 << bit;
        }
        for (word, count) in terms.words() {
            self.vocabulary.add(word, Posting { slot, count });
        }
        self.compact_if_due();
    }

    /// Replaces the record of a row whose words have not changed; false when there is no such row.
    pub fn update_record(&mut self, id: u128, record: R) -> bool {
        let Some(&slot) = self.slots.get(&id) else {
            return false;
        };
        match self.records.get_mut(slot as usize) {
            Some(place) => {
                *place = record;
                true
            }
            None => false,
        }
    }

    /// Drops the row; false when there is no such row.
    pub fn remove(&mut self, id: u128) -> bool {
        let Some(slot) = self.slots.remove(&id) else {
            return false;
        };
        self.bury(slot);
        self.compact_if_due();
        true
    }

    /// The record of a row.
    #[must_use]
    pub fn get(&self, id: u128) -> Option<&R> {
        self.records.get(*self.slots.get(&id)? as usize)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Estimated heap bytes, unused capacity and dead slots included; what records own on the heap is not counted.
    /// Takes time linear in the number of distinct words.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        table_bytes(self.slots.capacity(), size_of::<(u128, u32)>())
            + self.ids.capacity() * size_of::<u128>()
            + self.records.capacity() * size_of::<R>()
            + self.lengths.capacity() * size_of::<u32>()
            + self.live.capacity() * size_of::<u64>()
            + self.vocabulary.resident_bytes()
    }

    fn bury(&mut self, slot: u32) {
        if let Some(bits) = self.live.get_mut(slot as usize / BLOCK) {
            *bits &= !(1 << (slot as usize % BLOCK));
        }
    }

    fn compact_if_due(&mut self) {
        let dead = self.ids.len() - self.slots.len();
        if dead >= MIN_DEAD_SLOTS && dead * 4 > self.ids.len() {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let live = std::mem::take(&mut self.live);
        let is_live = |slot: usize| live.get(slot / BLOCK).is_some_and(|bits| bits >> (slot % BLOCK) & 1 == 1);
        let mut next = 0;
        let new_slots: Vec<u32> = (0..self.ids.len())
            .map(|slot| {
                if is_live(slot) {
                    next += 1;
                    next - 1
                } else {
                    DROPPED
                }
            })
            .collect();
        squeeze(&mut self.ids, is_live);
        squeeze(&mut self.records, is_live);
        squeeze(&mut self.lengths, is_live);
        for slot in self.slots.values_mut() {
            if let Some(&new_slot) = new_slots.get(*slot as usize) {
                *slot = new_slot;
            }
        }
        self.slots.shrink_to_fit();
        self.live = (0..self.ids.len().div_ceil(BLOCK))
            .map(|block| match self.ids.len() - block * BLOCK {
                filled @ 0..BLOCK => (1 << filled) - 1,
                _ => u64::MAX,
            })
            .collect();
        self.vocabulary.remap(&new_slots);
    }
}

/// Makes room by an eighth when full: doubling would leave a third of the memory unused.
fn reserve<T>(column: &mut Vec<T>) {
    if column.len() == column.capacity() {
        column.reserve_exact((column.len() / 8).max(16));
    }
}

fn squeeze<T>(column: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut slot = 0;
    column.retain(|_| {
        slot += 1;
        keep(slot - 1)
    });
    column.shrink_to_fit();
}

#[cfg(test)]
mod tests;
