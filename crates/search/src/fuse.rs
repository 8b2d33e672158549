//! Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009), weighted and normalised so that first in every ranking
//! that ran is 1, then boosted a little by importance and recency.

use std::collections::HashMap;

const RANK_OFFSET: f64 = 60.0;
const IMPORTANCE_WEIGHT: f64 = 0.06;
const RECENCY_WEIGHT: f64 = 0.04;
const RECENCY_HALF_LIFE_DAYS: f64 = 30.0;
const MICROS_PER_DAY: f64 = 86_400e6;
/// Scores have six decimals.
const SCORE_STEPS: f64 = 1e6;

/// A way to rank rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ranking {
    /// BM25.
    Keyword,
    /// Similarity of meaning.
    Semantic,
    /// Words like the ones asked for.
    Typo,
}

impl Ranking {
    const fn weight(self) -> f64 {
        match self {
            Self::Keyword | Self::Semantic => 1.0,
            Self::Typo => 0.5,
        }
    }
}

/// What one ranking found, best first. A ranking that ran and found nothing has an empty list and still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedList {
    /// The ranking; at most one list each.
    pub ranking: Ranking,
    /// The rows, best first, each once.
    pub ids: Vec<u128>,
}

/// What fusion needs to know about a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// 0 to 1.
    pub importance: f64,
    /// When the row last changed, in microseconds since the Unix epoch.
    pub updated_at_micros: i64,
}

/// Whether importance and recency count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boost {
    /// The factor is 1.
    Off,
    /// Ages are taken at this time.
    At {
        /// Microseconds since the Unix epoch.
        now_micros: i64,
    },
}

/// One fused row.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    /// The row.
    pub id: u128,
    /// 0 to 1.07, six decimals.
    pub score: f64,
    /// What importance and recency multiplied the score by.
    pub boost_factor: f64,
    /// The rankings that found the row, each with its rank from 1, in the order of [`Ranking`].
    pub ranks: Vec<(Ranking, u32)>,
}

/// Fuses rankings: `Σ_r w_r/(60 + rank_r) ÷ Σ_r w_r/61`, times [`boost_factor`], over the rankings in `lists`.
///
/// Rows for which `standing` is none are left out before ranks are counted. Order: score ↓, `updated_at` ↓, id ↑.
pub fn fuse(lists: &[RankedList], standing: impl Fn(u128) -> Option<Standing>, boost: Boost) -> Vec<Fused> {
    let mut lists: Vec<&RankedList> = lists.iter().collect();
    lists.sort_by_key(|list| list.ranking);
    let best: f64 = lists.iter().map(|list| list.ranking.weight() / (RANK_OFFSET + 1.0)).sum();
    let mut rows: HashMap<u128, (Standing, Fused)> = HashMap::new();
    for list in lists {
        let mut rank = 0;
        for &id in &list.ids {
            let Some(standing) = standing(id) else {
                continue;
            };
            rank += 1;
            let (_, row) = rows.entry(id).or_insert_with(|| {
                let row =
                    Fused { id, score: 0.0, boost_factor: boost_factor(standing, boost), ranks: Vec::with_capacity(1) };
                (standing, row)
            });
            row.score += list.ranking.weight() / (RANK_OFFSET + f64::from(rank));
            row.ranks.push((list.ranking, rank));
        }
    }
    let mut fused: Vec<(Standing, Fused)> = rows.into_values().collect();
    for (_, row) in &mut fused {
        row.score = (row.score / best * row.boost_factor * SCORE_STEPS).round() / SCORE_STEPS;
    }
    fused.sort_unstable_by(|(a_standing, a), (b_standing, b)| {
        b.score
            .total_cmp(&a.score)
            .then(b_standing.updated_at_micros.cmp(&a_standing.updated_at_micros))
            .then(a.id.cmp(&b.id))
    });
    fused.into_iter().map(|(_, row)| row).collect()
}

/// `1 + 0.06·(importance − 0.5) + 0.04·2^(−age_days/30)`: 0.97 to 1.07, or 1 when off. A time to come counts as now.
#[must_use]
pub fn boost_factor(standing: Standing, boost: Boost) -> f64 {
    let Boost::At { now_micros } = boost else {
        return 1.0;
    };
    let age_micros = now_micros.saturating_sub(standing.updated_at_micros).max(0);
    let age_days = age_micros as f64 / MICROS_PER_DAY;
    1.0 + IMPORTANCE_WEIGHT * (standing.importance - 0.5) + RECENCY_WEIGHT * (-age_days / RECENCY_HALF_LIFE_DAYS).exp2()
}

#[cfg(test)]
mod tests {
    use super::{Boost, Fused, RankedList, Ranking, Standing, boost_factor, fuse};

    const DAY: i64 = 86_400_000_000;

    fn list(ranking: Ranking, ids: &[u128]) -> RankedList {
        RankedList { ranking, ids: ids.to_vec() }
    }

    fn plain(id: u128) -> Option<Standing> {
        (id != 99).then_some(Standing { importance: 0.5, updated_at_micros: 0 })
    }

    fn scores(fused: &[Fused]) -> Vec<(u128, String)> {
        fused.iter().map(|row| (row.id, format!("{:.6}", row.score))).collect()
    }

    // contract: memory §8.21
    #[test]
    fn first_and_second_of_two_rankings_scores_0_991935() {
        let lists = [list(Ranking::Semantic, &[3, 1]), list(Ranking::Keyword, &[1])];
        let fused = fuse(&lists, plain, Boost::Off);
        assert_eq!(scores(&fused), [(1, "0.991935".to_owned()), (3, "0.500000".to_owned())]);
        let ranks: Vec<_> = fused.iter().map(|row| row.ranks.clone()).collect();
        assert_eq!(ranks, [vec![(Ranking::Keyword, 1), (Ranking::Semantic, 2)], vec![(Ranking::Semantic, 1)]]);
        let lists = [list(Ranking::Keyword, &[7]), list(Ranking::Semantic, &[])];
        assert_eq!(scores(&fuse(&lists, plain, Boost::Off)), [(7, "0.500000".to_owned())]);
    }

    // contract: memory §8.22
    #[test]
    fn importance_and_recency_give_the_factors_of_the_contract() {
        let now_micros = 100 * DAY;
        for (importance, age_days, want) in [(1.0, 0, 1.07), (0.5, 30, 1.02), (0.0, 36_500, 0.97), (0.5, -3, 1.04)] {
            let standing = Standing { importance, updated_at_micros: now_micros - age_days * DAY };
            let factor = boost_factor(standing, Boost::At { now_micros });
            assert!((factor - want).abs() < 1e-12, "{factor} is not {want}");
            assert_eq!(boost_factor(standing, Boost::Off), 1.0);
        }
    }

    #[test]
    fn a_boost_cannot_lift_a_row_of_one_ranking_above_one_first_in_two() {
        let best = |id| {
            Some(Standing {
                importance: if id == 1 { 0.0 } else { 1.0 },
                updated_at_micros: if id == 1 { i64::MIN } else { 0 },
            })
        };
        for other in [Ranking::Semantic, Ranking::Typo] {
            let lists = [list(Ranking::Keyword, &[1, 2]), list(other, &[1, 3])];
            let fused = fuse(&lists, best, Boost::At { now_micros: 0 });
            assert_eq!(fused.first().map(|row| row.id), Some(1));
        }
    }

    #[test]
    fn ties_go_to_the_newer_row_then_to_the_lower_id() {
        let lists = [list(Ranking::Keyword, &[5]), list(Ranking::Semantic, &[4])];
        let newer =
            |newest: u128| move |id| Some(Standing { importance: 0.5, updated_at_micros: i64::from(id == newest) });
        let ids = |fused: Vec<Fused>| fused.iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(fuse(&lists, newer(5), Boost::Off)), [5, 4]);
        assert_eq!(ids(fuse(&lists, newer(0), Boost::Off)), [4, 5]);
    }

    #[test]
    fn rows_that_fell_out_take_no_rank() {
        let lists = [list(Ranking::Keyword, &[99, 1])];
        assert_eq!(scores(&fuse(&lists, plain, Boost::Off)), [(1, "1.000000".to_owned())]);
        assert_eq!(fuse(&[], plain, Boost::Off), []);
    }
}
