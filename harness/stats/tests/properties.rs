//! What holds for every sample: independence of order, scale and origin,
//! refusal of what is no sample, and the coverage of the intervals.

use harness_stats::random::Rng;
use harness_stats::{Error, Interval, bootstrap_percentile, classify_outliers};
use harness_stats::{hodges_lehmann, median};
use proptest::prelude::*;

type Estimator = fn(&[f64], f64) -> Result<Interval, Error>;

const ESTIMATORS: [(&str, Estimator); 3] = [
    ("hodges_lehmann", hodges_lehmann),
    ("median", median),
    ("bootstrap", |sample, level| {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        bootstrap_percentile(sample, mean, level, 40, &mut Rng::new(3))
    }),
];

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
        for (name, estimator) in &ESTIMATORS[..2] {
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
        let classes = classify_outliers(&sample);
        let usable = !sample.is_empty() && sample.iter().all(|value| value.is_finite());
        prop_assert_eq!(classes.is_ok(), usable);
        for (name, estimator) in &ESTIMATORS[..2] {
            prop_assert!(estimator(&sample, level).is_err() || (level > 0.0 && level < 1.0));
            let interval = estimator(&sample, 0.9);
            prop_assert_eq!(interval.is_ok(), usable, "{}", name);
            if let Ok(interval) = interval {
                prop_assert!(interval.estimate.is_finite(), "{}: {:?}", name, interval);
            }
        }
        let _ = ESTIMATORS[2].1(&sample, level);
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

/// In how many of 4,000 samples of `n` the 95 % interval covers `truth`.
fn coverage(estimator: Estimator, n: usize, truth: f64, draw: fn(&mut Rng) -> f64) -> f64 {
    let mut rng = Rng::new(20_260_101);
    let trials = 4_000;
    let covered = (0..trials)
        .filter(|_| {
            let sample: Vec<_> = (0..n).map(|_| draw(&mut rng)).collect();
            let interval = estimator(&sample, 0.95).unwrap();
            interval.low.unwrap() <= truth && truth <= interval.high.unwrap()
        })
        .count();
    covered as f64 / f64::from(trials)
}

fn uniform(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn normal(rng: &mut Rng) -> f64 {
    // Irwin and Hall: the sum of twelve uniforms, close to normal.
    (0..12).map(|_| uniform(rng)).sum::<f64>() - 6.0
}

fn skewed(rng: &mut Rng) -> f64 {
    -(1.0 - uniform(rng)).ln()
}

fn spiky(rng: &mut Rng) -> f64 {
    let value = normal(rng);
    if uniform(rng) < 0.1 {
        value * 100.0
    } else {
        value
    }
}

/// Rank intervals cover what they should whatever the distribution: the
/// signed-rank interval for symmetric ones, the median's for all. The possible
/// levels next above 95 % lie below 97.9 % for these sizes.
#[test]
fn intervals_cover_as_often_as_they_say() {
    let median_of_skewed = std::f64::consts::LN_2;
    for (name, estimator, truth, draw) in [
        (
            "hl normal",
            hodges_lehmann as Estimator,
            0.0,
            normal as fn(&mut Rng) -> f64,
        ),
        ("hl spiky", hodges_lehmann, 0.0, spiky),
        ("median normal", median, 0.0, normal),
        ("median spiky", median, 0.0, spiky),
        ("median skewed", median, median_of_skewed, skewed),
    ] {
        for n in [10, 20, 60] {
            let share = coverage(estimator, n, truth, draw);
            assert!((0.94..0.985).contains(&share), "{name}, {n}: {share}");
        }
    }
}
