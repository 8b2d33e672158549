//! The rows one search may see.

/// Sixty-four slots of a bit set.
pub(crate) const BLOCK: usize = 64;

/// The admitted slots of an index, with the figures BM25 takes over them.
#[derive(Debug)]
pub(crate) struct Admitted {
    bits: Vec<u64>,
    /// `N`.
    pub(crate) rows: u32,
    /// Sum of the lengths of the admitted rows.
    pub(crate) total_length: u64,
}

impl Admitted {
    /// Asks `admit` once for each live slot. `records` and `lengths` are by slot; `live` holds one bit a slot.
    pub(crate) fn of<R>(records: &[R], lengths: &[u32], live: &[u64], admit: impl Fn(&R) -> bool) -> Self {
        let mut admitted = Self { bits: Vec::with_capacity(live.len()), rows: 0, total_length: 0 };
        let blocks = records.chunks(BLOCK).zip(lengths.chunks(BLOCK)).zip(live);
        for ((records, lengths), &live) in blocks {
            let mut bits = 0_u64;
            for (at, (record, &length)) in records.iter().zip(lengths).enumerate() {
                let is_admitted = live >> at & 1 == 1 && admit(record);
                bits |= u64::from(is_admitted) << at;
                admitted.total_length += u64::from(length) * u64::from(is_admitted);
            }
            admitted.rows += bits.count_ones();
            admitted.bits.push(bits);
        }
        admitted
    }

    #[inline]
    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.bits.get(slot as usize / BLOCK).is_some_and(|bits| bits >> (slot as usize % BLOCK) & 1 == 1)
    }

    /// `avg`: the mean length of the admitted rows; not a number when there are none.
    pub(crate) fn average_length(&self) -> f64 {
        self.total_length as f64 / f64::from(self.rows)
    }
}
