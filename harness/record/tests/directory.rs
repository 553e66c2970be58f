//! The files of a record: what is written is read back, and what cannot be
//! read is refused with a message that names the place.

use harness_record::{
    Calibration, CallRow, ContextSwitches, Counter, Counts, Cpu, Distribution, Environment, Error,
    FilterSummary, Hooks, ModePlan, Pin, Placement, Plan, Provenance, Ratio, Record,
    RecordDirectory, Relation, ResultRow, Role, SCHEMA_VERSION, Sample, SampleStatus, SeccompState,
    Slot, State, TimeMeasure, WorkloadPlan, summary_csv,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

fn sample(index: u64) -> Sample {
    Sample {
        index,
        workload: "make-sim".into(),
        mode: "ptrace".into(),
        block: 0,
        pass: 1,
        status: SampleStatus::Ok,
        error: None,
        executions: 1,
        exit_code: Some(0),
        signal: None,
        wall_ns: 2_000_000_000,
        loop_ns: None,
        user_ns: 1,
        sys_ns: 2,
        tracer_user_ns: Some(3),
        tracer_sys_ns: Some(4),
        tracee_voluntary: 5,
        tracee_involuntary: 6,
        tracer_voluntary: Some(7),
        tracer_involuntary: Some(8),
        counts: Counts::from_fn(|counter| {
            (counter != Counter::Syscalls).then_some(100 + counter as u64)
        }),
        max_rss_kib: Some(18),
        env_padding_bytes: 19,
        steal_ns: Some(20),
        cpu_pressure_ns: None,
        others_cpu_ns: Some(21),
        lifetime_ns: Some(22),
        started_ns: 21,
        side: None,
    }
}

fn result_row() -> ResultRow {
    let distribution = Distribution {
        median: 1.5,
        low: Some(0.1),
        high: None,
        level: 0.95,
        min: 0.1 + 0.2,
        max: 1e300,
    };
    ResultRow {
        workload: "odd, \"name\"".into(),
        mode: "ptrace".into(),
        role: Some(Role::Tracer),
        available: true,
        unavailable_reason: None,
        trace: "open,connect".into(),
        samples: 12,
        dropped_samples: 5,
        failed_samples: 0,
        verified: Some(true),
        verification: "traced events".into(),
        wall_ns: Some(distribution),
        loop_ns: None,
        user_ns: Some(distribution),
        sys_ns: None,
        tracer_cpu_ns: None,
        ratio: Some(Ratio {
            estimate: 2.001,
            low: Some(1.9),
            high: Some(2.1),
            level: 0.95,
            pairs: 12,
            of: TimeMeasure::WallNs,
        }),
        counts: Counts::from_fn(|counter| {
            (counter != Counter::TracedEvents).then_some(100 + counter as u64)
        }),
        syscalls_reference: Some(9),
        stops_distribution: None,
        tracer_voluntary_distribution: None,
        tracee_voluntary_distribution: None,
        context_switches: Some(ContextSwitches {
            tracee_voluntary: 10,
            tracee_involuntary: 11,
            tracer_voluntary: Some(12),
            tracer_involuntary: Some(13),
        }),
        overhead_ns_per_syscall: Some(distribution.median),
        overhead_ns_per_syscall_distribution: Some(distribution),
        overhead_ns_per_stop: None,
        overhead_ns_per_stop_distribution: None,
        others_cpu_share: Some(0.25),
        filter: Some(FilterSummary {
            compiler: "linear".into(),
            instructions: 36,
            cacheable: true,
            allowed_calls: Some(371),
            cached_calls: Some(371),
        }),
    }
}

fn record(seed: u64, state: State, words: Vec<String>) -> Record {
    Record {
        schema_version: SCHEMA_VERSION,
        harness: Provenance {
            version: "0.1.0".into(),
            revision: None,
        },
        command: words.clone(),
        started_at: "2026-01-02T03:04:05Z".into(),
        finished_at: None,
        state,
        environment: Environment {
            host: "host".into(),
            kernel_release: "6.1.0".into(),
            kernel_version: "#1 SMP".into(),
            architecture: "x86_64".into(),
            os: None,
            cpu: Cpu {
                model: Some("CPU".into()),
                online: 2,
                allowed: vec![0, 1],
                cores: vec![vec![0, 1]],
            },
            memory_kib: Some(1),
            mitigations: BTreeMap::from([("spectre_v2".into(), "none".into())]),
            bpf_jit_enable: Some(1),
            bpf_jit_harden: None,
            yama_ptrace_scope: None,
            seccomp: SeccompState::default(),
            clock_source: None,
            governor: None,
            cgroup_limits: BTreeMap::new(),
            virtualization: None,
            randomize_va_space: Some(2),
            euid: 0,
            cap_sys_admin: true,
            seccomp_stop_order: None,
            call_source: None,
            seccomp_cache: Some(true),
            btf: None,
            bpf_stats_enabled: None,
            unprivileged_bpf_disabled: None,
            lockdown: None,
            load_average: Some(0.1),
            others_runnable: Some(1),
        },
        plan: Plan {
            seed,
            runs: 12,
            warmup: 1,
            max_pressure: Some(0.1),
            ignore_failure: false,
            accept_variation: false,
            workloads: vec![WorkloadPlan {
                name: "command".into(),
                command: words,
                trace: "connect".into(),
                pin: Pin::SameCpu,
                placement: Some(Placement {
                    tracer: 1,
                    tracees: 1,
                    relation: Relation::SameCpu,
                }),
                cpus: vec![1],
                warmup: Some(2),
                times_itself: false,
                operations: None,
                loop_syscalls: Some(3),
                stated_calls: Some(BTreeMap::from([("read".into(), u64::MAX)])),
                stated_traced_events: None,
                stated_execs: None,
                stated_tasks: None,
            }],
            modes: vec![ModePlan {
                name: "ptrace".into(),
                available: true,
                unavailable_reason: None,
                traces_set: true,
                ..ModePlan::default()
            }],
            hooks: Hooks::default(),
            order: vec![Slot {
                workload: "command".into(),
                mode: "ptrace".into(),
                block: 0,
                pass: 1,
                side: None,
            }],
            filters: vec![],
        },
        results: vec![result_row()],
        calls: vec![call_row()],
        dropped_blocks: 3,
        warnings: vec![],
    }
}

fn call_row() -> CallRow {
    CallRow {
        workload: "command".into(),
        mode: "ptrace".into(),
        executions: 3,
        abi: "i386".into(),
        number: Some(3),
        name: "read".into(),
        calls: 10.5,
        errors: Some(1.0),
        total_ns: None,
        mean_ns: None,
        median_ns: Some(96.0),
        p99_ns: None,
    }
}

/// An empty record in a temporary directory, with `run.json` in it.
fn directory() -> (tempfile::TempDir, RecordDirectory) {
    let parent = tempfile::tempdir().unwrap();
    let directory = RecordDirectory::create(parent.path().join("a/b")).unwrap();
    directory
        .write_record(&record(1, State::Running, vec![]))
        .unwrap();
    (parent, directory)
}

fn write(directory: &RecordDirectory, name: &str, text: &str) {
    fs::write(directory.path().join(name), text).unwrap();
}

/// `text` as `samples.csv` is refused, in one line that has all of `parts`.
fn check_samples_error(text: &str, parts: &[&str]) {
    let (_parent, directory) = directory();
    write(&directory, "samples.csv", text);
    check_error(&directory.read_samples().unwrap_err(), parts);
}

fn check_error(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} not in {message:?}");
    }
}

/// `samples.csv` of two samples.
fn two_samples() -> String {
    let (_parent, directory) = directory();
    let mut writer = directory.sample_writer().unwrap();
    writer.append(&sample(0)).unwrap();
    writer.append(&sample(1)).unwrap();
    fs::read_to_string(directory.path().join("samples.csv")).unwrap()
}

/// Each value stands under its own name: the cells of a row are told apart by their values.
#[test]
fn header_is_that_of_the_fields() {
    let text = two_samples();
    let mut rows = text.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let (header, row) = (rows.next().unwrap(), rows.next().unwrap());
    assert_eq!(header.len(), row.len());
    let cell = |name: &str| row[header.iter().position(|column| *column == name).unwrap()];
    for &counter in Counter::ALL {
        let value = sample(0).counts.get(counter);
        let text = value.map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(cell(counter.info().column), text, "{counter:?}");
    }
    for (name, value) in [
        ("workload", "make-sim"),
        ("pass", "1"),
        ("tracer_involuntary", "8"),
        ("max_rss_kib", "18"),
        ("env_padding_bytes", "19"),
        ("started_ns", "21"),
        ("lifetime_ns", "22"),
    ] {
        assert_eq!(cell(name), value, "{name}");
    }
}

/// Records from before CPU time of others was kept are read. What they have of a tracer where
/// nobody traces was the harness's own, and is none.
#[test]
fn reads_samples_without_later_columns() {
    let old_row = |row: &str, mode: &str| {
        let mut cells: Vec<_> = row.split(',').collect();
        // The counters that came later, and what came behind them.
        cells.drain(30..34);
        cells.truncate(35);
        if cells[2] != "mode" {
            cells[2] = mode;
        }
        cells.join(",") + "\n"
    };
    let text = two_samples();
    for (mode, traced) in [("none", false), ("seccomp-allow", false), ("ptrace", true)] {
        let (_parent, directory) = directory();
        let old: String = text.lines().map(|row| old_row(row, mode)).collect();
        write(&directory, "samples.csv", &old);
        for sample in directory.read_samples().unwrap().samples {
            assert_eq!((sample.others_cpu_ns, sample.lifetime_ns), (None, None));
            assert_eq!(sample.counts.get(Counter::Interceptions), None);
            assert_eq!(
                sample.counts.interceptions(),
                sample.counts.get(Counter::Stops)
            );
            assert_eq!(sample.tracer_user_ns.is_some(), traced, "{mode}");
            assert_eq!(sample.tracer_voluntary.is_some(), traced, "{mode}");
            assert_eq!(sample.wall_ns, self::sample(0).wall_ns);
        }
    }
}

proptest! {
    /// Any sample is read back as it was written.
    #[test]
    fn samples_round_trip(
        counts in prop::collection::vec(any::<(u64, Option<u64>, Option<i32>)>(), 0..8),
        // An empty text is the same as none: the cell is empty.
        error in prop::option::of("(?s).{1,40}"),
    ) {
        let samples: Vec<_> = counts
            .iter()
            .enumerate()
            .map(|(index, &(wall_ns, count, code))| Sample {
                wall_ns,
                loop_ns: count,
                counts: Counts::default().with(Counter::Syscalls, count),
                exit_code: code,
                signal: code,
                error: error.clone(),
                status: if error.is_some() { SampleStatus::Failed } else { SampleStatus::Ok },
                ..sample(index as u64)
            })
            .collect();
        let (_parent, directory) = directory();
        let mut writer = directory.sample_writer().unwrap();
        for sample in &samples {
            writer.append(sample).unwrap();
        }
        let read = directory.read_samples().unwrap();
        prop_assert_eq!(read.samples, samples);
        prop_assert_eq!(read.dropped, None);
    }

    /// Wherever the end of the file is cut off, the whole rows before it are read.
    #[test]
    fn truncated_samples_keep_whole_rows(cut in 0_usize..600) {
        let text = two_samples();
        let cut = cut.min(text.len());
        let rows = text[..cut].matches('\n').count();
        let (_parent, directory) = directory();
        write(&directory, "samples.csv", &text[..cut]);
        match directory.read_samples() {
            Ok(read) => {
                prop_assert_eq!(read.samples.len() + 1, rows);
                prop_assert_eq!(read.dropped.is_some(), !text[..cut].ends_with('\n'));
            }
            Err(error) => prop_assert!(rows == 0, "{}", error),
        }
    }

    /// A record is read back as it was written, floating point included.
    #[test]
    fn record_round_trips(
        seed in any::<u64>(),
        words in prop::collection::vec("(?s).{0,20}", 0..4),
        signal in prop::option::of(1..32),
        median in prop::num::f64::NORMAL,
    ) {
        let state = signal.map_or(State::Complete, |signal| State::Interrupted { signal });
        let mut written = record(seed, state, words);
        written.results[0].wall_ns.as_mut().unwrap().median = median;
        let (_parent, directory) = directory();
        directory.write_record(&written).unwrap();
        let read = RecordDirectory::open(directory.path()).unwrap().read_record().unwrap();
        prop_assert_eq!(read, written);
    }
}

/// Nothing but the files of the record is in the directory afterwards.
#[test]
fn leaves_no_temporary_files() {
    let (_parent, directory) = directory();
    drop(directory.sample_writer().unwrap());
    directory.write_summary(&[result_row()]).unwrap();
    directory.write_plot("../x y", "<svg/>").unwrap();
    directory.write_plot("../x y", "<svg/>").unwrap();
    directory.write_report("<html>").unwrap();
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "plots",
            "report.html",
            "run.json",
            "samples.csv",
            "summary.csv"
        ]
    );
    let plots: Vec<_> = fs::read_dir(directory.path().join("plots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(plots, ["_._x_y.svg"]);
}

/// A link where a file belongs is replaced; what it points to stays.
#[test]
fn follows_no_links() {
    let (parent, directory) = directory();
    let outside = parent.path().join("outside");
    fs::write(&outside, "mine").unwrap();
    std::os::unix::fs::symlink(&outside, directory.path().join("report.html")).unwrap();
    directory.write_report("<html>").unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");

    std::os::unix::fs::symlink(parent.path(), directory.path().join("plots")).unwrap();
    check_error(
        &directory.write_plot("x", "").unwrap_err(),
        &["plots is not a directory"],
    );
    std::os::unix::fs::symlink(&outside, directory.path().join("samples.csv")).unwrap();
    check_error(&directory.sample_writer().unwrap_err(), &["File exists"]);
}

/// What is in the way of a new record is left alone.
#[test]
fn creates_in_an_empty_directory_only() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("new");
    RecordDirectory::create(&path).unwrap();
    RecordDirectory::create(&path).unwrap();
    fs::write(path.join("file"), "").unwrap();
    check_error(
        &RecordDirectory::create(&path).unwrap_err(),
        &["new: the directory is not empty", "name a new"],
    );
    check_error(
        &RecordDirectory::create(path.join("file")).unwrap_err(),
        &["file is not a directory"],
    );
    check_error(
        &RecordDirectory::create(path.join("file/x")).unwrap_err(),
        &["file/x"],
    );
    check_error(
        &RecordDirectory::create("/proc/self/none").unwrap_err(),
        &["/proc/self/none"],
    );
}

/// What is no record is refused with the reason.
#[test]
fn opens_records_only() {
    let parent = tempfile::tempdir().unwrap();
    check_error(
        &RecordDirectory::open(parent.path()).unwrap_err(),
        &["is not a record", "run.json"],
    );
    check_error(
        &RecordDirectory::open(parent.path().join("absent")).unwrap_err(),
        &["absent", "No such file"],
    );

    let (_parent, directory) = directory();
    let whole = fs::read_to_string(directory.path().join("run.json")).unwrap();
    for (text, parts) in [
        (
            &whole[..whole.len() / 2],
            &["run.json", "EOF", "truncated"][..],
        ),
        ("", &["run.json", "truncated"]),
        ("{}", &["missing field `schema_version`"]),
        ("{\"schema_version\": 1}", &["missing field"]),
        (
            "{\"schema_version\": 99}",
            &["schema version 99", "reads version 1"],
        ),
        ("[1]", &["damaged or not"]),
    ] {
        write(&directory, "run.json", text);
        check_error(&directory.read_record().unwrap_err(), parts);
    }
}

/// A damaged table of samples is refused with line and column.
#[test]
fn refuses_damaged_samples() {
    let good = two_samples();
    check_samples_error("", &["is empty"]);
    check_samples_error(
        &good
            .replacen("wall_ns,", "wall,", 1)
            .replacen("sys_ns,", "", 1),
        &["lacks the columns wall_ns, sys_ns;"],
    );
    check_samples_error(
        &good.replacen("\n1,", "\nx,", 1),
        &["samples.csv line 3: column index: invalid digit"],
    );
    for bad in ["-1", "NaN", "1.5", ""] {
        check_samples_error(
            &good.replacen("2000000000", bad, 1),
            &["line 2: column wall_ns"],
        );
    }
    check_samples_error(&good.replacen(",ok,", ",maybe,", 1), &["line 2", "maybe"]);
    check_samples_error(
        &good.replacen(",ok,", ",", 1),
        &["line 2: 41 columns where the header has 42"],
    );
}

/// Each row of the summary has a cell for each column, quoted where needed.
#[test]
fn summary_has_a_cell_a_column() {
    let text = summary_csv(&[result_row()]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    let cell = |name: &str| {
        let at = header.iter().position(|column| column == name).unwrap();
        &rows[0][at]
    };
    for (column, expected) in [
        ("workload", "odd, \"name\""),
        ("trace", "open,connect"),
        ("verified", "true"),
        ("wall_ns_median", "1.5"),
        ("wall_ns_high", ""),
        ("loop_ns_median", ""),
        ("ratio_high", "2.1"),
        ("ratio_pairs", "12"),
        ("stops_group", "106"),
        ("tracer_involuntary", "13"),
        ("traced_events", ""),
        ("filter_instructions", "36"),
    ] {
        assert_eq!(cell(column), expected, "{column}");
    }
}

/// The user named the file, not what it is written as first.
#[test]
fn a_refused_write_does_not_tell_a_temporary_name() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("gone");
    let directory = RecordDirectory::create(&path).unwrap();
    fs::remove_dir(&path).unwrap();
    let error = directory.write_summary(&[]).unwrap_err().to_string();
    assert!(error.contains("gone/summary.csv: No such"), "{error}");
    assert!(error.ends_with("(os error 2); check the path"), "{error}");
}

/// Nothing is left of trying whether a calibration could be written, neither a
/// file nor the directories it would be in.
#[test]
fn trying_a_calibration_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    Calibration::probe(&temporary.path().join("c.json")).unwrap();
    Calibration::probe(&temporary.path().join("a/b/c.json")).unwrap();
    let refused = Calibration::probe(temporary.path()).unwrap_err();
    assert!(matches!(refused, Error::NotReplaceable { .. }), "{refused}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}
