//! `harness history`: every bad input is one clear line, and what cannot be compared is said.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line, text};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A committed record, of another day and host.
fn record(day: u32, host: &str) -> String {
    let path = "harness/report/tests/data/run.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let text = text.expect("the committed record");
    text.replace(
        "2026-01-02T03:04:05Z",
        &format!("2026-01-{day:02}T03:04:05Z"),
    )
    .replace("\"host\": \"build-7\"", &format!("\"host\": \"{host}\""))
}

/// A harness with records `a` to `c`, named against their order; `change` edits `b`.
fn with_records(change: impl Fn(String) -> String) -> Harness {
    let harness = Harness::new();
    for (name, day) in [("a", 3), ("b", 2), ("c", 1)] {
        fs::create_dir(harness.directory().join(name)).expect("a directory");
        let text = record(day, "build-7");
        let text = if name == "b" { change(text) } else { text };
        harness.write(&format!("{name}/run.json"), text.as_bytes());
    }
    harness
}

/// What is done to a record, and what must be said of it.
type Case = (fn(String) -> String, &'static [&'static str]);

#[test]
fn bad_records_are_one_clear_line() {
    let cases: [Case; 5] = [
        (
            |text| text[..text.len() / 3].to_string(),
            &["b/run.json", "truncated"],
        ),
        (
            |text| text.replace("\"schema_version\": 1", "\"schema_version\": 2"),
            &["b/run.json", "schema version 2"],
        ),
        (
            |text| text.replacen("\"estimate\": 1.99", "\"estimate\": NaN, \"x\": 1.99", 1),
            &["b/run.json", "line "],
        ),
        (
            |text| text.replace("2026-01-02T", "yesterday "),
            &["b was started at", "RFC 3339"],
        ),
        (|_| "[]".to_string(), &["b/run.json", "damaged"]),
    ];
    for (change, parts) in cases {
        let harness = with_records(change);
        let output = harness.output(&["history", "a", "b", "c", "--plot", "trend.svg"]);
        one_clear_line(&output, FAIL, parts, parts);
        assert!(
            !harness.directory().join("trend.svg").exists(),
            "no picture of nothing"
        );
    }
}

#[test]
fn wrong_words_are_said() {
    let harness = with_records(|text| text);
    fs::write(harness.directory().join("file"), "").expect("a file");
    for (words, code, parts) in [
        (&["history"][..], USAGE, &["<DIR>"][..]),
        (
            &["history", "a", "--format", "xml"],
            USAGE,
            &["xml", "markdown"],
        ),
        (&["history", "a", "--modes", ""], USAGE, &["--modes"]),
        (
            &["history", "a", "nowhere"],
            FAIL,
            &["nowhere", "check the path"],
        ),
        (&["history", "a", "."], FAIL, &["not a record"]),
        (&["history", "file"], FAIL, &["not a directory"]),
        (
            &["history", "a", "--workload", "make"],
            FAIL,
            &["workload make", "make-sim, getppid"],
        ),
        (
            &["history", "a", "--modes", "strace"],
            FAIL,
            &["mode strace", "seccomp-linear"],
        ),
        (
            &["history", "a", "--modes", "none"],
            FAIL,
            &["no record has a ratio to mode none"],
        ),
        (
            &["history", "a", "--plot", "no/such/trend.svg"],
            FAIL,
            &["cannot write no/such/trend.svg", "No such file"],
        ),
    ] {
        one_clear_line(&harness.output(words), code, words, parts);
    }
}

#[test]
fn records_are_put_in_order_and_drawn() {
    let harness = with_records(|text| text);
    let words = [
        "history",
        "a",
        "b",
        "c",
        "--modes",
        "ptrace",
        "--plot",
        "trend.svg",
        "--format",
        "json",
    ];
    let json: serde_json::Value = serde_json::from_slice(&harness.stdout(&words)).expect("JSON");
    let series = json["machines"][0]["series"].as_array().expect("series");
    assert_eq!(series.len(), 2);
    for series in series {
        let points = series["points"].as_array().expect("points");
        let names: Vec<_> = points.iter().map(|point| &point["record"]).collect();
        assert_eq!(names, ["c", "b", "a"]);
    }
    let svg = fs::read_to_string(harness.directory().join("trend.svg")).expect("a picture");
    assert!(
        svg.starts_with("<svg") && svg.contains("getppid under ptrace"),
        "{svg}"
    );
}

/// `results/2026*` names what other commands wrote, too.
#[test]
fn what_other_commands_wrote_is_left_out_and_named() {
    let harness = with_records(|text| text);
    for (directory, file) in [("d", "attach.json"), ("e", "gate.json")] {
        fs::create_dir(harness.directory().join(directory)).expect("a directory");
        harness.write(&format!("{directory}/{file}"), b"{}");
    }
    let output = harness.output(&["history", "a", "d", "b", "e"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("d (harness run --attach), e (harness gate)"));
    assert_eq!(said.lines().count(), 1, "{said}");

    let words = ["history", "d", "e"];
    let parts = ["d (harness run --attach)", "run.json"];
    one_clear_line(&harness.output(&words), FAIL, &words, &parts);
    for words in [
        &["compare", "d", "a"][..],
        &["export", "d", "--to", "gobench"],
    ] {
        let parts = ["d is of `harness run --attach`", "attach.json"];
        one_clear_line(&harness.output(words), FAIL, words, &parts);
    }
    let words = ["report", "e"];
    let parts = ["e is of `harness gate`", "gate.json"];
    one_clear_line(&harness.output(&words), FAIL, &words, &parts);
}

/// What is there is replaced whole, and a link never written through.
#[test]
fn a_picture_follows_no_link() {
    let harness = with_records(|text| text);
    let at = |name: &str| harness.directory().join(name);
    fs::write(at("mine"), "mine").expect("a file");
    symlink("mine", at("trend.svg")).expect("a link");
    harness.stdout(&["history", "a", "--plot", "trend.svg"]);
    assert_eq!(fs::read_to_string(at("mine")).expect("the file"), "mine");
    let kind = fs::symlink_metadata(at("trend.svg")).expect("a picture");
    assert!(kind.is_file());

    symlink("/dev/null", at("null.svg")).expect("a link");
    for path in ["null.svg", "a", "trend.svg/"] {
        let words = ["history", "a", "--plot", path];
        one_clear_line(&harness.output(&words), FAIL, &words, &[path, "name"]);
    }
}

/// Another host is another history: loud in every format.
#[test]
fn other_machines_are_flagged() {
    for format in ["table", "markdown", "json", "csv"] {
        let harness = with_records(|text| text.replace("build-7", "build-9"));
        let words = [
            "history",
            "a",
            "b",
            "c",
            "--plot",
            "trend.svg",
            "--format",
            format,
        ];
        let output = harness.output(&words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let flagged = "The records are of 2 machines or kernels";
        let said = if format == "csv" { &stderr } else { &stdout };
        assert!(said.contains(flagged), "{format}: {stdout}{stderr}");
        let svg = fs::read_to_string(harness.directory().join("trend.svg")).expect("a picture");
        assert!(svg.contains(flagged), "{format}");
    }
}
