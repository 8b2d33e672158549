//! How often a measure fell into which range, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts measures by fixed upper bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what lies beyond the last.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// What a [`Histogram`] had counted at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    /// Inclusive upper bounds, ascending.
    pub bounds: &'static [u64],
    /// Measures of each range, not added up: one count for each bound, and one for what lies beyond the last.
    pub counts: Vec<u64>,
    /// All measures added up.
    pub sum: u64,
}

impl Histogram {
    /// One without measures; `bounds` are inclusive upper bounds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts one measure.
    pub fn count(&self, measure: u64) {
        let place = self.bounds.partition_point(|bound| *bound < measure);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(measure, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_range_and_nothing_is_lost_beyond_the_last() {
        let histogram = Histogram::new(&[1, 10]);
        for measure in [0, 1, 2, 10, 11, 1_000] {
            histogram.count(measure);
        }
        assert_eq!(histogram.read(), Distribution { bounds: &[1, 10], counts: vec![2, 2, 2], sum: 1_024 });
    }
}
