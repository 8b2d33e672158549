//! The best few of many rows.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row with what orders it: score ↓, `updated_at` ↓, id ↑.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked {
    pub(crate) score: f64,
    pub(crate) updated_at_micros: i64,
    pub(crate) id: u128,
    pub(crate) slot: u32,
}

/// The better row is less, so that sorting puts the best first and a heap shows the worst.
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then(other.updated_at_micros.cmp(&self.updated_at_micros))
            .then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// The best `limit` of the slots with a positive score, best first. `complete` looks up the rest of what orders a row and
/// is called only for rows that may be among the best.
pub(crate) fn best(scores: &[f64], limit: usize, complete: impl Fn(f64, u32) -> Option<Ranked>) -> Vec<Ranked> {
    let mut heap: BinaryHeap<Ranked> = BinaryHeap::with_capacity(limit + 1);
    let mut threshold = 0.0;
    for (slot, &score) in scores.iter().enumerate() {
        if score < threshold || score <= 0.0 {
            continue;
        }
        let Some(row) = complete(score, slot as u32) else {
            continue;
        };
        heap.push(row);
        if heap.len() > limit {
            heap.pop();
            threshold = heap.peek().map_or(0.0, |worst| worst.score);
        }
    }
    heap.into_sorted_vec()
}
