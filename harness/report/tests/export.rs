//! What other tools are given, letter by letter and by the rules of each format.
//!
//! `UPDATE_EXPECTED=1 cargo test -p harness-report --test export` writes the expected texts anew.

mod common;

use common::{CORE, mode, plan, record, sample, samples, workload};
use harness_record::{Counter, Record, RecordDirectory, Sample, SampleStatus, State};
use harness_report::{EXPORT_FORMATS, Export, export};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The committed record and its samples.
fn committed() -> (Record, Vec<Sample>) {
    let directory = RecordDirectory::open(data()).unwrap();
    let samples = directory.read_samples().unwrap().samples;
    (directory.read_record().unwrap(), samples)
}

fn to(format: &str, record: &Record, samples: &[Sample]) -> Result<Export, String> {
    let format = EXPORT_FORMATS.iter().find(|known| known.name == format);
    export(record, samples, format.unwrap()).map_err(|error| error.to_string())
}

/// The committed record in a format; equal to the file, letter by letter.
fn golden(format: &str, file: &str) -> String {
    let (record, samples) = committed();
    let export = to(format, &record, &samples).unwrap();
    let path = data().join("export").join(file);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &export.text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(export.text == expected, "{file} differs:\n{}", export.text);
    for (part, why) in [
        ("make-sim under seccomp-bitmap is left out", "not verified"),
        ("make-sim under ebpf is left out", "did not run"),
        ("getppid under ebpf is left out", "did not run"),
    ] {
        let said = |remark: &String| remark.contains(part) && remark.contains(why);
        assert!(export.remarks.iter().any(said), "{:?}", export.remarks);
    }
    for absent in ["make-sim/seccomp-bitmap", "ebpf"] {
        assert!(!export.text.contains(absent), "{absent}");
    }
    export.text
}

/// The fields that hyperfine writes, all of them and no others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hyperfine {
    results: Vec<HyperfineResult>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HyperfineResult {
    command: String,
    mean: f64,
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    memory_usage_byte: Vec<u64>,
    exit_codes: Vec<Option<i32>>,
}

#[test]
fn hyperfine() {
    let text = golden("hyperfine", "hyperfine.json");
    let document: Hyperfine = serde_json::from_str(&text).unwrap();
    let commands: Vec<_> = document
        .results
        .iter()
        .map(|result| &*result.command)
        .collect();
    assert_eq!(
        commands,
        [
            "make-sim under none",
            "make-sim under ptrace",
            "make-sim under seccomp-linear",
            "getppid under none",
            "getppid under ptrace",
            "getppid under seccomp-linear",
            "getppid under seccomp-bitmap",
        ]
    );
    for result in &document.results {
        assert_eq!(result.times.len(), 12);
        assert_eq!(result.exit_codes, [Some(0); 12]);
        assert_eq!(result.memory_usage_byte, [4096 * 1024; 12]);
        assert!(
            result
                .times
                .iter()
                .all(|time| *time >= result.min && *time <= result.max)
        );
        for centre in [result.mean, result.median] {
            assert!(result.min < centre && centre < result.max, "{result:?}");
        }
        assert!(result.stddev.is_some_and(|deviation| deviation < 0.01));
        assert!(result.user > 1.5 && result.system > 0.25, "{result:?}");
    }
}

#[test]
fn github_action_benchmark() {
    /// As the action's schema (zod) has it.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        name: String,
        unit: String,
        value: f64,
        range: Option<String>,
        extra: Option<String>,
    }
    let text = golden("github-action-benchmark", "github-action-benchmark.json");
    let entries: Vec<Entry> = serde_json::from_str(&text).unwrap();
    let names: BTreeSet<_> = entries.iter().map(|entry| &*entry.name).collect();
    assert_eq!(
        names.len(),
        entries.len(),
        "the action finds an entry by its name"
    );
    for what in [
        "ratio to none",
        "overhead per syscall",
        "stops",
        "traced events",
    ] {
        assert!(
            names.contains(&*format!("make-sim under ptrace: {what}")),
            "{what}"
        );
    }
    assert!(names.contains("getppid under seccomp-linear: filter length"));
    assert!(!text.contains("under none"), "the reference is no entry");
    for entry in &entries {
        assert!(entry.value.is_finite() && entry.value > 0.0, "{entry:?}");
        assert!(!entry.unit.is_empty());
        let estimated = entry.name.contains("ratio") || entry.name.contains("overhead");
        assert_eq!(entry.range.is_some(), estimated, "{entry:?}");
        assert!(
            entry
                .extra
                .as_ref()
                .is_some_and(|extra| extra.contains("trace set"))
        );
    }
}

#[test]
fn bencher() {
    /// As <https://bencher.dev/bmf.json> has it, and nothing else.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Metric {
        value: f64,
        lower_value: Option<f64>,
        upper_value: Option<f64>,
    }
    let text = golden("bencher", "bencher.json");
    let benchmarks: BTreeMap<String, BTreeMap<String, Metric>> =
        serde_json::from_str(&text).unwrap();
    assert_eq!(benchmarks.len(), 7);
    for (benchmark, measures) in &benchmarks {
        // Bencher's own limit, in bytes.
        assert!(!benchmark.is_empty() && benchmark.len() <= 1024);
        assert!(measures.contains_key("latency"), "Bencher's own measure");
        for (measure, metric) in measures {
            // A slug of Bencher's, so that it is found again under its name.
            assert!(
                measure.len() <= 64 && measure.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{measure}"
            );
            let (low, high) = (metric.lower_value, metric.upper_value);
            assert_eq!(low.is_some(), high.is_some(), "{benchmark} {measure}");
            assert!(
                low.is_none_or(|low| low <= metric.value),
                "{benchmark} {measure}"
            );
            assert!(
                high.is_none_or(|high| metric.value <= high),
                "{benchmark} {measure}"
            );
        }
    }
    let measures: Vec<_> = benchmarks["getppid/seccomp-linear"].keys().collect();
    assert_eq!(
        measures,
        [
            "filter-instructions",
            "latency",
            "overhead-ns-per-syscall",
            "ratio-to-none",
            "stops",
            "traced-events",
        ]
    );
}

/// A reader as strict as the format's design document; the lines of results.
fn read_gobench(text: &str) -> Vec<Vec<&str>> {
    let mut results = Vec::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        if let Some((key, value)) = line.split_once(": ")
            && !key.contains(|c: char| c.is_whitespace() || c.is_uppercase())
            && key.starts_with(char::is_lowercase)
        {
            assert!(!value.trim().is_empty(), "{line}");
        } else if fields[0] == "Unit" {
            assert!(fields.len() > 2 && fields[2..].iter().all(|field| field.contains('=')));
        } else {
            let name = fields[0].strip_prefix("Benchmark");
            assert!(
                name.is_some_and(|name| name.starts_with(char::is_uppercase)),
                "{line}"
            );
            assert!(
                fields.len() >= 4 && fields.len().is_multiple_of(2),
                "{line}"
            );
            assert!(fields[1].parse::<u64>().is_ok_and(|n| n > 0), "{line}");
            for pair in fields[2..].chunks(2) {
                assert!(pair[0].parse::<f64>().is_ok_and(f64::is_finite), "{line}");
                assert!(pair[1].ends_with("/op"), "{line}");
            }
            results.push(fields);
        }
    }
    results
}

#[test]
fn gobench() {
    let text = golden("gobench", "gobench.txt");
    for line in [
        "goos: linux",
        "goarch: amd64",
        "pkg: harness",
        "trace: getppid",
        "pin: same-cpu",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    assert!(text.contains("Unit stops/op better=lower assume=exact\n"));
    let results = read_gobench(&text);
    assert_eq!(results.len(), 7 * 12, "a line a sample");
    let of = |name: &str| {
        let lines = results.iter().filter(|fields| fields[0] == name);
        lines.cloned().collect::<Vec<_>>()
    };
    let ptrace = of("BenchmarkGetppid/mode=ptrace-2");
    assert_eq!(ptrace.len(), 12);
    // An operation is one of the 100,000 of the loop.
    assert_eq!(ptrace[0][1], "100000");
    assert_eq!(
        &ptrace[0][6..],
        ["2.00061", "stops/op", "1", "traced-events/op"]
    );
    assert_eq!(of("BenchmarkMakeSim/mode=none-2").len(), 12);
}

/// Of one sample there is no deviation and no limit; of none there is nothing.
#[test]
fn few_samples_give_less_and_none_give_nothing() {
    for runs in [0, 1, 2] {
        let plan = plan(vec![workload("make-sim")], &CORE, runs);
        let samples = samples(&plan, &CORE);
        let record = record(plan, &samples);
        for format in EXPORT_FORMATS {
            let export = to(format.name, &record, &samples);
            if runs == 0 {
                let error = export.unwrap_err();
                assert!(error.starts_with("nothing to export: "), "{error}");
                assert!(
                    error.contains("make-sim under ptrace is left out"),
                    "{error}"
                );
                assert!(error.ends_with("and 1 more"), "{error}");
                continue;
            }
            let text = export.unwrap().text;
            for absent in ["NaN", "inf", "lower_value", "range"] {
                assert!(!text.contains(absent), "{}: {absent}", format.name);
            }
            if format.name == "hyperfine" {
                assert_eq!(text.contains("\"stddev\": null"), runs == 1, "{text}");
                assert_eq!(text.matches("\"command\"").count(), 4);
            }
        }
    }
}

/// Zero executions, no time, a failure: no such sample is exported, and a sample that failed
/// leaves its mode out.
#[test]
fn samples_that_do_not_count_are_not_exported() {
    let plan = plan(vec![workload("make-sim")], &CORE[..2], 8);
    let mut samples = samples(&plan, &CORE);
    let record = record(plan, &samples);
    for sample in samples.iter_mut().filter(|sample| sample.mode == "ptrace") {
        sample.status = SampleStatus::Failed;
        sample.error = Some("exit code 2".into());
    }
    for format in EXPORT_FORMATS {
        let export = to(format.name, &record, &samples);
        if format.name == "github-action-benchmark" {
            let error = export.unwrap_err();
            assert!(
                error.contains("8 of 8 samples failed, the first: exit code 2"),
                "{error}"
            );
            continue;
        }
        let export = export.unwrap();
        assert!(!export.text.contains("ptrace"), "{}", export.text);
        assert_eq!(export.remarks.len(), 1, "{:?}", export.remarks);
    }
    let mut odd = samples[0].clone();
    (odd.executions, odd.wall_ns) = (0, 0);
    for format in ["hyperfine", "gobench", "bencher"] {
        let error = to(format, &record, &[odd.clone()]).unwrap_err();
        assert!(error.contains("make-sim under none is left out"), "{error}");
    }
}

/// An overhead that may be nothing has no quotient worth an alarm.
#[test]
fn what_cannot_be_told_from_zero_is_no_entry_of_the_action() {
    let modes = [CORE[0], mode("seccomp-allow", 1.0, Some(0)), CORE[1]];
    let plan = plan(vec![workload("make-sim")], &modes, 12);
    let samples = samples(&plan, &modes);
    let record = record(plan, &samples);
    let export = to("github-action-benchmark", &record, &samples).unwrap();
    assert!(
        !export.text.contains("seccomp-allow: overhead"),
        "{}",
        export.text
    );
    assert!(export.text.contains("seccomp-allow: ratio"));
    let said = "the overhead of make-sim under seccomp-allow is left out";
    assert!(export.remarks[0].starts_with(said), "{:?}", export.remarks);
    // Bencher takes it with its limits, on both sides of zero.
    let export = to("bencher", &record, &samples).unwrap();
    let benchmarks: serde_json::Value = serde_json::from_str(&export.text).unwrap();
    let metric = &benchmarks["make-sim/seccomp-allow"]["overhead-ns-per-syscall"];
    assert!(metric["lower_value"].as_f64().unwrap() < 0.0, "{metric}");
}

/// Without the untraced mode there are times and counts, and no ratio.
#[test]
fn without_the_untraced_mode_there_is_no_ratio() {
    let plan = plan(vec![workload("make-sim")], &CORE[1..3], 6);
    let samples = samples(&plan, &CORE);
    let record = record(plan, &samples);
    let export = to("github-action-benchmark", &record, &samples).unwrap();
    assert!(!export.text.contains("ratio"), "{}", export.text);
    assert!(export.text.contains("make-sim under ptrace: stops"));
    assert!(export.remarks[0].contains("the ratio of make-sim under ptrace is left out"));
    assert!(
        !to("bencher", &record, &samples)
            .unwrap()
            .text
            .contains("ratio")
    );
}

#[test]
fn an_early_end_is_said() {
    let (mut record, samples) = committed();
    record.state = State::Interrupted { signal: 2 };
    for format in EXPORT_FORMATS {
        let export = to(format.name, &record, &samples).unwrap();
        assert!(
            export.remarks[0].contains("interrupted by signal 2"),
            "{:?}",
            export.remarks
        );
    }
}

/// Several executions of a sample are shared out; a name says neither seed nor revision.
#[test]
fn values_are_per_execution_and_names_are_stable() {
    let plan = plan(vec![workload("make-sim")], &CORE[..1], 6);
    let samples: Vec<_> = plan
        .order
        .iter()
        .map(|slot| sample(slot, 4, 250_000_000))
        .collect();
    let mut record = record(plan, &samples);
    let command = [
        "harness",
        "__workload",
        "make-sim",
        "--seed",
        "7",
        "--units",
        "9",
    ];
    record.plan.workloads[0].command = command.map(String::from).to_vec();
    let text = to("hyperfine", &record, &samples).unwrap().text;
    let document: Hyperfine = serde_json::from_str(&text).unwrap();
    assert_eq!(document.results[0].times, [0.25; 6]);
    let text = to("gobench", &record, &samples).unwrap().text;
    assert!(
        text.contains("BenchmarkMakeSim/mode=none-2\t4\t250000000 ns/op\t"),
        "{text}"
    );
    assert!(
        text.contains("\ncommand: harness __workload make-sim --units 9\n"),
        "{text}"
    );
    record.environment.cpu.allowed = vec![3];
    let text = to("gobench", &record, &samples).unwrap().text;
    assert!(text.contains("BenchmarkMakeSim/mode=none\t"), "{text}");
}

/// Counts that vary are estimates to benchstat, not exact numbers.
#[test]
fn only_counts_that_never_vary_are_exact() {
    let (record, mut samples) = committed();
    samples[1].counts.set(Counter::Stops, Some(9_471_206));
    assert_eq!(samples[1].mode, "ptrace");
    let text = to("gobench", &record, &samples).unwrap().text;
    assert!(text.contains("Unit stops/op better=lower\n"), "{text}");
    assert!(
        text.contains("Unit traced-events/op better=lower assume=exact\n"),
        "{text}"
    );
}

/// Text of the user's stays within its field or line.
#[test]
fn text_stays_in_its_place() {
    let (mut record, mut samples) = committed();
    let hostile = "x\u{1b}[31m\nBenchmarkForged 1 1 ns/op\r\"}";
    record.plan.workloads[0].command.push(hostile.into());
    record.plan.modes[0].name = hostile.into();
    record.environment.cpu.model = Some(hostile.into());
    record.plan.modes[4].unavailable_reason = Some(hostile.into());
    for sample in samples.iter_mut().filter(|sample| sample.mode == "none") {
        sample.mode = hostile.into();
    }
    for format in EXPORT_FORMATS {
        let text = to(format.name, &record, &samples).unwrap().text;
        assert!(!text.contains(['\u{1b}', '\r']), "{}", format.name);
        if format.name == "gobench" {
            assert_eq!(read_gobench(&text).len(), 7 * 12);
        } else {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
    let error = to("bencher", &record, &[]).unwrap_err();
    assert!(!error.contains(char::is_control), "{error}");
}

/// A command has its command line for a name, as other tools have it, and the mode beside.
#[test]
fn a_command_is_called_by_its_command_line() {
    let (mut record, mut samples) = committed();
    record.plan.workloads[0].name = "command".into();
    record.plan.workloads[0].command = ["make", "-j4", "a b"].map(String::from).to_vec();
    for sample in samples.iter_mut().filter(|s| s.workload == "make-sim") {
        sample.workload = "command".into();
    }
    for (format, name) in [
        ("hyperfine", "make -j4 'a b' under ptrace"),
        ("github-action-benchmark", "make -j4 'a b' under ptrace: "),
        ("bencher", "make -j4 'a b'/ptrace"),
    ] {
        let text = to(format, &record, &samples).unwrap().text;
        assert!(text.contains(name), "{format}: {text}");
        assert!(!text.contains("command under"), "{format}");
    }
}
