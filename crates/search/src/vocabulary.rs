//! Every word of an index: its postings and the term it counts for.

use std::collections::HashMap;
use std::sync::Arc;

use crate::distance::Shape;
use crate::postings::{Posting, Postings};
use crate::tokenise::stem;

/// No word: the end of a term's chain, or a word forgotten.
const NO_WORD: u32 = u32::MAX;

/// The unstemmed words of all rows. A term is the set of words with one stem.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    ids: HashMap<Arc<str>, u32>,
    /// By word id.
    words: Vec<Word>,
    /// By word id, apart from `words` so that a scan for misspellings reads little memory.
    shapes: Vec<Shape>,
    /// By stem, the first word of the chain of words with this stem. The key is shared with a word equal to its stem.
    terms: HashMap<Arc<str>, u32>,
}

/// One unstemmed word.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) text: Arc<str>,
    pub(crate) postings: Postings,
    /// The next word with the same stem, or [`NO_WORD`].
    next_of_term: u32,
}

impl Vocabulary {
    /// Notes that the row in `slot` holds `word`; slots never descend.
    pub(crate) fn add(&mut self, word: &str, posting: Posting) {
        let id = match self.ids.get(word) {
            Some(&id) => id,
            None => self.insert(word),
        };
        if let Some(word) = self.words.get_mut(id as usize) {
            word.postings.push(posting);
        }
    }

    /// The words that count for a term, in no particular order.
    pub(crate) fn words_of(&self, stem: &str) -> impl Iterator<Item = &Word> {
        let word = |id: u32| self.words.get(id as usize);
        let first = self.terms.get(stem).and_then(|&id| word(id));
        std::iter::successors(first, move |last| word(last.next_of_term))
    }

    /// All words with their shapes.
    pub(crate) fn shaped_words(&self) -> impl Iterator<Item = (Shape, &Word)> {
        self.shapes.iter().copied().zip(&self.words)
    }

    /// Moves each posting from slot `s` to slot `new_slots[s]` (ascending, or [`DROPPED`](crate::postings::DROPPED)) and
    /// forgets words that no row holds any more.
    pub(crate) fn remap(&mut self, new_slots: &[u32]) {
        let words = std::mem::take(&mut self.words);
        let shapes = std::mem::take(&mut self.shapes);
        self.terms.clear();
        let mut new_ids = vec![NO_WORD; words.len()];
        for ((word, shape), new_id) in words.into_iter().zip(shapes).zip(&mut new_ids) {
            let postings = word.postings.remapped(new_slots);
            if !postings.is_empty() {
                *new_id = self.append(word.text, shape, postings);
            }
        }
        self.ids.retain(|_, id| {
            *id = new_ids.get(*id as usize).copied().unwrap_or(NO_WORD);
            *id != NO_WORD
        });
        self.words.shrink_to_fit();
        self.shapes.shrink_to_fit();
        self.ids.shrink_to_fit();
        self.terms.shrink_to_fit();
    }

    /// Estimated heap bytes: postings, words and tables with their unused capacity.
    pub(crate) fn resident_bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let words: usize =
            self.words.iter().map(|word| word.postings.resident_bytes() + word.text.len() + 2 * ALLOCATION).sum();
        let stems: usize = self
            .terms
            .keys()
            .filter(|stem| !self.ids.contains_key(*stem))
            .map(|stem| stem.len() + 2 * ALLOCATION)
            .sum();
        words
            + stems
            + self.words.capacity() * size_of::<Word>()
            + self.shapes.capacity() * size_of::<Shape>()
            + table_bytes(self.ids.capacity(), size_of::<(Arc<str>, u32)>())
            + table_bytes(self.terms.capacity(), size_of::<(Arc<str>, u32)>())
    }

    fn insert(&mut self, word: &str) -> u32 {
        let text: Arc<str> = Arc::from(word);
        let id = self.append(Arc::clone(&text), Shape::of(word), Postings::default());
        self.ids.insert(text, id);
        id
    }

    /// Adds a word to `words`, `shapes` and the chain of its term.
    fn append(&mut self, text: Arc<str>, shape: Shape, postings: Postings) -> u32 {
        let id = self.words.len() as u32;
        let stem = stem(&text);
        let next_of_term = match self.terms.get_mut(&*stem) {
            Some(first) => std::mem::replace(first, id),
            None => {
                let stem = if *stem == *text { Arc::clone(&text) } else { Arc::from(&*stem) };
                self.terms.insert(stem, id);
                NO_WORD
            }
        };
        self.words.push(Word { text, postings, next_of_term });
        self.shapes.push(shape);
        id
    }
}

/// Heap bytes of a hash table: buckets are filled to seven eighths and carry one control byte each.
pub(crate) fn table_bytes(capacity: usize, entry_bytes: usize) -> usize {
    capacity * 8 / 7 * (entry_bytes + 1)
}
