//! What is said of a machine that was busy, and that nothing is said of a quiet one.

mod common;

use common::{CORE, mode, plan, record, samples, workload};
use harness_record::{Record, Sample, SampleStatus, leave_out_busy_blocks};
use harness_report::{disturbances, summarise};

const S: u64 = 1_000_000_000;

/// Twelve samples a mode on two CPUs, changed by `change`, with what is said of them.
fn said(change: impl Fn(&mut Sample)) -> Vec<String> {
    let (record, samples) = taken(change);
    disturbances(&record, &samples)
}

fn taken(change: impl Fn(&mut Sample)) -> (Record, Vec<Sample>) {
    let plan = plan(vec![workload("make-sim")], &CORE, 12);
    let mut samples = samples(&plan, &CORE);
    for sample in &mut samples {
        change(sample);
    }
    (record(plan, &samples), samples)
}

/// A sample of `seconds` in which the run used `own` and others used `others` seconds of CPU time;
/// its pressure and steal, seconds. On two CPUs.
fn load(
    seconds: u64,
    own: u64,
    others: Option<u64>,
    pressure: u64,
    steal: u64,
) -> impl Fn(&mut Sample) {
    move |sample| {
        sample.lifetime_ns = Some(seconds * S);
        (sample.user_ns, sample.sys_ns) = (own * S, 0);
        (sample.tracer_user_ns, sample.tracer_sys_ns) = (None, None);
        sample.others_cpu_ns = others.map(|others| others * S);
        sample.cpu_pressure_ns = Some(pressure * S);
        sample.steal_ns = Some(steal * S);
    }
}

#[test]
fn busy_machines_are_called_out_and_quiet_ones_are_not() {
    // What ran, and the words that must be said; none where nothing must be.
    let cases = [
        ("a quiet machine", load(100, 95, Some(1), 1, 0), &[][..]),
        ("make -j on all CPUs", load(100, 195, Some(4), 99, 1), &[]),
        (
            "four busy loops beside one process",
            load(100, 40, Some(155), 100, 0),
            &[
                "others used 77.5 % of the CPU time of its 2 CPUs",
                "100 % of the time",
                "--max-pressure",
            ],
        ),
        (
            "four busy loops beside make -j",
            load(100, 65, Some(130), 100, 0),
            &["others used 65 %"],
        ),
        (
            "one busy loop",
            load(100, 90, Some(100), 5, 0),
            &["others used 50 %"],
        ),
        (
            "a busy host",
            load(100, 80, Some(2), 3, 12),
            &["hypervisor took 12.8 %", "another time"],
        ),
        (
            "a host that takes little",
            load(100, 90, Some(2), 3, 2),
            &[],
        ),
        // A sandbox or a container whose /proc/stat is its own.
        (
            "unknown, and the run leaves CPUs idle",
            load(100, 40, None, 90, 0),
            &["does not show which processes"],
        ),
        (
            "unknown, and the run fills its CPUs",
            load(100, 195, None, 99, 0),
            &[],
        ),
        ("unknown and quiet", load(100, 90, None, 10, 0), &[]),
    ];
    for (name, load, words) in cases {
        let said = said(load);
        assert_eq!(said.is_empty(), words.is_empty(), "{name}: {said:?}");
        for word in words {
            assert!(
                said[0].starts_with("make-sim: ") && said[0].contains(word),
                "{name}: {said:?}"
            );
        }
    }
}

/// Ticks of 10 ms are no load, and do not hide one: 48 samples of 5 ms.
#[test]
fn short_samples_are_judged_by_their_sum() {
    let short = |others: u64| {
        said(move |sample: &mut Sample| {
            sample.lifetime_ns = Some(20_000_000);
            sample.others_cpu_ns = Some(if sample.index.is_multiple_of(2) {
                others
            } else {
                0
            });
        })
    };
    assert_eq!(short(10_000_000), [""; 0]);
    assert!(short(60_000_000)[0].contains("others used"));
}

#[test]
fn load_when_the_measurement_began_is_said() {
    let (mut record, samples) = taken(|_| ());
    for (runnable, busy) in [
        (None, false),
        (Some(1), false),
        (Some(2), true),
        (Some(9), true),
    ] {
        record.environment.others_runnable = runnable;
        let said = disturbances(&record, &samples);
        assert_eq!(!said.is_empty(), busy, "{runnable:?}: {said:?}");
        if busy {
            for word in ["2 CPUs", "load average 0.25", "top(1)"] {
                assert!(said[0].contains(word), "{said:?}");
            }
        }
    }
}

#[test]
fn a_mode_that_seems_to_speed_a_program_up_is_called_out() {
    let modes = [
        mode("none", 1.0, None),
        mode("seccomp-linear", 0.64, Some(9)),
    ];
    let plan = plan(vec![workload("make-sim")], &modes, 12);
    let taken = samples(&plan, &modes);
    let said = disturbances(&record(plan, &taken), &taken);
    assert_eq!(said.len(), 1, "{said:?}");
    for word in [
        "make-sim under seccomp-linear: ratio 0.64",
        "lies below 1",
        "likeliest cause is other load",
        "one of 40 records",
    ] {
        assert!(said[0].contains(word), "{said:?}");
    }
}

/// A filter of the user's may refuse calls, and many ratios have a low one by chance.
#[test]
fn a_mode_that_may_do_less_work_is_not_called_out() {
    let modes = [mode("none", 1.0, None), mode("seccomp-file", 0.64, Some(9))];
    let mut plan = plan(vec![workload("make-sim")], &modes, 12);
    plan.modes[1].traces_set = false;
    let taken = samples(&plan, &modes);
    assert_eq!(disturbances(&record(plan, &taken), &taken), [""; 0]);
}

/// A limit that says nothing of a block is not silent about it.
#[test]
fn a_limit_that_could_not_be_applied_is_called_out() {
    // Life of a sample, CPU time that others used, and why the limit could not be applied.
    let cases = [
        ("long and quiet", 100 * S, Some(S), None),
        ("long and busy", 100 * S, Some(150 * S), None),
        ("unknown", 100 * S, None, Some("this host does not show")),
        (
            "short",
            S / 50,
            Some(0),
            Some("samples are too short to tell 10 %"),
        ),
    ];
    for (name, lifetime, others, why) in cases {
        let (mut record, mut samples) = taken(|sample| {
            sample.lifetime_ns = Some(lifetime);
            sample.others_cpu_ns = others;
        });
        record.plan.max_pressure = Some(0.1);
        leave_out_busy_blocks(&mut samples, &record.plan);
        let said = disturbances(&record, &samples);
        let of_it: Vec<&String> = said
            .iter()
            .filter(|text| text.contains("the limit could not be applied"))
            .collect();
        assert_eq!(of_it.len(), usize::from(why.is_some()), "{name}: {said:?}");
        if let Some(why) = why {
            for word in [why, "6 blocks"] {
                assert!(of_it[0].contains(word), "{name}: {said:?}");
            }
        }
    }
}

/// Two of six blocks are busy: their samples are marked, the others alone count, and the
/// record says so.
#[test]
fn busy_blocks_are_left_out_whole_and_counted() {
    let (mut record, mut samples) = taken(|sample| {
        let busy = [1, 4].contains(&sample.block);
        load(100, 90, Some(if busy { 100 } else { 1 }), 0, 0)(sample);
        // Only one sample of the block shows it.
        if busy && sample.mode != "ptrace" {
            sample.others_cpu_ns = Some(40 * S);
        }
        if sample.mode == "none" && sample.pass == 2 {
            sample.status = SampleStatus::Failed;
        }
    });
    assert_eq!(
        leave_out_busy_blocks(&mut samples, &record.plan),
        0,
        "there is no limit"
    );
    record.plan.max_pressure = Some(0.1);
    record.dropped_blocks = leave_out_busy_blocks(&mut samples, &record.plan);
    assert_eq!(record.dropped_blocks, 2);
    let again = leave_out_busy_blocks(&mut samples, &record.plan);
    assert_eq!(again, 2, "what is marked is found again");
    for sample in &samples {
        let busy = [1, 4].contains(&sample.block);
        let failed = sample.mode == "none" && sample.pass == 2;
        let dropped = sample.status == SampleStatus::Dropped;
        assert_eq!(dropped, busy && !failed, "{} {}", sample.mode, sample.pass);
    }
    record.results = summarise(&record.plan, &samples);
    let row = |mode: &str| record.results.iter().find(|row| row.mode == mode).unwrap();
    let counts = |mode| {
        (
            row(mode).samples,
            row(mode).dropped_samples,
            row(mode).failed_samples,
        )
    };
    assert_eq!(counts("ptrace"), (8, 4, 0));
    assert_eq!(counts("none"), (8, 3, 1));
    assert_eq!(row("ptrace").ratio.unwrap().pairs, 8);
    assert_eq!(row("ptrace").others_cpu_share, Some(0.005));
    let said = disturbances(&record, &samples);
    assert_eq!(said.len(), 1, "{said:?}");
    let expected =
        "make-sim: 2 of 6 blocks left out, as others used more than 10 % of the CPU time in each";
    assert!(said[0].starts_with(expected), "{said:?}");
}

#[test]
fn where_no_block_is_left_there_is_no_result() {
    let (mut record, mut samples) = taken(load(100, 40, Some(150), 100, 0));
    record.plan.max_pressure = Some(0.1);
    record.dropped_blocks = leave_out_busy_blocks(&mut samples, &record.plan);
    record.results = summarise(&record.plan, &samples);
    assert_eq!(record.dropped_blocks, 6);
    for row in &record.results {
        assert_eq!(
            (row.samples, row.ratio, row.verified),
            (0, None, None),
            "{}",
            row.mode
        );
        assert!(
            row.verification.contains("12 samples left out"),
            "{}",
            row.verification
        );
    }
    let said = disturbances(&record, &samples);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("every block was left out"), "{said:?}");
    assert!(said[0].contains("ignores SIGCHLD"), "{said:?}");
}

/// Records from before any of this was kept are read, and nothing is said of their load.
#[test]
fn nothing_is_judged_that_was_not_recorded() {
    let (mut record, mut samples) = taken(|sample| {
        sample.others_cpu_ns = None;
        sample.lifetime_ns = None;
        sample.cpu_pressure_ns = Some(100 * S);
    });
    // Of all CPUs of a machine of many.
    for sample in &mut samples {
        sample.steal_ns = Some(100 * S);
    }
    record.plan.workloads[0].cpus = Vec::new();
    record.environment.others_runnable = None;
    assert_eq!(disturbances(&record, &samples), [""; 0]);
}
