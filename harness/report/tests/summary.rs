//! From samples to results, with figures worked out by hand.

#![expect(
    clippy::float_cmp,
    reason = "the figures are small whole numbers, exact as floats"
)]

mod common;

use common::{CORE, Mode, mode, plan, sample, workload};
use harness_record::{
    Counter, Counts, Plan, ResultRow, Sample, SampleStatus, TimeMeasure, WorkloadPlan,
};
use harness_report::summarise;
use harness_stats::random::Rng;
use proptest::prelude::*;

const TWO: [Mode; 2] = [mode("none", 1.0, None), mode("ptrace", 2.0, None)];

/// A sample a slot of the plan; `change` makes it what the test is about.
fn samples(plan: &Plan, change: impl Fn(&mut Sample)) -> Vec<Sample> {
    plan.order
        .iter()
        .map(|slot| {
            let mut sample = sample(slot, 1, 1_000);
            change(&mut sample);
            sample
        })
        .collect()
}

fn row<'a>(rows: &'a [ResultRow], mode: &str) -> &'a ResultRow {
    rows.iter().find(|row| row.mode == mode).unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

/// The untraced time grows from pass to pass, as on a machine that slows down;
/// what is paired is not disturbed, whatever the order of the rows.
#[test]
fn ratios_are_paired_by_pass() {
    let plan = plan(vec![workload("w")], &TWO, 8);
    let mut samples = samples(&plan, |sample| {
        let factor = if sample.mode == "none" { 1_000 } else { 3_000 };
        sample.wall_ns = factor * (1 + u64::from(sample.pass));
    });
    Rng::new(5).shuffle(&mut samples);
    let rows = summarise(&plan, &samples);
    let ratio = row(&rows, "ptrace").ratio.unwrap();
    assert!(close(ratio.estimate, 3.0), "{ratio:?}");
    assert!(close(ratio.low.unwrap(), 3.0) && close(ratio.high.unwrap(), 3.0));
    assert_eq!((ratio.pairs, ratio.of), (8, TimeMeasure::WallNs));

    let untraced = row(&rows, "none").ratio.unwrap();
    assert_eq!(
        (untraced.estimate, untraced.low, untraced.high),
        (1.0, Some(1.0), Some(1.0))
    );
    let wall = row(&rows, "none").wall_ns.unwrap();
    assert_eq!(
        (wall.median, wall.min, wall.max),
        (4_500.0, 1_000.0, 8_000.0)
    );
    // Order statistics 1 and 8 of 8.
    assert_eq!((wall.low, wall.high), (Some(1_000.0), Some(8_000.0)));
}

/// A failed sample is counted as such, and for nothing else; its pass has no pair.
#[test]
fn failed_samples_never_count() {
    let plan = plan(vec![workload("w")], &TWO, 6);
    let samples = samples(&plan, |sample| {
        if sample.mode == "none" && sample.pass == 2 {
            sample.status = SampleStatus::Failed;
            sample.error = Some("exited with 1".into());
            sample.wall_ns = 1;
        }
        // Without executions or time there is nothing to divide.
        if sample.mode == "ptrace" && sample.pass == 3 {
            sample.executions = 0;
        }
        if sample.mode == "ptrace" && sample.pass == 4 {
            sample.wall_ns = 0;
        }
    });
    let rows = summarise(&plan, &samples);
    let (none, ptrace) = (row(&rows, "none"), row(&rows, "ptrace"));
    assert_eq!((none.samples, none.failed_samples), (5, 1));
    assert_eq!((ptrace.samples, ptrace.failed_samples), (4, 2));
    assert_eq!(ptrace.ratio.unwrap().pairs, 3);
    assert_eq!(none.wall_ns.unwrap().min, 1_000.0);
    assert_eq!(none.verified, Some(false));
    assert_eq!(
        none.verification,
        "1 of 6 samples failed, the first: exited with 1"
    );
    assert_eq!(ptrace.verified, Some(false));
}

/// Ten executions in a sample or one: the figures are those of one.
#[test]
fn figures_are_per_execution() {
    let plan = plan(vec![workload("w")], &TWO, 6);
    let of = |executions: u32| {
        let samples = samples(&plan, |sample| {
            let n = u64::from(executions);
            sample.executions = executions;
            sample.wall_ns = n * 5_000;
            sample.user_ns = n * 700;
            sample.sys_ns = n * 300;
            sample.tracer_user_ns = Some(n * 20);
            sample.tracer_sys_ns = Some(n * 30);
            sample.tracee_voluntary = n * 7;
            sample.tracee_involuntary = n;
            sample.tracer_voluntary = Some(n * 8);
            sample.tracer_involuntary = Some(0);
            if sample.mode == "ptrace" {
                sample.wall_ns = n * 9_000;
                sample.counts.set(Counter::Stops, Some(n * 40));
                sample.counts.set(Counter::EventStops, Some(n * 2));
                sample.counts.set(Counter::Syscalls, Some(n * 16));
                sample.counts.set(Counter::TracedEvents, Some(n * 12));
            }
        });
        summarise(&plan, &samples)
    };
    let rows = of(10);
    assert_eq!(rows, of(1));
    let ptrace = row(&rows, "ptrace");
    assert_eq!(ptrace.wall_ns.unwrap().median, 9_000.0);
    assert_eq!(ptrace.tracer_cpu_ns.unwrap().median, 50.0);
    let kinds = [Counter::Stops, Counter::EventStops, Counter::SeccompStops];
    let stops = kinds.map(|kind| ptrace.counts.get(kind));
    assert_eq!(stops, [Some(40), Some(2), Some(0)]);
    assert_eq!(ptrace.context_switches.unwrap().tracer_voluntary, Some(8));
    assert_eq!(ptrace.counts.get(Counter::Syscalls), Some(16));
    // (9,000 − 5,000) over 16 calls and over 40 stops.
    assert_eq!(ptrace.syscalls_reference, Some(16));
    assert_eq!(
        ptrace.overhead_ns_per_syscall_distribution.unwrap().median,
        250.0
    );
    assert_eq!(
        ptrace.overhead_ns_per_stop_distribution.unwrap().median,
        100.0
    );
    let none = row(&rows, "none");
    // Nobody counts them, but without a tracer there are none.
    assert_eq!(none.counts.get(Counter::Stops), Some(0));
    assert_eq!(none.counts.get(Counter::Syscalls), None);
    assert_eq!(none.syscalls_reference, Some(16));
    assert_eq!(none.overhead_ns_per_syscall_distribution, None);
}

/// A workload that times its loop is compared by the loop, and what the loop
/// lost is shared out over the calls of the loop; stops are those of the whole
/// run, and so is the time they are charged with.
#[test]
fn loops_are_compared_with_loops() {
    let times_itself = WorkloadPlan {
        times_itself: true,
        operations: Some(100),
        loop_syscalls: Some(200),
        ..workload("w")
    };
    let check = |workload: WorkloadPlan, reference, per_syscall| {
        let plan = plan(vec![workload], &TWO, 6);
        let samples = samples(&plan, |sample| {
            let traced = sample.mode == "ptrace";
            sample.wall_ns = if traced { 31_000 } else { 10_000 };
            sample.loop_ns = Some(if traced { 24_000 } else { 4_000 });
            sample
                .counts
                .set(Counter::Stops, if traced { 420 } else { 0 });
            sample.counts.set(Counter::Syscalls, traced.then_some(210));
        });
        let rows = summarise(&plan, &samples);
        let ptrace = row(&rows, "ptrace");
        let ratio = ptrace.ratio.unwrap();
        assert!(close(ratio.estimate, 6.0));
        assert_eq!(ratio.of, TimeMeasure::LoopNs);
        assert_eq!(ptrace.loop_ns.unwrap().median, 24_000.0);
        assert_eq!(ptrace.syscalls_reference, Some(reference));
        assert_eq!(
            ptrace.overhead_ns_per_syscall_distribution.unwrap().median,
            per_syscall
        );
        assert_eq!(
            ptrace.overhead_ns_per_stop_distribution.unwrap().median,
            50.0
        );
    };
    check(times_itself.clone(), 200, 100.0);
    // The calls of the loop unknown: whole time over all calls.
    let unknown = WorkloadPlan {
        loop_syscalls: None,
        ..times_itself
    };
    check(unknown, 210, 100.0);
}

/// Where no mode counts all calls, the workload's statement does; without one
/// there is no figure per call.
#[test]
fn the_statement_replaces_the_count() {
    for (stated_calls, expected) in [(workload("w").stated_calls, Some(4_720_012)), (None, None)] {
        let workload = WorkloadPlan {
            stated_calls,
            ..workload("w")
        };
        let plan = plan(vec![workload], &TWO, 6);
        let rows = summarise(&plan, &samples(&plan, |_| {}));
        let ptrace = row(&rows, "ptrace");
        assert_eq!(ptrace.syscalls_reference, expected);
        assert_eq!(
            ptrace.overhead_ns_per_syscall_distribution.is_some(),
            expected.is_some()
        );
    }
}

/// Every planned mode has a row, in plan order: those that cannot run, and
/// those that an interrupted measurement did not come to.
#[test]
fn every_mode_has_a_row() {
    let mut plan = plan(vec![workload("a"), workload("b")], &CORE, 4);
    plan.modes[3].available = false;
    plan.modes[3].unavailable_reason = Some("no seccomp".into());
    let mut samples = samples(&plan, |_| {});
    samples.retain(|sample| {
        sample.workload == "a" && ["none", "ptrace"].contains(&sample.mode.as_str())
    });
    let rows = summarise(&plan, &samples);
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row.workload.as_str(), row.mode.as_str(), row.samples))
        .collect();
    assert_eq!(
        names,
        [
            ("a", "none", 4),
            ("a", "ptrace", 4),
            ("a", "seccomp-linear", 0),
            ("a", "seccomp-bitmap", 0),
            ("b", "none", 0),
            ("b", "ptrace", 0),
            ("b", "seccomp-linear", 0),
            ("b", "seccomp-bitmap", 0),
        ]
    );
    let unavailable = &rows[3];
    assert!(!unavailable.available);
    assert_eq!(
        unavailable.unavailable_reason.as_deref(),
        Some("no seccomp")
    );
    for row in &rows[2..] {
        assert_eq!(
            (
                row.wall_ns,
                row.ratio,
                row.counts.get(Counter::Stops),
                row.verified
            ),
            (None, None, None, None),
            "{} {}",
            row.workload,
            row.mode
        );
    }
    // Too few for an interval: an estimate alone, not a wrong interval.
    let ratio = rows[1].ratio.unwrap();
    assert_eq!((ratio.low, ratio.high, ratio.pairs), (None, None, 4));
    // The program of a mode comes from the plan.
    assert_eq!(rows[2].filter.as_ref().unwrap().compiler, "linear");
}

/// Without the untraced mode there is nothing to compare with.
#[test]
fn no_ratio_without_the_untraced_mode() {
    let plan = plan(vec![workload("w")], &TWO[1..], 6);
    let rows = summarise(&plan, &samples(&plan, |_| {}));
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].ratio, rows[0].overhead_ns_per_stop_distribution),
        (None, None)
    );
    assert!(rows[0].wall_ns.is_some());
}

/// What the traced events of two modes say about each other.
#[test]
fn events_are_verified() {
    type Events = fn(pass: u32) -> Option<u64>;
    type Case = (Option<u64>, Events, Events, Option<bool>, &'static str);
    let cases: [Case; 9] = [
        (
            Some(12),
            |_| Some(12),
            |_| Some(12),
            Some(true),
            "traced events 12 as stated",
        ),
        (
            Some(12),
            |_| Some(12),
            |_| Some(11),
            Some(true),
            "traced events 12 as stated",
        ),
        (
            None,
            |_| Some(12),
            |_| Some(12),
            Some(true),
            "traced events 12 as under the other modes",
        ),
        (
            None,
            |_| Some(12),
            |_| None,
            None,
            "traced events 12 in every run; nothing to compare it with",
        ),
        (
            None,
            |_| None,
            |_| Some(12),
            Some(true),
            "every sample ended as it must; this mode does not count traced events",
        ),
        (
            Some(13),
            |_| Some(12),
            |_| Some(12),
            Some(false),
            "traced events 12, but the workload states 13",
        ),
        (
            None,
            |_| Some(12),
            |_| Some(11),
            Some(false),
            "traced events 12, but 11 under seccomp-linear (6 runs, 6 there): chance shows such a difference in fewer than 1 % of measurements",
        ),
        (
            None,
            |pass| Some(12 + u64::from(pass % 3)),
            |_| Some(12),
            None,
            "traced events vary between runs: 12 to 14",
        ),
        (
            Some(12),
            |pass| Some(12 + u64::from(pass % 3)),
            |_| Some(12),
            Some(false),
            "traced events vary between runs: 12 to 14; the workload states 12",
        ),
    ];
    for (stated, ptrace, linear, verified, verification) in cases {
        let workload = WorkloadPlan {
            stated_traced_events: stated,
            ..workload("w")
        };
        let plan = plan(vec![workload], &CORE[..3], 6);
        let samples = samples(&plan, |sample| {
            let events = match sample.mode.as_str() {
                "ptrace" => ptrace(sample.pass),
                "seccomp-linear" => linear(sample.pass),
                _ => None,
            };
            sample.counts.set(Counter::TracedEvents, events);
        });
        let rows = summarise(&plan, &samples);
        let row = row(&rows, "ptrace");
        assert_eq!(
            (row.verified, row.verification.as_str()),
            (verified, verification)
        );
    }
}

proptest! {
    /// Whatever the samples are, there is a row a mode, and every figure is a
    /// number that JSON can hold.
    #[test]
    fn any_samples_are_summarised(
        values in prop::collection::vec(any::<(u64, u64, Option<u64>, u32, u32, bool)>(), 0..20),
    ) {
        let plan = plan(vec![WorkloadPlan { times_itself: true, ..workload("w") }], &CORE, 2);
        let samples: Vec<_> = values
            .iter()
            .zip(plan.order.iter().cycle())
            .map(|(&(wall, other, count, executions, pass, ok), slot)| Sample {
                executions: executions % 3,
                pass: pass % 4,
                status: if ok { SampleStatus::Ok } else { SampleStatus::Failed },
                wall_ns: wall,
                loop_ns: count,
                tracer_user_ns: Some(other),
                tracer_sys_ns: Some(wall),
                tracee_voluntary: other,
                counts: Counts::default()
                    .with(Counter::Stops, count)
                    .with(Counter::Syscalls, count)
                    .with(Counter::TracedEvents, count),
                ..sample(slot, 1, 1)
            })
            .collect();
        let rows = summarise(&plan, &samples);
        prop_assert_eq!(rows.len(), CORE.len());
        let record = common::record(plan, &samples);
        let json = record.to_json().unwrap();
        // serde_json writes what is not a number as null; none is expected
        // where the type has a number.
        for row in &rows {
            for figure in [row.wall_ns, row.loop_ns, row.overhead_ns_per_syscall_distribution, row.overhead_ns_per_stop_distribution] {
                prop_assert!(figure.is_none_or(|figure| figure.median.is_finite()));
            }
            prop_assert!(row.ratio.is_none_or(|ratio| ratio.estimate.is_finite()), "{}", json);
        }
        for plot in harness_report::plots(&record) {
            prop_assert!(!plot.svg.contains("NaN"));
        }
    }
}

/// A command states nothing: of few runs nothing is said, and a difference may be accepted.
#[test]
fn a_command_is_compared_only_where_chance_is_ruled_out() {
    let said = |runs, linear, accept_variation| {
        let workload = WorkloadPlan {
            stated_traced_events: None,
            ..workload("command")
        };
        let plan = Plan {
            accept_variation,
            ..plan(vec![workload], &CORE[..3], runs)
        };
        let samples = samples(&plan, |sample| {
            let events = match sample.mode.as_str() {
                "ptrace" => Some(12),
                "seccomp-linear" => Some(linear),
                _ => None,
            };
            sample.counts.set(Counter::TracedEvents, events);
        });
        let rows = summarise(&plan, &samples);
        let row = row(&rows, "ptrace");
        (row.verified, row.verification.clone())
    };
    let (verified, text) = said(1, 11, false);
    assert_eq!(verified, None);
    assert_eq!(
        text,
        "traced events 12, 11 under seccomp-linear; 1 run a mode is too few to tell a difference from chance (it takes 5)"
    );
    let (verified, text) = said(2, 12, false);
    assert_eq!(verified, None, "{text}");
    assert!(text.contains("as under the other modes; 2 runs"), "{text}");
    assert_eq!(said(5, 12, false).0, Some(true));
    assert_eq!(said(5, 11, false).0, Some(false));
    let (verified, text) = said(5, 11, true);
    assert_eq!(verified, None);
    assert!(
        text.contains("but 11") && text.ends_with("accepted (--accept-variation)"),
        "{text}"
    );
}
