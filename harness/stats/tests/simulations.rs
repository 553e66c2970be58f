//! What holds on average, in seeded simulations: how often intervals cover,
//! tests and looks raise false alarms, and shifts are found.
//!
//! The signed-rank procedures presume a symmetric distribution. Times are
//! skewed, but what is analysed are differences of paired logarithms, and the
//! difference of two values of one distribution is symmetric however skewed that
//! is: so skewed noise comes to those procedures as such differences.

use harness_stats::random::Rng;
use harness_stats::{Error, Interval, Look, change_points, detectable_shift};
use harness_stats::{hodges_lehmann, look_levels, median, signed_rank_p_greater};

type Draw = fn(&mut Rng) -> f64;
type Estimator = fn(&[f64], f64) -> Result<Interval, Error>;

/// Noise symmetric about zero.
const SYMMETRIC: [(&str, Draw); 3] = [
    ("normal", Rng::normal),
    ("difference of skewed", |rng| skewed(rng) - skewed(rng)),
    ("spiky", spiky),
];

/// Exponential, with the median ln 2.
fn skewed(rng: &mut Rng) -> f64 {
    -rng.uniform().ln()
}

/// Normal, but a hundredfold in one of ten.
fn spiky(rng: &mut Rng) -> f64 {
    let spike = rng.below(10) == 0;
    rng.normal() * if spike { 100.0 } else { 1.0 }
}

/// The share of `trials` samples of `n` values for which `holds`.
fn share(trials: u32, n: usize, draw: Draw, mut holds: impl FnMut(&[f64]) -> bool) -> f64 {
    let mut rng = Rng::new(20_260_101);
    let mut sample = vec![0.0; n];
    let times = (0..trials)
        .filter(|_| {
            sample.fill_with(|| draw(&mut rng));
            holds(&sample)
        })
        .count();
    times as f64 / f64::from(trials)
}

/// The 95 % interval covers the truth in 93 to 97 % of samples. The levels that
/// are possible for these sizes, next above 95 %, lie below 96.2 %.
#[track_caller]
fn covers(name: &str, estimator: Estimator, draw: Draw, truth: f64) {
    for n in [12, 20, 40] {
        let share = share(3_000, n, draw, |sample| {
            let interval = estimator(sample, 0.95).unwrap();
            interval.low.unwrap() <= truth && truth <= interval.high.unwrap()
        });
        assert!((0.93..=0.97).contains(&share), "{name}, {n}: {share}");
    }
}

#[test]
fn hodges_lehmann_covers_as_often_as_it_says() {
    for (name, draw) in SYMMETRIC {
        covers(name, hodges_lehmann, draw, 0.0);
    }
}

/// The median's interval presumes no symmetry.
#[test]
fn median_covers_as_often_as_it_says() {
    covers("normal", median, Rng::normal, 0.0);
    covers("skewed", median, skewed, std::f64::consts::LN_2);
    covers("spiky", median, spiky, 0.0);
}

/// Beyond 50 values the interval is approximate and covers as often.
#[test]
fn approximate_intervals_cover_too() {
    let share = share(1_000, 60, spiky, |sample| {
        let interval = hodges_lehmann(sample, 0.95).unwrap();
        interval.low.unwrap() <= 0.0 && 0.0 <= interval.high.unwrap()
    });
    assert!((0.93..=0.97).contains(&share), "{share}");
}

/// Looking four times at growing data raises no more false alarms than allowed,
/// and not so few that nothing was tested.
#[test]
fn looks_keep_the_error_overall() {
    const LOOKS: [usize; 4] = [12, 20, 30, 40];
    let levels = look_levels(&LOOKS, 0.05).unwrap();
    for (name, draw) in SYMMETRIC {
        let share = share(4_000, 40, draw, |sample| {
            LOOKS.iter().zip(&levels).any(|(&look, &level)| {
                signed_rank_p_greater(&sample[..look], 0.0).unwrap() <= level
            })
        });
        assert!((0.02..=0.05).contains(&share), "{name}: {share}");
    }
}

/// A shift of the size that is called detectable is found as often as promised,
/// by one look and by several, with and without a confirmation by fresh values.
#[test]
fn detectable_shifts_are_detected() {
    let cases: [(&[usize], f64, Option<f64>, f64); 9] = [
        (&[12], 0.05, None, 0.8),
        (&[20], 0.0125, None, 0.8),
        (&[40], 0.0125, None, 0.95),
        (&[60], 0.01, None, 0.8),
        (&[6], 0.025, Some(0.05), 0.8),
        (&[12], 0.002, Some(0.05), 0.8),
        (&[12, 20, 30, 40], 0.0125, Some(0.05), 0.8),
        (&[12, 20, 30, 40], 0.0005, Some(0.05), 0.8),
        (&[12, 20, 30, 40, 60], 0.002, Some(0.01), 0.8),
    ];
    for (sizes, level, confirmed_at, power) in cases {
        let looks: Vec<_> = sizes.iter().map(|&pairs| Look { pairs, level }).collect();
        let spread = 3.0;
        let shift = detectable_shift(&looks, confirmed_at, spread, power);
        let shift = shift.unwrap().unwrap();
        let rejects = |sample: &[f64], level| signed_rank_p_greater(sample, 0.0).unwrap() <= level;
        let most = *sizes.last().unwrap();
        let share = share(4_000, 2 * most, Rng::normal, |sample| {
            let moved: Vec<_> = sample.iter().map(|value| value * spread + shift).collect();
            let (seen, fresh) = moved.split_at(most);
            let first = looks
                .iter()
                .find(|look| rejects(&seen[..look.pairs], level));
            first.is_some_and(|look| {
                confirmed_at.is_none_or(|level| rejects(&fresh[..look.pairs], level))
            })
        });
        assert!((share - power).abs() < 0.03, "{sizes:?}, {level}: {share}");
    }
}

/// In noise a change is found as rarely as the level says. A permutation test
/// has its level exactly, so 1,500 series may exceed it by two standard errors.
#[test]
fn noise_has_no_change_points() {
    let noises: [(&str, Draw); 3] = [
        ("normal", Rng::normal),
        ("skewed", skewed),
        ("spiky", spiky),
    ];
    let found = noises.map(|(name, draw)| {
        let mut seed = 0;
        let share = share(500, 30, draw, |series| {
            seed += 1;
            !change_points(series, 0.05, 99, 4, seed).unwrap().is_empty()
        });
        assert!(share < 0.08, "{name}: {share}");
        share
    });
    let mean = found.iter().sum::<f64>() / 3.0;
    assert!((0.03..=0.061).contains(&mean), "{found:?}");
}

/// A step of two deviations is found, within two places, under all three.
#[test]
fn steps_in_noise_are_found() {
    let steps: [(&str, Draw, f64); 3] = [
        ("normal", Rng::normal, 2.0),
        ("skewed", skewed, 2.0),
        ("difference of skewed", |rng| skewed(rng) - skewed(rng), 3.0),
    ];
    for (name, draw, step) in steps {
        let share = share(60, 40, draw, |noise| {
            let mut series = noise.to_vec();
            series[25..].iter_mut().for_each(|value| *value += step);
            let found = change_points(&series, 0.05, 99, 4, 1).unwrap();
            found.iter().any(|change| change.index.abs_diff(25) <= 2)
        });
        assert!(share > 0.8, "{name}: {share}");
    }
}
