//! `harness gate`, `compare` and `calibrate` through the command line: verdicts,
//! exit codes, and what is said of input that allows none.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line, text};
use serde_json::Value;

const OWN: &str = env!("CARGO_BIN_EXE_harness");

/// A short comparison of the harness with itself.
const SHORT: [&str; 12] = [
    "--workload",
    "getppid",
    "--modes",
    "ptrace,seccomp-linear",
    "--operations",
    "200",
    "--max-blocks",
    "6",
    "--format",
    "json",
    "--max-steal",
    "1000",
];

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON on standard output")
}

fn comparison<'a>(report: &'a Value, mode: &str, metric: &str) -> &'a Value {
    let comparisons = report["comparisons"].as_array().expect("comparisons");
    comparisons
        .iter()
        .find(|one| one["mode"] == mode && one["metric"] == metric)
        .unwrap_or_else(|| panic!("no {metric} under {mode}: {report:#}"))
}

/// Counts of a harness and itself are the same; times have the fields that
/// scripts read, whatever a loaded machine makes of them.
#[test]
fn a_harness_has_the_counts_that_it_has() {
    let harness = Harness::new();
    let bins = ["gate", "--base-bin", OWN, "--head-bin", OWN];
    let words = [&bins[..], &SHORT, &["--output", "out"]].concat();
    let output = harness.output(&words);
    let stderr = text(&output.stderr);
    let report = json(&output.stdout);
    let failed = report["verdict"] == "fail";
    assert_eq!(
        output.status.code(),
        Some(if failed { 3 } else { 0 }),
        "{stderr}"
    );
    for (mode, metric) in [
        ("ptrace", "stops"),
        ("ptrace", "syscalls"),
        ("ptrace", "traced_events"),
        ("seccomp-linear", "stops"),
        ("seccomp-linear", "filter_instructions"),
        ("seccomp-linear", "filter_executed"),
    ] {
        let counts = comparison(&report, mode, metric);
        assert_eq!(counts["verdict"], "pass", "{counts:#}");
        assert_eq!(counts["change"]["estimate"], 0.0, "{counts:#}");
        assert_eq!(counts["base"], counts["head"], "{counts:#}");
    }
    for mode in ["ptrace", "seccomp-linear"] {
        let ratio = comparison(&report, mode, "ratio");
        assert_eq!(ratio["workload"], "getppid");
        assert_eq!(ratio["observations"], 6, "{ratio:#}");
        assert!(ratio["base"].as_f64().unwrap() > 1.0, "{ratio:#}");
        // Six blocks: the smallest p-value is 1/64, and four comparisons share 0.05.
        assert!(ratio["min_detectable_effect"].is_null(), "{ratio:#}");
        let change = &ratio["change"];
        let [low, high] = ["low", "high"].map(|limit| change[limit].as_f64().unwrap());
        assert!(low <= high && change["level"] == 0.95, "{change:#}");
    }
    let kept = std::fs::read(harness.directory().join("out/gate.json")).expect("gate.json");
    assert_eq!(json(&kept), report);
    let samples = std::fs::read_to_string(harness.directory().join("out/samples.csv")).unwrap();
    // Header; two modes under both and one control, twice a block.
    assert!(samples.lines().count() > 6 * 10, "{samples}");
}

/// A harness that cannot alternate with another is compared all the same, and it is
/// said that this sees less. The stand-in for one is this harness, with the word
/// that it can removed from its answers.
#[test]
fn a_harness_that_cannot_alternate_is_measured_one_run_after_the_other() {
    let harness = Harness::new();
    let old = old_harness(&harness);
    for (base, is_old) in [(old.as_str(), true), (OWN, false)] {
        let words = "--modes ptrace --operations 200 --max-blocks 1 --max-steal 1000 --format json";
        let mut all = vec!["gate", "--base-bin", base, "--head-bin", OWN];
        all.extend(words.split(' '));
        let report = json(&harness.output(&all).stdout);
        let warnings = report["warnings"].to_string();
        assert_eq!(
            warnings.contains("too old to alternate"),
            is_old,
            "{warnings}"
        );
        let stops = comparison(&report, "ptrace", "stops");
        assert_eq!(stops["verdict"], "pass", "{stops:#}");
        assert_eq!(stops["observations"], 2, "{stops:#}");
    }
}

fn old_harness(harness: &Harness) -> String {
    harness_that(
        harness,
        &format!("{OWN} __sample | sed 's/,\"alternates\":true//'"),
    )
}

/// One that dies where it should alternate with the other is named, and neither
/// of the two is left.
#[test]
fn a_harness_that_dies_is_named() {
    let harness = Harness::new();
    let dies = "read -r spec; case $spec in *Alternating*) exit 7 ;; esac";
    let goes_on = format!("printf '%s\\n' \"$spec\" | {OWN} __sample");
    let dying = harness_that(&harness, &format!("{dies}; {goes_on}"));
    let words = ["gate", "--base-bin", &dying, "--head-bin", OWN];
    let output = harness.output(&[&words[..], &["--modes", "ptrace"]].concat());
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    let expected = format!("its process ended early (exit status: 7): {dying}");
    assert!(stderr.contains(&expected), "{stderr}");
}

/// A program that is this harness, but takes samples as `sample`, a command of
/// sh(1), does.
fn harness_that(harness: &Harness, sample: &str) -> String {
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = __sample ]; then {sample}; else exec {OWN} \"$@\"; fi\n");
    harness.write("script", script.as_bytes());
    // Written by another process, as one that this process has open for writing
    // could not be executed where another test forks meanwhile (ETXTBSY).
    let copied = std::process::Command::new("sh")
        .args(["-c", "cp script old && chmod +x old"])
        .current_dir(harness.directory())
        .status();
    assert!(copied.expect("sh").success());
    harness.directory().join("old").display().to_string()
}

#[test]
fn records_are_compared_by_ratio_and_count() {
    let harness = Harness::new();
    for (record, trace) in [("a", "getppid"), ("b", "getppid"), ("c", "all")] {
        harness.record(&[
            "--workload",
            "getppid",
            "--modes",
            "none,ptrace",
            "--operations",
            "200",
            "--runs",
            "6",
            "--trace",
            trace,
            "--output",
            record,
        ]);
    }
    let compared = json(&harness.stdout(&["compare", "a", "b", "--format", "json"]));
    let ratio = comparison(&compared, "ptrace", "ratio");
    assert_eq!(ratio["observations"], 6);
    assert!(ratio["p_regression"].is_f64() && ratio["p_no_regression"].is_f64());
    assert_eq!(comparison(&compared, "ptrace", "stops")["verdict"], "pass");
    let gated = harness.output(&["gate", "--baseline", "a", "--record", "b"]);
    assert!(
        matches!(gated.status.code(), Some(0 | 3)),
        "{}",
        text(&gated.stderr)
    );

    // Fewer stops in base: more in head is a regression, exactly.
    let path = harness.directory().join("a/samples.csv");
    let samples = std::fs::read_to_string(&path).unwrap();
    let header: Vec<&str> = samples.lines().next().unwrap().split(',').collect();
    let at = header
        .iter()
        .position(|name| *name == "stops_total")
        .unwrap();
    let fewer = samples.lines().map(|line| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if cells[2] == "ptrace" {
            cells[at] = (cells[at].parse::<u64>().unwrap() - 64).to_string();
        }
        cells.join(",") + "\n"
    });
    std::fs::write(&path, fewer.collect::<String>()).unwrap();
    let gated = harness.output(&[
        "gate",
        "--baseline",
        "a",
        "--record",
        "b",
        "--format",
        "json",
    ]);
    assert_eq!(gated.status.code(), Some(3), "{}", text(&gated.stderr));
    assert_eq!(
        comparison(&json(&gated.stdout), "ptrace", "stops")["verdict"],
        "fail"
    );

    // Another trace set is another question.
    let unlike = harness.output(&["compare", "b", "c"]);
    assert_eq!(unlike.status.code(), Some(FAIL));
    assert!(text(&unlike.stderr).contains("trace set getppid in base and all in head"));

    // Another kernel: no verdict on times, and it is said.
    let path = harness.directory().join("b/run.json");
    let run = std::fs::read_to_string(&path).unwrap();
    let mut run: Value = serde_json::from_str(&run).unwrap();
    run["environment"]["kernel_release"] = "3.10.0".into();
    std::fs::write(&path, run.to_string()).unwrap();
    let other = json(&harness.stdout(&["compare", "a", "b", "--format", "json"]));
    assert_eq!(
        comparison(&other, "ptrace", "ratio")["verdict"],
        "inconclusive"
    );
    assert!(other["warnings"][0].as_str().unwrap().contains("3.10.0"));

    // Without runs there is no verdict on times.
    let header = samples.lines().next().unwrap().to_owned() + "\n";
    std::fs::write(harness.directory().join("b/samples.csv"), header).unwrap();
    let nothing = harness.output(&["compare", "a", "b"]);
    let stderr = text(&nothing.stderr);
    assert_eq!(nothing.status.code(), Some(FAIL), "{stderr}");
    assert!(stderr.contains("nothing in common"), "{stderr}");
}

#[test]
fn a_calibration_is_kept_for_this_host() {
    let harness = Harness::new();
    let words = [
        "calibrate",
        "--workload",
        "getppid",
        "--modes",
        "ptrace",
        "--operations",
        "200",
        "--repeats",
        "1",
        "--blocks",
        "6",
        "--max-steal",
        "1000",
        "--output",
        "c.json",
    ];
    let printed = harness.stdout(&words);
    for part in ["floor", "(largest of 1)", "called different", "blocked"] {
        assert!(text(&printed).contains(part), "{}", text(&printed));
    }
    let kept = std::fs::read(harness.directory().join("c.json")).expect("the calibration");
    let mut kept = json(&kept);
    assert!(kept["floors"][0]["floor"].as_f64().unwrap() >= 0.0);
    assert_eq!(kept["floors"][0]["comparisons"], 1);

    // One of another host is not used, and that is said.
    kept["fingerprint"]["host"] = "elsewhere".into();
    harness.write("other.json", kept.to_string().as_bytes());
    let bins = [
        "gate",
        "--base-bin",
        OWN,
        "--head-bin",
        OWN,
        "--calibration",
        "other.json",
    ];
    let shortest = ["--modes", "ptrace", "--max-blocks", "1", "--format", "json"];
    let output = harness.output(&[&bins[..], &shortest].concat());
    let warnings = json(&output.stdout)["warnings"].to_string();
    assert!(warnings.contains("elsewhere"), "{warnings}");
}

/// A threshold of half the ratio, from two comparisons, is shown and warned of in
/// every format for people; and what else is said of a comparison.
#[test]
fn a_noise_floor_that_hides_much_is_said() {
    let harness = Harness::new();
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/results/make-sim");
    let run = std::fs::read(format!("{record}/run.json")).expect("a record");
    let environment = &json(&run)["environment"];
    let calibration = serde_json::json!({
        "schema_version": 1,
        "harness": {"version": "0.1.0", "revision": null},
        "made_at": "2026-01-02T03:04:05Z",
        "fingerprint": {
            "host": environment["host"],
            "kernel_release": environment["kernel_release"],
            "cpu_model": environment["cpu"]["model"],
            "online": environment["cpu"]["online"],
        },
        "repeats": 2,
        "blocks": 6,
        "alpha": 0.05,
        "floors": [{
            "workload": "make-sim",
            "mode": "seccomp-linear",
            "floor": 0.497,
            "false_positives": 0,
            "comparisons": 2,
        }],
    });
    harness.write("c.json", calibration.to_string().as_bytes());
    let gate = ["gate", "--baseline", record, "--record", record];
    let said = |format: &str| {
        let words = ["--calibration", "c.json", "--format", format];
        let output = text(&harness.stdout(&[&gate[..], &words].concat()));
        let words: Vec<&str> = output.split_whitespace().collect();
        words.join(" ")
    };
    for (format, warning) in [("table", "WARNING: "), ("markdown", "**Warning:** ")] {
        let said = said(format);
        for part in [
            "threshold",
            "49.70 %",
            &format!("{warning}The calibrated noise is more than 5 %"),
            "make-sim under seccomp-linear (49.7 %)",
            &format!("{warning}The calibrated noise is of fewer than 20 comparisons"),
            "make-sim under seccomp-linear (2)",
            "or the calibrated noise, whichever is larger",
            "Intervals are two-sided",
            "stops less signals: all but those",
        ] {
            assert!(said.contains(part), "{format}: {part}: {said}");
        }
    }
    let report = json(said("json").as_bytes());
    let threshold = &comparison(&report, "seccomp-linear", "ratio")["threshold"];
    assert_eq!(threshold.as_f64(), Some(0.497));
}

/// Where a calibration cannot be written is said before anything is measured,
/// and nothing is left of trying.
#[test]
fn a_calibration_that_could_not_be_kept_is_not_begun() {
    let harness = Harness::new();
    std::fs::create_dir(harness.directory().join("d")).expect("a directory");
    harness.write("file", b"");
    for (path, part) in [
        ("d", "d: it is not a regular file"),
        ("/dev/null", "/dev/null: it is not a regular file"),
        ("file/c.json", "cannot write file/c.json"),
        ("/proc/c.json", "cannot write /proc/c.json"),
    ] {
        let words = ["calibrate", "--output", path];
        one_clear_line(&harness.output(&words), FAIL, &words, &[part]);
    }
    let left = std::fs::read_dir(harness.directory().join("d")).expect("it");
    assert_eq!(left.count(), 0);
}

#[test]
fn input_that_allows_no_verdict_is_refused() {
    let harness = Harness::new();
    harness.write("cut.json", b"{\"schema_version\": 1, \"harness\"");
    harness.write("garbage.json", b"garbage");
    harness.write("future.json", b"{\"schema_version\": 99}");
    let gate = |more: &[&str]| {
        let bins = ["gate", "--base-bin", OWN, "--head-bin", OWN];
        harness.output(&[&bins[..], more].concat())
    };
    let cases = [
        (harness.output(&["gate"]), USAGE, "--base-bin"),
        (
            harness.output(&["gate", "--base-bin", OWN]),
            USAGE,
            "--head-bin",
        ),
        (
            harness.output(&["gate", "--baseline", "x"]),
            USAGE,
            "--record",
        ),
        (
            harness.output(&["gate", "--base-bin", "/no/such", "--head-bin", OWN]),
            FAIL,
            "give the path of a harness binary",
        ),
        (
            harness.output(&["gate", "--base-bin", "/bin/true", "--head-bin", OWN]),
            FAIL,
            "it is no harness",
        ),
        (
            gate(&["--workload", "getpid"]),
            USAGE,
            "did you mean getppid",
        ),
        (gate(&["--modes", "ptrac"]), USAGE, "did you mean ptrace"),
        (gate(&["--min-effect", "-1"]), USAGE, "--min-effect"),
        (gate(&["--min-effect", "NaN"]), USAGE, "from 0 to 1000"),
        (gate(&["--alpha", "1"]), USAGE, "between 0 and 1"),
        (gate(&["--max-blocks", "0"]), USAGE, "--max-blocks"),
        (gate(&["--calibration", "cut.json"]), FAIL, "truncated"),
        (
            gate(&["--calibration", "garbage.json"]),
            FAIL,
            "not a calibration of `harness calibrate`",
        ),
        (gate(&["--calibration", "future.json"]), FAIL, "version 99"),
        (gate(&["--calibration", "none.json"]), FAIL, "none.json"),
        (
            harness.output(&["compare", "a", "b"]),
            FAIL,
            "check the path",
        ),
        (
            harness.output(&["calibrate", "--blocks", "5"]),
            USAGE,
            "--blocks",
        ),
        // The option that names the directory, which is not the same everywhere.
        (
            gate(&[
                "--workload",
                "getppid",
                "--modes",
                "ptrace",
                "--output",
                ".",
            ]),
            FAIL,
            "name a new or empty one with --output",
        ),
        (
            harness.output(&[
                "calibrate",
                "--workload",
                "getppid",
                "--modes",
                "ptrace",
                "--samples",
                ".",
            ]),
            FAIL,
            "name a new or empty one with --samples",
        ),
    ];
    for (output, code, part) in cases {
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{part}: {stderr}");
        assert!(stderr.contains(part), "{part} is not in: {stderr}");
        assert!(output.stdout.is_empty(), "{part}");
    }
}
