//! The texts of a committed record, letter by letter, and its directory.
//!
//! `UPDATE_EXPECTED=1 cargo test -p harness-report --test golden json`, then
//! without `json`, writes the record and the expected texts anew; what changed in them then shows in the difference to be committed.

mod common;

use common::{CORE, plan, record, samples, workload};
use harness_record::{
    CallRow, Counter, Pin, Placement, Record, RecordDirectory, Relation, Sample, SampleStatus,
    State, WorkloadPlan,
};
use harness_report::{Format, load, render, render_with_calls, summarise, write_report};
use std::fs;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// What the committed record was made from: two workloads, one of which times itself, a mode that
/// cannot run, and one that counted something else than the others.
fn synthetic() -> (Record, Vec<Sample>) {
    let getppid = WorkloadPlan {
        trace: "getppid".into(),
        pin: Pin::SameCpu,
        placement: Some(Placement {
            tracer: 1,
            tracees: 1,
            relation: Relation::SameCpu,
        }),
        times_itself: true,
        operations: Some(100_000),
        loop_syscalls: Some(100_000),
        stated_calls: None,
        stated_traced_events: Some(100_000),
        ..workload("getppid")
    };
    let modes = [&CORE[..], &[common::mode("ebpf", 1.0, None)]].concat();
    let mut plan = plan(vec![workload("make-sim"), getppid], &modes, 12);
    plan.modes[4].available = false;
    plan.modes[4].unavailable_reason =
        Some("the kernel refuses bpf(2) to this user; run as root or grant CAP_BPF".into());
    plan.order.retain(|slot| slot.mode != "ebpf");
    let mut samples = samples(&plan, &modes);
    for sample in &mut samples {
        if sample.workload == "getppid" {
            let traced = sample.mode != "none";
            sample.wall_ns /= 8;
            sample.loop_ns = Some(sample.wall_ns - 1_500_000);
            if traced {
                sample.counts.set(Counter::Stops, Some(200_061));
                sample.counts.set(Counter::TracedEvents, Some(100_000));
                sample.counts.set(
                    Counter::Syscalls,
                    (sample.mode == "ptrace").then_some(100_030),
                );
            }
        } else if sample.mode == "seccomp-bitmap" {
            sample.counts.set(Counter::TracedEvents, Some(11));
            if sample.pass == 5 {
                sample.status = SampleStatus::Failed;
                sample.error = Some("exit code 2 where the workload states 0".into());
            }
        }
    }
    let mut record = record(plan, &samples);
    record.calls = calls();
    record
        .warnings
        .push("The processes were not pinned: stops across CPUs are more expensive.".into());
    (record, samples)
}

/// One mode knows calls and errors, one calls alone, and one times, too; the last executions of one
/// were of two kinds.
fn calls() -> Vec<CallRow> {
    let row = |mode: &str, number, name: &str, calls, errors| CallRow {
        workload: "make-sim".into(),
        mode: mode.into(),
        executions: 12,
        abi: "x86_64".into(),
        number: Some(number),
        name: name.into(),
        calls,
        errors,
        total_ns: None,
        mean_ns: None,
        median_ns: None,
        p99_ns: None,
    };
    let timed =
        |number, name, calls, errors, total_ns: f64, quantiles: Option<(f64, f64)>| CallRow {
            total_ns: Some(total_ns),
            mean_ns: quantiles.map(|_| total_ns / calls),
            median_ns: quantiles.map(|(median, _)| median),
            p99_ns: quantiles.map(|(_, p99)| p99),
            ..row("seccomp-linear", number, name, calls, Some(errors))
        };
    vec![
        row("ptrace", 0, "read", 10_417.0, Some(0.0)),
        row("ptrace", 257, "openat", 3_312.5, Some(1_204.5)),
        row("ptrace", 231, "exit_group", 1.0, Some(0.0)),
        CallRow {
            abi: "i386".into(),
            ..row("ptrace", 20, "getpid", 2.0, Some(0.0))
        },
        CallRow {
            number: None,
            ..row("seccomp-bitmap", 0, "made|up", 3.0, None)
        },
        timed(
            0,
            "read",
            10_417.0,
            0.0,
            9_812_345.0,
            Some((700.5, 8_192.0)),
        ),
        timed(
            257,
            "openat",
            3_312.0,
            1_204.0,
            21_000_000.0,
            Some((4_301.0, 65_001.25)),
        ),
        timed(231, "exit_group", 1.0, 0.0, 0.0, None),
    ]
}

fn committed() -> Record {
    RecordDirectory::open(data())
        .unwrap()
        .read_record()
        .unwrap()
}

/// The text is, letter by letter, that of the file.
fn check(found: &str, file: &str) {
    let path = data().join(file);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{file} differs:\n{found}");
}

fn check_calls(format: Format, file: &str) {
    check(&render_with_calls(&committed(), format).unwrap(), file);
}

fn check_format(format: Format, file: &str) {
    check(&render(&committed(), format).unwrap(), file);
}

#[test]
fn table() {
    check_format(Format::Table, "table.txt");
}

#[test]
fn markdown() {
    check_format(Format::Markdown, "table.md");
}

#[test]
fn csv() {
    check_format(Format::Csv, "summary.csv");
}

#[test]
fn calls_as_a_table() {
    check_calls(Format::Table, "calls.txt");
}

#[test]
fn calls_as_markdown() {
    check_calls(Format::Markdown, "calls.md");
}

#[test]
fn calls_as_csv() {
    check_calls(Format::Csv, "calls.csv");
}

/// A record of today without calls, and every one from before: said, and none is made up.
#[test]
fn a_record_without_calls_says_so() {
    let mut record = committed();
    record.calls.clear();
    let json = record.to_json().unwrap();
    assert!(!json.contains("\n  \"calls\""), "{json}");
    assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    let of = |format| render_with_calls(&record, format).unwrap();
    let text = of(Format::Table);
    assert!(text.starts_with(&render(&record, Format::Table).unwrap()));
    assert!(text.contains("No calls by number"), "{text}");
    assert_eq!(
        of(Format::Csv),
        "workload,mode,abi,number,name,calls,errors,total_ns\n"
    );
}

/// The format on disk is stable: what was committed is read, and written alike.
#[test]
fn json() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let (record, samples) = synthetic();
        check(&record.to_json().unwrap(), "run.json");
        let parent = tempfile::tempdir().unwrap();
        let directory = RecordDirectory::create(parent.path().join("r")).unwrap();
        let mut writer = directory.sample_writer().unwrap();
        for sample in &samples {
            writer.append(sample).unwrap();
        }
        let rows = fs::read_to_string(directory.path().join("samples.csv")).unwrap();
        check(&rows, "samples.csv");
    }
    check_format(Format::Json, "run.json");
    let samples = RecordDirectory::open(data()).unwrap().read_samples();
    let record = committed();
    assert_eq!(
        summarise(&record.plan, &samples.unwrap().samples),
        record.results
    );
}

/// What is said of a filter is true of the kernel of the record, and of what the record knows.
#[test]
fn what_is_cached_is_what_the_kernel_of_the_record_caches() {
    let said = |change: &dyn Fn(&mut Record)| {
        let mut record = committed();
        change(&mut record);
        let text = render(&record, Format::Markdown).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("- seccomp-"));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let counted = |record: &mut Record, allowed, cached| {
        for filter in record
            .results
            .iter_mut()
            .filter_map(|row| row.filter.as_mut())
        {
            (filter.allowed_calls, filter.cached_calls) = (allowed, cached);
        }
    };
    for (change, expected) in [
        (
            &(|_: &mut Record| {}) as &dyn Fn(&mut Record),
            "the kernel caches all of them.",
        ),
        (
            &|_| {},
            "it allows 371 native calls, the kernel caches none of them.",
        ),
        (
            &|record| counted(record, Some(300), Some(297)),
            "it allows 300 native calls, the kernel caches 297 of them.",
        ),
        (
            &|record| record.environment.seccomp_cache = Some(false),
            "runs it for every call",
        ),
        (
            &|record| {
                record.environment.seccomp_cache = None;
                record.environment.kernel_release = "5.10.0-28-amd64".to_owned();
            },
            "the kernel, 5.10.0-28-amd64, runs it for every call",
        ),
        (
            &|record| {
                record.environment.seccomp_cache = None;
                record.environment.kernel_release.clear();
            },
            "a kernel of 5.11 or later caches all of them",
        ),
        (
            &|record| counted(record, None, None),
            "the kernel caches every native call that it allows.",
        ),
        (
            &|record| counted(record, None, None),
            "the kernel does not cache every native call",
        ),
        (
            &|record| record.environment.seccomp.filters = Some(2),
            "if the filters that the harness runs under are cacheable too.",
        ),
    ] {
        let found = said(change);
        assert!(found.contains(expected), "{expected}:\n{found}");
    }
}

/// No line is wider than the terminal it is made for, even at the extremes.
#[test]
fn the_table_fits_a_hundred_columns() {
    let mut record = committed();
    for row in &mut record.results {
        row.mode = "a-mode-of-16-let".into();
        row.verified = Some(false);
        if let Some(ratio) = &mut row.ratio {
            ratio.estimate = 1.0003;
            ratio.low = Some(1.0002);
            ratio.high = Some(1.0004);
        }
        if let Some(wall) = &mut row.wall_ns {
            wall.median = 7.47e11;
        }
        if row.counts.get(Counter::Stops).is_some() {
            row.counts.set(Counter::Stops, 999_999);
        }
        if let Some(switches) = &mut row.context_switches {
            switches.tracer_voluntary = Some(999_999);
            switches.tracee_voluntary = 999_999;
        }
        if let Some(ns) = &mut row.overhead_ns_per_syscall_distribution {
            ns.median = 1_234_567.0;
        }
    }
    let fits = |record: &Record| {
        for line in render(record, Format::Table).unwrap().lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    };
    fits(&record);
    // Not all of them are stops, and the headings say so.
    for row in &mut record.results {
        row.counts.set(Counter::Interceptions, 999_998);
    }
    assert!(render(&record, Format::Table).unwrap().contains("ceptions"));
    fits(&record);
}

/// Text of the user's can neither steer a terminal nor become markup.
#[test]
fn text_stays_text() {
    let mut record = committed();
    let hostile = "\u{1b}[31m<script>|`a`\nb";
    record.plan.workloads[0].name = hostile.into();
    for row in &mut record.results {
        if row.workload == "make-sim" {
            row.workload = hostile.into();
        }
        row.unavailable_reason = Some(hostile.into());
        row.verification = hostile.into();
    }
    record.command.push(hostile.into());
    record.warnings.push(hostile.into());
    record.environment.host = hostile.into();
    for format in [Format::Table, Format::Markdown] {
        let text = render(&record, format).unwrap();
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let markdown = render(&record, Format::Markdown).unwrap();
    assert!(!markdown.contains("<script>"), "{markdown}");

    let parent = tempfile::tempdir().unwrap();
    let directory = RecordDirectory::create(parent.path().join("r")).unwrap();
    write_report(&directory, &record).unwrap();
    let html = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(!html.contains("<script") && !html.contains('\u{1b}'));
    assert!(html.contains("&lt;script&gt;"));
}

/// The report is in the directory, self-contained, and can be made again
/// without touching what is not generated.
#[test]
fn reports_are_written_into_the_directory() {
    let parent = tempfile::tempdir().unwrap();
    let directory = RecordDirectory::create(parent.path().join("r")).unwrap();
    let record = committed();
    directory.write_record(&record).unwrap();
    write_report(&directory, &record).unwrap();
    let notes = directory.path().join("plots/notes.txt");
    fs::write(&notes, "mine").unwrap();
    fs::write(directory.path().join("report.html"), "old").unwrap();
    write_report(&directory, &load(&directory).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");

    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let html = read("report.html");
    for workload in ["make-sim", "getppid"] {
        for question in ["overhead", "stops", "ns-per-syscall"] {
            let svg = read(&format!("plots/{workload}-{question}.svg"));
            assert!(html.contains(&svg), "{workload}-{question}");
        }
    }
    for part in [
        "harness run --workload make-sim --modes all --seed 42",
        "<td>seed</td><td>42</td>",
        "ebpf did not run: ",
        "seccomp-bitmap is NOT VERIFIED",
        "<td>Mitigation: IBRS</td>",
        "<summary>Calls by number</summary>",
        "<td>3312.5</td><td>1204.5</td><td>openat</td>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for outside in ["<script", "<link", "src=", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    // Only of the workload that has any.
    assert_eq!(html.matches("<details>").count(), 1);
    assert_eq!(
        read("summary.csv"),
        fs::read_to_string(data().join("summary.csv")).unwrap()
    );
}

/// A killed measurement has no results yet: they come from its whole rows.
#[test]
fn a_killed_measurement_is_summarised_from_its_samples() {
    let parent = tempfile::tempdir().unwrap();
    let directory = RecordDirectory::create(parent.path().join("r")).unwrap();
    let plan = plan(vec![workload("make-sim")], &CORE, 8);
    let samples = samples(&plan, &CORE);
    let mut killed = record(plan, &samples);
    let results = std::mem::take(&mut killed.results);
    killed.state = State::Running;
    killed.finished_at = None;
    directory.write_record(&killed).unwrap();
    // Before the file of the samples was made, or its header written.
    let path = directory.path().join("samples.csv");
    assert_eq!(load(&directory).unwrap().results[3].samples, 0);
    fs::write(&path, "").unwrap();
    assert_eq!(load(&directory).unwrap().results[3].samples, 0);
    fs::remove_file(&path).unwrap();

    let mut writer = directory.sample_writer().unwrap();
    for sample in &samples {
        writer.append(sample).unwrap();
    }
    assert_eq!(load(&directory).unwrap().results, results);

    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 5]).unwrap();
    let loaded = load(&directory).unwrap();
    assert_eq!(loaded.results[3].samples, 7);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    write_report(&directory, &loaded).unwrap();
    let html = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(html.contains("The measurement has not ended"));
}
