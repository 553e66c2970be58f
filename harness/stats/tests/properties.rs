//! What holds for every sample: independence of order, scale and origin, and
//! refusal of what is no sample. What holds on average is in `simulations.rs`.

use harness_stats::random::Rng;
use harness_stats::signed_rank_spread;
use harness_stats::{Error, Interval, Look, change_points, detectable_shift, hodges_lehmann};
use harness_stats::{holm_adjusted, look_levels, median, noise_floor, rank_sum_spread};
use harness_stats::{signed_rank_p_greater, signed_rank_p_less};
use proptest::prelude::*;

type Estimator = fn(&[f64], f64) -> Result<Interval, Error>;

const ESTIMATORS: [(&str, Estimator); 2] = [("hodges_lehmann", hodges_lehmann), ("median", median)];

fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance,
        (None, None) => true,
        _ => false,
    }
}

proptest! {
    #[test]
    fn independent_of_order_scale_and_origin(
        sample in prop::collection::vec(-1e6..1e6, 1..70),
        seed in any::<u64>(),
        scale in 0.01..100.0,
        shift in -1e6..1e6,
    ) {
        for (name, estimator) in ESTIMATORS {
            let plain = estimator(&sample, 0.95).unwrap();

            let mut shuffled = sample.clone();
            Rng::new(seed).shuffle(&mut shuffled);
            prop_assert_eq!(plain, estimator(&shuffled, 0.95).unwrap(), "{}", name);

            let moved: Vec<_> = sample.iter().map(|value| value * scale + shift).collect();
            let moved = estimator(&moved, 0.95).unwrap();
            let expected = plain.map(|value| value * scale + shift);
            for (a, b) in [
                (Some(moved.estimate), Some(expected.estimate)),
                (moved.low, expected.low),
                (moved.high, expected.high),
            ] {
                prop_assert!(close(a, b, 1e-5), "{}: {:?} {:?}", name, moved, expected);
            }
        }
    }

    /// The limits lie around the estimate and within the sample.
    #[test]
    fn limits_enclose_the_estimate(sample in prop::collection::vec(-1e6..1e6, 1..70)) {
        let least = sample.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = sample.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (name, estimator) in ESTIMATORS {
            let interval = estimator(&sample, 0.95).unwrap();
            prop_assert_eq!(interval.low.is_some(), sample.len() >= 6, "{}", name);
            prop_assert_eq!(interval.high.is_some(), sample.len() >= 6, "{}", name);
            let low = interval.low.unwrap_or(least);
            let high = interval.high.unwrap_or(greatest);
            prop_assert!(least <= low && low <= interval.estimate, "{}", name);
            prop_assert!(interval.estimate <= high && high <= greatest, "{}", name);
        }
    }

    /// Any floats at all are answered or refused, and answered with numbers.
    #[test]
    fn never_panics(sample in prop::collection::vec(prop::num::f64::ANY, 0..20), level in prop::num::f64::ANY) {
        let usable = !sample.is_empty() && sample.iter().all(|value| value.is_finite());
        for (name, estimator) in ESTIMATORS {
            prop_assert!(estimator(&sample, level).is_err() || (level > 0.0 && level < 1.0));
            let interval = estimator(&sample, 0.9);
            prop_assert_eq!(interval.is_ok(), usable, "{}", name);
            if let Ok(interval) = interval {
                prop_assert!(interval.estimate.is_finite(), "{}: {:?}", name, interval);
            }
        }
    }

    /// Every order gives the same, a power of two as scale scales exactly, and
    /// what measures size does not see the sign.
    #[test]
    fn spread_and_floor_scale(
        sample in prop::collection::vec(-1e6..1e6, 1..70),
        seed in any::<u64>(),
        power in -20..20,
        shift in -1e6..1e6,
    ) {
        let scale = -2_f64.powi(power);
        let mut shuffled: Vec<_> = sample.iter().map(|value| value * scale).collect();
        Rng::new(seed).shuffle(&mut shuffled);
        let both: fn(&[f64]) -> Result<f64, Error> = |sample| rank_sum_spread(sample, sample);
        for statistic in [noise_floor, signed_rank_spread, both] {
            let plain = statistic(&sample).unwrap();
            prop_assert_eq!(statistic(&shuffled), Ok(plain * scale.abs()));
            prop_assert!(plain >= 0.0);
        }
        let moved: Vec<_> = sample.iter().map(|value| value + shift).collect();
        let spreads = [sample, moved].map(|sample| signed_rank_spread(&sample).ok());
        prop_assert!(close(spreads[0], spreads[1], 1e-8), "{:?}", spreads);
    }

    /// p-values do not depend on order or unit; the two sides mirror each other
    /// and overlap in what is tied with the shift.
    #[test]
    fn p_values_have_no_unit(
        sample in prop::collection::vec((-9..10).prop_map(f64::from), 1..70),
        seed in any::<u64>(),
        power in -20..20,
        shift in (-18..19).prop_map(|twice| f64::from(twice) / 2.0),
    ) {
        let scale = 2_f64.powi(power);
        let greater = signed_rank_p_greater(&sample, shift).unwrap();
        let less = signed_rank_p_less(&sample, shift).unwrap();
        prop_assert!(greater + less > 1.0 - 1e-12, "{} {}", greater, less);
        let mut other: Vec<_> = sample.iter().map(|value| value * scale).collect();
        Rng::new(seed).shuffle(&mut other);
        prop_assert_eq!(signed_rank_p_greater(&other, shift * scale), Ok(greater));
        let mirrored: Vec<_> = other.iter().map(|value| -value).collect();
        prop_assert_eq!(signed_rank_p_greater(&mirrored, -shift * scale), Ok(less));
        // Falling as the shift falls, so that the margin decides monotonically.
        prop_assert!(signed_rank_p_greater(&sample, shift - 0.5).unwrap() <= greater);
    }

    /// A limit of the interval excludes a shift exactly where the one-sided test
    /// rejects it, with ties too.
    #[test]
    fn limits_agree_with_p_values(
        sample in prop::collection::vec((-9..10).prop_map(f64::from), 1..70),
        level in 0.51..0.999,
        shift in (-18..19).prop_map(|twice| f64::from(twice) / 2.0),
    ) {
        let interval = hodges_lehmann(&sample, 2.0 * level - 1.0).unwrap();
        let alpha = 1.0 - level;
        prop_assert_eq!(
            interval.low.is_some_and(|low| low > shift),
            signed_rank_p_greater(&sample, shift).unwrap() <= alpha
        );
        prop_assert_eq!(
            interval.high.is_some_and(|high| high < shift),
            signed_rank_p_less(&sample, shift).unwrap() <= alpha
        );
    }

    /// However ties are broken, no p-value is larger than with them.
    #[test]
    fn ties_are_conservative(
        sample in prop::collection::vec((-3..4).prop_map(f64::from), 1..30),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let broken: Vec<_> = sample
            .iter()
            .map(|value| value + (rng.below(2001) as f64 - 1000.0) / 1e5)
            .collect();
        for p in [signed_rank_p_greater, signed_rank_p_less] {
            prop_assert!(p(&sample, 0.0).unwrap() >= p(&broken, 0.0).unwrap());
        }
    }

    /// Holm's values follow the order of the p-values, whatever their places,
    /// and never undercut them.
    #[test]
    fn holm_keeps_the_order(mut p in prop::collection::vec(0.0..=1.0, 0..30), seed in any::<u64>()) {
        p.sort_unstable_by(f64::total_cmp);
        let adjusted = holm_adjusted(&p).unwrap();
        prop_assert!(adjusted.is_sorted());
        prop_assert!(p.iter().zip(&adjusted).all(|(p, adjusted)| p <= adjusted && *adjusted <= 1.0));
        let mut places: Vec<_> = (0..p.len()).collect();
        Rng::new(seed).shuffle(&mut places);
        let shuffled: Vec<_> = places.iter().map(|&at| p[at]).collect();
        let expected: Vec<_> = places.iter().map(|&at| adjusted[at]).collect();
        prop_assert_eq!(holm_adjusted(&shuffled), Ok(expected));
    }

    /// Whatever the looks, their levels are no more than the error in all.
    #[test]
    fn look_levels_sum_to_alpha(
        steps in prop::collection::vec(1..1000_usize, 1..12),
        alpha in 1e-6..0.999,
    ) {
        let sizes = steps.iter().scan(0, |size, step| {
            *size += step;
            Some(*size)
        });
        let looks: Vec<_> = sizes.collect();
        let levels = look_levels(&looks, alpha).unwrap();
        prop_assert_eq!(levels.len(), looks.len());
        let sum: f64 = levels.iter().sum();
        prop_assert!((sum / alpha - 1.0).abs() < 1e-12, "{:?}", levels);
    }

    /// Change points do not depend on the unit, its sign included.
    #[test]
    fn change_points_have_no_unit(
        before in prop::collection::vec(0.0..1.0, 0..12),
        after in prop::collection::vec(1.0..2.0, 1..12),
        power in -20..20,
    ) {
        let series = [before, after].concat();
        let scaled: Vec<_> = series.iter().map(|value| value * -2_f64.powi(power)).collect();
        let points = |series: &[f64]| change_points(series, 0.1, 39, 3, 1).unwrap();
        prop_assert_eq!(points(&series), points(&scaled));
        for pair in points(&series).windows(2) {
            prop_assert!(pair[0].index + 3 <= pair[1].index);
        }
    }

    /// Any floats at all are answered or refused by the others too.
    #[test]
    fn none_of_the_others_panics(
        sample in prop::collection::vec(prop::num::f64::ANY, 0..12),
        number in prop::num::f64::ANY,
        size in any::<usize>(),
    ) {
        let usable = !sample.is_empty() && sample.iter().all(|value| value.is_finite());
        prop_assert_eq!(noise_floor(&sample).is_ok(), usable);
        prop_assert_eq!(change_points(&sample, 0.1, 9, 2, 1).is_ok(), usable);
        for p in [signed_rank_p_greater, signed_rank_p_less] {
            let p = p(&sample, number);
            prop_assert_eq!(p.is_ok(), usable && number.is_finite());
            prop_assert!(p.is_err() || p.is_ok_and(|p| p > 0.0 && p <= 1.0));
        }
        let _ = signed_rank_spread(&sample);
        let _ = rank_sum_spread(&sample, &[number]);
        let _ = holm_adjusted(&sample);
        let _ = look_levels(&[1, size], number);
        let once = |level| [Look { pairs: size, level }];
        let _ = detectable_shift(&once(0.05), Some(number), number, number);
        let _ = detectable_shift(&once(number), None, 1.0, 0.8);
        let shift = detectable_shift(&once(0.05), None, 1.0, 0.8);
        prop_assert_eq!(shift.is_ok(), size > 0);
    }
}

proptest! {
    // Each case searches four shifts.
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// More power or a stricter level needs a larger shift, and the shift has
    /// the unit of the spread.
    #[test]
    fn detectable_shifts_are_monotone(
        pairs in 8..200_usize,
        alpha in 0.005..0.2,
        power in 0.3..0.95,
        spread in 0.01..100.0,
    ) {
        let of = |level, spread, power| detectable_shift(&[Look { pairs, level }], None, spread, power).unwrap();
        let shift = |alpha, power| of(alpha, 1.0, power).unwrap();
        let plain = shift(alpha, power);
        prop_assert!(plain > 0.0);
        prop_assert!(shift(alpha, power + 0.03) > plain);
        prop_assert!(shift(alpha * 1.5, power) <= plain);
        let scaled = of(alpha, spread, power);
        prop_assert!(close(scaled, Some(plain * spread), 1e-9));
    }
}

/// The refusals name what is wrong.
#[test]
fn refuses_what_is_no_sample() {
    for (name, estimator) in ESTIMATORS {
        assert_eq!(estimator(&[], 0.95), Err(Error::Empty), "{name}");
        assert_eq!(
            estimator(&[1.0, f64::INFINITY], 0.95),
            Err(Error::NotFinite {
                index: 1,
                value: f64::INFINITY
            }),
            "{name}"
        );
        for level in [0.0, 1.0, -1.0] {
            assert_eq!(estimator(&[1.0], level), Err(Error::Level(level)), "{name}");
        }
    }
}
