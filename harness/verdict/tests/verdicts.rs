//! Observations, self-comparisons and comparisons of records on made-up samples,
//! whose true change is known.

use harness_record::{Counter, Counts, Metric, Sample, SampleStatus, Side, TimeMeasure, Verdict};
use harness_stats::random::Rng;
use harness_verdict::evidence::weigh;
use harness_verdict::exact::between;
use harness_verdict::floor::{Design, in_order, kind, with_itself};
use harness_verdict::observe::{Observations, Scope, context_switches, dropped, ratios};

const BLOCKS: u32 = 20;

/// A sample that took `wall_ns`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of the tests are small and positive"
)]
fn sample(block: u32, pass: u32, side: Option<Side>, mode: &str, wall_ns: f64) -> Sample {
    Sample {
        index: 0,
        workload: "w".to_owned(),
        mode: mode.to_owned(),
        block,
        pass,
        status: SampleStatus::Ok,
        error: None,
        executions: 2,
        exit_code: Some(0),
        signal: None,
        wall_ns: wall_ns.round() as u64,
        loop_ns: None,
        user_ns: 0,
        sys_ns: 0,
        tracer_user_ns: Some(0),
        tracer_sys_ns: Some(0),
        tracee_voluntary: 1000,
        tracee_involuntary: 0,
        tracer_voluntary: Some(1000),
        tracer_involuntary: Some(0),
        counts: Counts::default()
            .with(Counter::Stops, 10)
            .with(Counter::SignalStops, 0)
            .with(Counter::GroupStops, 0)
            .with(Counter::Tracees, 1),
        max_rss_kib: None,
        env_padding_bytes: 0,
        steal_ns: Some(0),
        cpu_pressure_ns: None,
        others_cpu_ns: None,
        lifetime_ns: None,
        started_ns: 0,
        side,
    }
}

/// Blocks under a machine whose speed drifts by `drift` in all and jitters by
/// about 1 %; head costs `factor` of base.
fn measured(factor: f64, drift: f64, seed: u64) -> Vec<Sample> {
    let mut rng = Rng::new(seed);
    let total = f64::from(BLOCKS * 6);
    let mut samples: Vec<Sample> = Vec::new();
    for block in 0..BLOCKS {
        let mut arms = [
            ("none", None, 1.0),
            ("ptrace", Some(Side::Base), 60.0),
            ("ptrace", Some(Side::Head), 60.0 * factor),
        ];
        rng.shuffle(&mut arms);
        for pass in 0..2 {
            for (mode, side, cost) in arms {
                let at = samples.len() as f64 / total;
                let jitter = 0.99 + rng.below(2001) as f64 / 100_000.0;
                let wall = 1e6 * cost * (1.0 + drift * at) * jitter;
                let mut sample = sample(block, 2 * block + pass, side, mode, wall);
                sample.index = samples.len() as u64;
                samples.push(sample);
            }
            arms.reverse();
        }
    }
    samples
}

fn scope() -> Scope<'static> {
    Scope {
        workload: "w",
        mode: "ptrace",
        control: harness_record::CONTROL,
        of: TimeMeasure::WallNs,
        blocks: 0..BLOCKS,
        max_steal: 0.05,
    }
}

/// A change of 5 % is seen as such, whatever the drift, and none is seen as none.
#[test]
fn the_change_is_found_through_a_drift() {
    for (factor, drift) in [(1.05, 0.0), (1.05, 0.5), (1.0, 0.5), (0.9, -0.3)] {
        let observations = ratios(&measured(factor, drift, 3), &scope());
        assert_eq!(observations.change.len(), BLOCKS as usize);
        let evidence = weigh(&observations, 0.01).unwrap();
        let off = evidence.change.estimate - (factor - 1.0);
        assert!(off.abs() < 0.006, "{factor}, {drift}: {evidence:?}");
        assert!((evidence.base - 60.0).abs() < 1.0, "{evidence:?}");
        let is_regression = factor > 1.01;
        assert_eq!(
            evidence.tests.regression < 0.01,
            is_regression,
            "{evidence:?}"
        );
        assert_eq!(
            evidence.tests.no_regression < 0.01,
            !is_regression,
            "{evidence:?}"
        );
        // The mean of two times head less base, each jittering by 1 % / √3.
        assert!((evidence.spread - 0.0058).abs() < 0.002, "{evidence:?}");
    }
}

#[test]
fn blocks_that_are_not_whole_or_disturbed_are_no_observations() {
    let mut samples = measured(1.0, 0.0, 1);
    samples[0].status = SampleStatus::Failed;
    samples[9].steal_ns = Some(u64::MAX / 1024);
    assert_eq!(dropped(&samples, "w", 0.05), [1]);
    // A record's numbers may be any.
    samples[10].steal_ns = Some(u64::MAX);
    samples[10].wall_ns = u64::MAX;
    assert_eq!(dropped(&samples, "w", 0.05), [1]);
    assert_eq!(ratios(&samples, &scope()).change.len(), BLOCKS as usize - 2);
    let loops = Scope {
        of: TimeMeasure::LoopNs,
        ..scope()
    };
    let loops = ratios(&samples, &loops);
    assert!(loops.change.is_empty(), "no loop was timed");
    assert_eq!(loops.blocks, BLOCKS - 2);
    for sample in &mut samples {
        sample.steal_ns = Some(sample.wall_ns);
    }
    assert_eq!(ratios(&samples, &scope()), Observations::default());
}

#[test]
fn few_switches_are_not_compared() {
    let mut samples = measured(1.0, 0.0, 1);
    assert_eq!(
        context_switches(&samples, &scope()).change.len(),
        BLOCKS as usize
    );
    for sample in &mut samples {
        (sample.tracee_voluntary, sample.tracer_voluntary) = (50, Some(50));
    }
    let rare = context_switches(&samples, &scope());
    assert_eq!((rare.change.len(), rare.blocks), (0, BLOCKS));
    for sample in &mut samples {
        (sample.tracee_voluntary, sample.tracer_voluntary) = (u64::MAX, Some(u64::MAX));
    }
    assert!(!context_switches(&samples, &scope()).change.is_empty());
}

/// Fewer stops than stops for signals is no number of stops, and said.
#[test]
fn counts_that_contradict_themselves_are_not_compared() {
    let good = sample(0, 0, None, "ptrace", 1.0);
    let stops = |damaged: &Sample| {
        let comparisons = between("w", "ptrace", &[&good], &[damaged]);
        comparisons
            .into_iter()
            .find(|one| one.metric == Metric::Stops)
    };
    let with = |signal: Option<u64>, group: Option<u64>| {
        let mut damaged = good.clone();
        damaged.counts.set(Counter::SignalStops, signal);
        damaged.counts.set(Counter::GroupStops, group);
        damaged
    };
    for damaged in [
        with(Some(11), Some(0)),
        with(Some(u64::MAX), Some(u64::MAX)),
    ] {
        let said = stops(&damaged).expect("it is said");
        assert_eq!((said.verdict, said.head), (Verdict::Inconclusive, None));
        assert!(
            said.reason.contains("more stops for signals"),
            "{}",
            said.reason
        );
    }
    assert_eq!(stops(&good).map(|said| said.verdict), Some(Verdict::Pass));
    assert_eq!(stops(&with(None, None)), None);
}

/// On one binary under a drifting machine, a blocked order is deceived, and the
/// random order with its reverse and both sides beside each other is not.
#[test]
fn the_order_decides_what_a_drift_does() {
    let mut different = Design::ALL.map(|_| 0);
    for seed in 0..100 {
        let samples = measured(1.0, 0.05, seed);
        let samples = in_order(&samples, "w", "ptrace");
        for (count, design) in different.iter_mut().zip(Design::ALL) {
            let judged = design.judge(&samples, TimeMeasure::WallNs, 0.01).unwrap();
            *count += u32::from(judged.p_change <= 0.05);
        }
    }
    let [blocked, _, alternating] = different;
    assert!(blocked > 90, "{different:?}");
    assert!(alternating <= 12, "{different:?}");
}

#[test]
fn the_floor_is_about_the_noise() {
    let observations = ratios(&measured(1.0, 0.1, 5), &scope());
    let noise = with_itself(&observations, 10, 0.05).unwrap();
    assert_eq!(noise.comparisons, 2);
    assert!(noise.floor > 0.0 && noise.floor < 0.01, "{noise:?}");
    assert!(
        with_itself(&observations, 30, 0.05).is_err(),
        "no comparison fits"
    );
}

/// Of fewer than twenty changes the floor is the largest, and is called so.
#[test]
fn a_floor_of_few_is_the_largest() {
    let changes = |count: u32| Observations {
        change: (1..=count).map(|at| f64::from(at) / 1000.0).collect(),
        ..Observations::default()
    };
    let few = with_itself(&changes(19), 1, 0.05).unwrap();
    assert!((few.floor.ln_1p() - 0.019).abs() < 1e-12, "{few:?}");
    assert_eq!(kind(few.comparisons), "largest of 19");
    let enough = with_itself(&changes(20), 1, 0.05).unwrap();
    assert!(enough.floor.ln_1p() < 0.02, "{enough:?}");
    assert_eq!(kind(enough.comparisons), "95th percentile of 20");
}
