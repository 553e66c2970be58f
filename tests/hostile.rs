//! Records from strangers, and directories in which somebody has put something:
//! one clear line, and nothing read without end, followed or printed as it is.

mod common;

use common::{FAIL, Harness, one_clear_line, text};
use harness_record::steers;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

/// The commands that read a record `r`.
const READERS: [&[&str]; 8] = [
    &["report", "r"],
    &["compare", "r", "r"],
    &["gate", "--baseline", "r", "--record", "r"],
    &["history", "r"],
    &["export", "r", "--to", "gobench"],
    &["export", "r", "--to", "hyperfine"],
    &["export", "r", "--to", "bencher"],
    &["export", "r", "--to", "github-action-benchmark"],
];

/// A directory with a copy of the committed record.
fn with_record() -> Harness {
    let harness = Harness::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/make-sim");
    fs::create_dir(harness.directory().join("r")).expect("a directory");
    for file in ["run.json", "samples.csv"] {
        fs::copy(from.join(file), harness.directory().join("r").join(file)).expect("a copy");
    }
    harness
}

/// Nothing that steers a terminal on either stream, and no panic.
fn is_tame(words: &[&str], output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let stream = text(stream);
        assert!(!stream.contains("panicked"), "{words:?}: {stream}");
        let steering = stream.chars().find(|&c| !"\n\t".contains(c) && steers(c));
        assert_eq!(steering, None, "{words:?}: {stream:?}");
    }
}

/// Each file in turn is something that no record holds.
#[test]
fn what_is_no_record_is_refused_in_a_line() {
    type Make = fn(&Path);
    let cases: [(&str, Make, &str); 8] = [
        ("run.json", |path| gigantic(path), "longer than 256 MiB"),
        ("samples.csv", |path| gigantic(path), "longer than 256 MiB"),
        ("run.json", |path| fifo(path), "not a regular file"),
        ("samples.csv", |path| fifo(path), "not a regular file"),
        ("samples.csv", |path| empty(path), "is empty"),
        ("run.json", |path| zeros(path), "not a regular file"),
        ("run.json", |path| nested(path), "recursion limit"),
        ("run.json", |path| numerous(path), "101 workloads"),
    ];
    for (file, make, part) in cases {
        for words in READERS {
            // What a report needs of the samples is in run.json already.
            if file == "samples.csv" && ["report", "history"].contains(&words[0]) {
                continue;
            }
            let harness = with_record();
            let path = harness.directory().join("r").join(file);
            fs::remove_file(&path).expect("removed");
            make(&path);
            let output = harness.output(words);
            is_tame(words, &output);
            one_clear_line(&output, FAIL, words, &[file, part]);
        }
    }
}

/// Longer than what is read, without a block on the disk.
fn gigantic(path: &Path) {
    let file = File::create(path).expect("a file");
    file.set_len(300 << 20).expect("a hole");
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo(1)").success());
}

fn empty(path: &Path) {
    File::create(path).expect("a file");
}

fn zeros(path: &Path) {
    symlink("/dev/zero", path).expect("a link");
}

fn nested(path: &Path) {
    let (open, close) = ("[".repeat(200_000), "]".repeat(200_000));
    let text = format!("{{\"schema_version\": 1, \"state\": {{\"x\": {open}{close}}}}}");
    fs::write(path, text).expect("a file");
}

fn numerous(path: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/make-sim/run.json");
    let mut record: Value =
        serde_json::from_slice(&fs::read(from).expect("a record")).expect("JSON");
    let workload = record["plan"]["workloads"][0].clone();
    record["plan"]["workloads"] = Value::Array(vec![workload; 101]);
    fs::write(path, record.to_string()).expect("a file");
}

/// Rows that no writer makes: fields without number, without end, with escapes.
#[test]
fn a_hostile_row_is_named_by_its_line() {
    let escape = "1,\u{1b}]0;x\u{7},ptrace";
    let fields = ",".repeat(1_000_000);
    let long = "9".repeat(1_000_000);
    for row in [escape, &fields, &long] {
        let harness = with_record();
        let path = harness.directory().join("r/samples.csv");
        let mut samples = fs::read_to_string(&path).expect("samples");
        samples.push_str(row);
        samples.push('\n');
        fs::write(&path, samples).expect("samples");
        for words in READERS {
            if ["report", "history"].contains(&words[0]) {
                continue;
            }
            let output = harness.output(words);
            is_tame(words, &output);
            one_clear_line(&output, FAIL, words, &["samples.csv line 42"]);
            assert!(output.stderr.len() < 1000, "{}", output.stderr.len());
        }
    }
}

/// Every text of the record is an escape sequence and markup: none reaches the
/// terminal, and what is written to files is text.
#[test]
fn texts_of_a_record_do_not_steer_a_terminal() {
    const TEXT: &str = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}<script>alert(1)</script>";
    let harness = with_record();
    let path = harness.directory().join("r/run.json");
    let mut record: Value =
        serde_json::from_slice(&fs::read(&path).expect("a record")).expect("JSON");
    record["command"] = json!([TEXT]);
    record["warnings"] = json!([TEXT]);
    record["state"] = json!({"status": "failed", "reason": TEXT});
    record["environment"]["host"] = json!(TEXT);
    record["environment"]["cpu"]["model"] = json!(TEXT);
    record["plan"]["workloads"][0]["trace"] = json!(TEXT);
    record["plan"]["workloads"][0]["command"] = json!([TEXT]);
    record["plan"]["modes"][1]["unavailable_reason"] = json!(TEXT);
    for row in record["results"].as_array_mut().expect("results") {
        row["verification"] = json!(TEXT);
    }
    fs::write(&path, record.to_string()).expect("a record");
    for words in READERS {
        is_tame(words, &harness.output(words));
    }
    for format in ["json", "csv", "markdown"] {
        for command in ["report", "history"] {
            let words = [command, "r", "--format", format];
            let output = harness.output(&words);
            assert!(output.status.success(), "{}", text(&output.stderr));
            is_tame(&words, &output);
        }
    }
    let page = fs::read_to_string(harness.directory().join("r/report.html")).expect("the page");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}

/// Links in the place of a record's files are replaced, and what they point to
/// stays as it is.
#[test]
fn planted_links_are_not_followed() {
    let harness = with_record();
    let outside = harness.directory().join("outside");
    fs::write(&outside, "mine").expect("a file");
    for file in ["summary.csv", "report.html"] {
        symlink(&outside, harness.directory().join("r").join(file)).expect("a link");
    }
    let output = harness.output(&["report", "r"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(&outside).expect("the file"), "mine");
    for file in ["summary.csv", "report.html"] {
        let kind = fs::symlink_metadata(harness.directory().join("r").join(file));
        assert!(kind.expect("the file").is_file(), "{file}");
    }

    // A directory of pictures elsewhere is not written to.
    let elsewhere = harness.directory().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    fs::remove_dir_all(harness.directory().join("r/plots")).expect("the pictures");
    symlink(&elsewhere, harness.directory().join("r/plots")).expect("a link");
    let output = harness.output(&["report", "r"]);
    assert_eq!(output.status.code(), Some(FAIL));
    assert!(text(&output.stderr).contains("plots is not a directory"));
    assert_eq!(fs::read_dir(&elsewhere).expect("it").count(), 0);

    // A new record is not begun where a link, even a dangling one, lies already.
    fs::create_dir(harness.directory().join("new")).expect("a directory");
    symlink(
        harness.directory().join("nowhere"),
        harness.directory().join("new/samples.csv"),
    )
    .expect("a link");
    let words = ["run", "--modes", "none", "--output", "new", "--", "true"];
    let output = harness.output(&words);
    one_clear_line(&output, FAIL, &words, &["new", "not empty"]);
    assert!(!harness.directory().join("nowhere").exists());
}
