//! Whether two samples that do not overlap can come from one distribution.
//!
//! Under the null hypothesis every order of the n + m values is equally likely, and at most two of
//! the C(n + m, n) ways to deal them out leave one sample wholly below the other. That is the
//! smallest p-value of the exact rank-sum test (Mann and Whitney, "On a test of whether one of two
//! random variables is stochastically larger than the other", Annals of Mathematical Statistics 18
//! (1947)), and holds with ties and for counts: ties only make disjoint samples rarer.

/// How likely samples of equal distributions may be called different, over all comparisons of one
/// measurement: a program that varies by itself is accused once in a hundred measurements at most.
pub const DISJOINT_CHANCE: f64 = 0.01;

/// The probability, at most, that samples of `n` and `m` values of one distribution do not overlap:
/// 2 / C(n + m, n). It is 1 where either is empty.
#[must_use]
pub fn disjoint_p(n: usize, m: usize) -> f64 {
    let (few, many) = (n.min(m), n.max(m));
    if few == 0 {
        return 1.0;
    }
    let mut orders = 1.0;
    for i in 1..=few {
        orders *= (many + i) as f64 / i as f64;
        // Beyond any level that is asked for.
        if orders > 1e300 {
            return 0.0;
        }
    }
    (2.0_f64 / orders).min(1.0)
}

/// The smallest size of two samples alike at which disjoint ones are significant at level `alpha`,
/// which is above 0.
#[must_use]
pub fn disjoint_size(alpha: f64) -> usize {
    (1..1024)
        .find(|&size| disjoint_p(size, size) <= alpha)
        .unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// C(6, 3) = 20, C(12, 6) = 924, C(7, 2) = 21.
    #[test]
    fn known_answers() {
        for (n, m, p) in [
            (1, 1, 1.0),
            (3, 3, 0.1),
            (6, 6, 2.0 / 924.0),
            (2, 5, 2.0 / 21.0),
            (5, 2, 2.0 / 21.0),
            (0, 9, 1.0),
        ] {
            assert!((disjoint_p(n, m) - p).abs() < 1e-15, "{n} {m}");
        }
        assert!(disjoint_p(100_000, 100_000) < 1e-200);
        // One comparison; those of three modes; those of six.
        for (comparisons, size) in [(1.0, 5), (3.0, 6), (15.0, 7)] {
            assert_eq!(disjoint_size(DISJOINT_CHANCE / comparisons), size);
        }
    }

    /// The smallest p-value of the rank-sum test, twice for its two sides.
    #[test]
    fn it_is_the_rank_sum_test_of_disjoint_samples() {
        let (low, high) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0]);
        let p = crate::rank_sum_p(&low, &high, 0.0, crate::Side::Above).unwrap();
        assert!((disjoint_p(4, 3) - 2.0 * p).abs() < 1e-12);
    }

    /// Drawn with a fixed seed: values without ties are disjoint just so often, counts of a few
    /// values less often.
    #[test]
    fn samples_of_one_distribution_are_disjoint_no_more_often() {
        let mut rng = Rng::new(5);
        for (values, least, most) in [(1 << 40, 0.095, 0.105), (3, 0.0, 0.1)] {
            let mut draw = || [0; 3].map(|_| rng.below(values));
            let trials = 20_000_u32;
            let disjoint = (0..trials).filter(|_| {
                let (a, b) = (draw(), draw());
                a.iter().max() < b.iter().min() || b.iter().max() < a.iter().min()
            });
            let share = disjoint.count() as f64 / f64::from(trials);
            assert!((least..=most).contains(&share), "{values}: {share}");
        }
    }
}
