//! A map that never holds more than a bound: when the young half is full, the old half is dropped.
//!
//! What is used stays: a hit in the old half moves to the young one. Lookups, inserts and evictions are O(1).

use std::{collections::HashMap, hash::Hash};

/// A bounded map of two generations.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq + Clone, V> Generations<K, V> {
    /// Holds at most `bound` entries.
    pub(crate) fn new(bound: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (bound / 2).max(1) }
    }

    /// The value of a key.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.insert(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_keys_stay_within_the_bound_and_what_is_used_stays() {
        let mut map = Generations::new(1_000);
        map.insert(0, "kept");
        for key in 1..1_000_000 {
            map.insert(key, "passing");
            assert!(map.get(&0).is_some());
        }
        assert!(map.len() <= 1_001);
    }
}
