//! Texts to store and to ask for: invented words whose frequencies follow Zipf's law, the same ones at every run.

/// Distinct words.
const VOCABULARY: usize = 50_000;
/// Words of a document.
pub(super) const WORDS: usize = 50;

const SYLLABLES: [&str; 64] = [
    "ba", "ker", "lin", "do", "mas", "tu", "ren", "vol", "pi", "gan", "sho", "del", "fri", "no", "zam", "kel", "ti",
    "bor", "un", "cas", "wel", "ma", "jo", "hin", "der", "su", "pla", "mon", "gri", "ta", "vek", "lo", "san", "qui",
    "mer", "dra", "fo", "nis", "cla", "be", "rut", "ha", "ston", "ve", "kla", "pur", "gel", "ro", "min", "tas", "fle",
    "cor", "ya", "den", "spi", "wa", "lum", "ex", "tri", "nob", "che", "sar", "vi", "oth",
];

/// Pseudo-random numbers (splitmix64, Steele et al. 2014); seeded, so that runs are alike.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// One of these; empty for none.
    pub(super) fn choose<'a>(&mut self, from: &'a [String]) -> &'a str {
        from.get(self.below(from.len())).map_or("", String::as_str)
    }
}

/// The words, the most frequent first.
#[derive(Debug)]
pub(super) struct Corpus {
    words: Vec<String>,
    /// By word: how often it or one before it comes, of the last entry.
    cumulated: Vec<u64>,
}

impl Corpus {
    pub(super) fn new() -> Self {
        let mut dice = Dice::new(1);
        let mut words: Vec<String> = Vec::with_capacity(VOCABULARY);
        let mut seen = std::collections::HashSet::new();
        while words.len() < VOCABULARY {
            // Frequent words are short.
            let count = if words.len() < 200 { 2 } else { 2 + dice.below(3) };
            let word: String = (0..count).filter_map(|_| SYLLABLES.get(dice.below(SYLLABLES.len())).copied()).collect();
            if seen.insert(word.clone()) {
                words.push(word);
            }
        }
        let mut total = 0;
        let cumulated = (1..=VOCABULARY as u64)
            .map(|rank| {
                total += 1_000_000_000 / rank;
                total
            })
            .collect();
        Self { words, cumulated }
    }

    fn rank(&self, dice: &mut Dice) -> usize {
        let total = self.cumulated.last().copied().unwrap_or(1);
        let at = dice.next() % total;
        self.cumulated.partition_point(|sum| *sum <= at)
    }

    fn word(&self, rank: usize) -> &str {
        self.words.get(rank).map_or("", String::as_str)
    }

    /// A document.
    pub(super) fn document(&self, dice: &mut Dice) -> String {
        let words: Vec<&str> = (0..WORDS).map(|_| self.word(self.rank(dice))).collect();
        words.join(" ")
    }

    /// Two or three words, one of them among the fifty most frequent.
    pub(super) fn frequent_query(&self, dice: &mut Dice) -> String {
        let common = self.word(dice.below(50));
        let other = self.word(50 + dice.below(2_000));
        match dice.below(2) {
            0 => format!("{common} {other}"),
            _ => format!("{common} {other} {}", self.word(dice.below(50))),
        }
    }

    /// A frequent word, and one with two letters swapped.
    pub(super) fn misspelt_query(&self, dice: &mut Dice) -> String {
        let common = self.word(dice.below(50));
        for _ in 0..100 {
            let word = self.word(200 + dice.below(3_000));
            let mut letters: Vec<char> = word.chars().collect();
            let middle = letters.len() / 2;
            if letters.len() >= 6 && letters.get(middle) != letters.get(middle - 1) {
                letters.swap(middle, middle - 1);
                return format!("{common} {}", String::from_iter(letters));
            }
        }
        common.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_repeat_from_run_to_run_and_the_first_word_is_common() {
        let corpus = Corpus::new();
        let (mut one, mut other) = (Dice::new(7), Dice::new(7));
        let texts: Vec<String> = (0..1_000).map(|_| corpus.document(&mut one)).collect();
        assert_eq!(corpus.document(&mut Dice::new(7)), texts[0]);
        assert_eq!(corpus.document(&mut other).split(' ').count(), WORDS);
        let holding = texts.iter().filter(|text| text.split(' ').any(|word| word == corpus.word(0))).count();
        assert!((900..=1_000).contains(&holding), "{holding}");
        assert_ne!(corpus.misspelt_query(&mut one), corpus.misspelt_query(&mut one));
    }
}
