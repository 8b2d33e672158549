//! The rows that hold one word.

use crate::varint;

/// Most rows take no more than this.
const USUAL_BYTES: usize = 4;

/// Marks a slot that [`Postings::remapped`] leaves out.
pub(crate) const DROPPED: u32 = u32::MAX;

/// Slots in ascending order, each with how often the word occurs there: gap-coded, about two bytes a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings {
    bytes: Vec<u8>,
    /// One more than the last slot pushed.
    next_slot: u32,
}

/// One row that holds the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) slot: u32,
    pub(crate) count: u32,
}

impl Postings {
    /// Appends a row. Slots come in ascending order and counts are at least 1: anything else is a no-op.
    pub(crate) fn push(&mut self, posting: Posting) {
        let Some(gap) = posting.slot.checked_sub(self.next_slot) else {
            return;
        };
        if self.bytes.capacity() - self.bytes.len() < USUAL_BYTES {
            // Grows by an eighth: doubling would leave a third of the memory unused.
            self.bytes.reserve_exact((self.bytes.len() / 8).max(2 * USUAL_BYTES));
        }
        match posting.count {
            0 => return,
            1 => varint::write(&mut self.bytes, u64::from(gap) << 1),
            more => {
                varint::write(&mut self.bytes, u64::from(gap) << 1 | 1);
                varint::write(&mut self.bytes, u64::from(more) - 2);
            }
        }
        self.next_slot = posting.slot + 1;
    }

    /// The rows in ascending order of slot.
    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter { bytes: self.bytes.iter(), next_slot: 0 }
    }

    /// The same rows with each slot `s` moved to `new_slots[s]`, or left out where that is [`DROPPED`].
    pub(crate) fn remapped(&self, new_slots: &[u32]) -> Self {
        let mut kept = Self { bytes: Vec::with_capacity(self.bytes.len()), next_slot: 0 };
        for Posting { slot, count } in self.iter() {
            match new_slots.get(slot as usize) {
                Some(&slot) if slot != DROPPED => kept.push(Posting { slot, count }),
                _ => {}
            }
        }
        kept.bytes.shrink_to_fit();
        kept
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Heap bytes held.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

pub(crate) struct Iter<'a> {
    bytes: std::slice::Iter<'a, u8>,
    next_slot: u32,
}

impl Iterator for Iter<'_> {
    type Item = Posting;

    #[inline]
    fn next(&mut self) -> Option<Posting> {
        let head = varint::read(&mut self.bytes)?;
        let count = if head & 1 == 0 { 1 } else { varint::read(&mut self.bytes)? as u32 + 2 };
        let slot = self.next_slot + (head >> 1) as u32;
        self.next_slot = slot + 1;
        Some(Posting { slot, count })
    }
}

#[cfg(test)]
mod tests {
    use super::{Posting, Postings};

    proptest::proptest! {
        #[test]
        fn postings_come_back_in_order(rows in proptest::collection::btree_map(0..1_000_000_u32, 1..u32::MAX, 0..200)) {
            let mut postings = Postings::default();
            let rows: Vec<Posting> = rows.into_iter().map(|(slot, count)| Posting { slot, count }).collect();
            rows.iter().for_each(|&posting| postings.push(posting));
            proptest::prop_assert_eq!(postings.iter().collect::<Vec<_>>(), rows);
        }
    }
}
