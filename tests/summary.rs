//! `harness run --summary`: each call with its errors, as strace counts them, on standard output and in
//! the record.

mod common;

use common::{Harness, USAGE, modes, one_clear_line};
use harness_testing::{installed, skip};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

/// It forks, and makes calls that fail; the shell by its path, as it looks nothing up then.
const PROGRAM: [&str; 3] = ["/bin/sh", "-c", "ls -la . missing; cat missing; exit 0"];

/// What strace counts none of, and why.
const UNSEEN: [(&str, &str); 1] = [(
    "exit_group",
    "it never returns, and strace -c counts a call when it returns",
)];

/// Whether these modes can run here.
fn can_run(names: &[&str]) -> bool {
    names.iter().all(|mode| match modes::missing(mode) {
        None => true,
        Some((missing, why)) => {
            skip(missing, &format!("the summary of mode {mode}: {why}"));
            false
        }
    })
}

/// Calls and errors by name.
type Counted = BTreeMap<String, (String, String)>;

/// The table of strace, which is of an ABI alone: `% time seconds usecs/call calls [errors] syscall`.
fn of_strace(table: &str) -> Counted {
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('-'));
    rows.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (calls, errors) = match words[3..] {
            [calls, errors, _] => (calls, errors),
            [calls, _] => (calls, "0"),
            _ => panic!("a row of strace -c: {line}"),
        };
        let name = words[words.len() - 1].to_owned();
        (name, (calls.to_owned(), errors.to_owned()))
    })
    .collect()
}

/// The rows of `calls.csv` of one mode.
fn of_csv(csv: &str, mode: &str) -> Counted {
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("workload,mode,abi,number,name,calls,errors,total_ns")
    );
    let mut counted = Counted::new();
    for line in lines {
        let row: Vec<&str> = line.split(',').collect();
        let &[workload, of, abi, number, name, calls, errors, total_ns] = &row[..] else {
            panic!("a row of calls.csv: {line}");
        };
        assert_eq!(
            (workload, abi, total_ns),
            ("command", "x86_64", ""),
            "{line}"
        );
        assert!(number.parse::<u32>().is_ok(), "{line}");
        if of == mode {
            let figures = (calls.to_owned(), errors.to_owned());
            counted.insert(name.to_owned(), figures);
        }
    }
    counted
}

#[test]
fn calls_and_errors_are_those_of_strace() {
    const MODES: [&str; 2] = ["ptrace", "seccomp-linear"];
    if !installed("strace", "the summary beside strace -c") || !can_run(&MODES) {
        return;
    }
    let harness = Harness::new();
    // Where the program runs: the record is not in it.
    let room = tempfile::tempdir().expect("a directory");
    fs::write(room.path().join("file"), "").expect("a file");
    let output = tempfile::tempdir().expect("a directory");
    let table = output.path().join("strace");
    let strace = Command::new("strace")
        .args(["-f", "-c", "-o"])
        .arg(&table)
        .args(PROGRAM)
        .current_dir(room.path())
        .env_clear()
        .env("PATH", common::PATH)
        // As the harness gives it: ls(1) asks a device how wide its lines are.
        .stdout(Stdio::null())
        .output()
        .expect("strace");
    assert!(strace.status.success(), "{strace:?}");
    let mut expected = of_strace(&fs::read_to_string(&table).expect("a table"));
    let failed = |name: &str| expected[name].1.parse::<u64>().expect("a number") > 0;
    assert!(failed("openat"), "the program makes calls that fail");

    let record = output.path().join("record");
    let record = record.to_str().expect("UTF-8");
    let run = [
        "run",
        "--modes",
        "ptrace,seccomp-linear",
        "--runs",
        "2",
        "--warmup",
        "0",
    ];
    let words = [&run[..], &["--summary", "--output", record, "--"], &PROGRAM].concat();
    let printed = harness.command(&words).current_dir(room.path()).output();
    let printed = printed.expect("the harness");
    let stderr = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{stderr}");
    let csv = fs::read_to_string(format!("{record}/calls.csv")).expect("calls.csv");
    for (name, why) in UNSEEN {
        assert!(!expected.contains_key(name), "{name}: not true: {why}");
        // Of the shell and of both programs.
        expected.insert(name.to_owned(), ("3".to_owned(), "0".to_owned()));
    }
    for mode in MODES {
        assert_eq!(of_csv(&csv, mode), expected, "{mode}");
    }

    // The table that is printed has the same.
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    for mode in MODES {
        let title = format!("command under {mode}: calls per execution, 2 executions");
        let (_, table) = text.split_once(&title).expect(&title);
        let (calls, errors) = &expected["openat"];
        let row = table.lines().find(|line| line.ends_with(" openat"));
        let row = row.expect("openat").split_whitespace().collect::<Vec<_>>();
        assert_eq!(row, [calls.as_str(), errors.as_str(), "openat"]);
        let all: u64 = expected
            .values()
            .map(|(calls, _)| calls.parse::<u64>().expect("a number"))
            .sum();
        let total = table.lines().find(|line| line.ends_with(" total"));
        assert!(
            total.expect("a total").trim().starts_with(&all.to_string()),
            "{total:?}"
        );
    }
    let heading = text
        .lines()
        .find(|line| line.ends_with("syscall") && line.contains("calls"));
    let heading: Vec<&str> = heading.expect("a heading").split_whitespace().collect();
    assert_eq!(
        heading,
        ["calls", "errors", "syscall"],
        "no column of what is not known"
    );

    // So does what is made of the record again; nothing in it changes.
    let before = fs::read(format!("{record}/run.json")).expect("run.json");
    let again = harness.stdout(&["report", record, "--format", "csv", "--summary"]);
    assert_eq!(String::from_utf8(again).expect("UTF-8"), csv);
    harness.stdout(&["report", record]);
    assert_eq!(
        fs::read(format!("{record}/run.json")).expect("run.json"),
        before
    );
    assert_eq!(
        fs::read_to_string(format!("{record}/calls.csv")).expect("calls.csv"),
        csv
    );
    let page = fs::read_to_string(format!("{record}/report.html")).expect("a page");
    assert!(page.contains("<summary>Calls by number</summary>"));
}

/// A loop is executed many times in a sample; a supervisor does not see how its calls return.
#[test]
fn figures_are_per_execution_and_no_more_than_is_known() {
    const MODES: [&str; 2] = ["ptrace", "user-notify"];
    if !can_run(&MODES) {
        return;
    }
    let harness = Harness::new();
    let record = harness.record(&[
        "--modes",
        "ptrace,user-notify",
        "--workload",
        "getppid",
        "--operations",
        "40",
        "--runs",
        "2",
        "--summary",
    ]);
    let rows = record["calls"].as_array().expect("calls");
    for mode in MODES {
        let is = |row: &&Value| row["mode"] == mode && row["name"] == "getppid";
        let row = rows.iter().find(is).expect("getppid");
        assert_eq!(row["calls"], 40.0, "{row}");
        assert!(row["executions"].as_u64() > Some(2), "{row}");
        let errors = (mode == "ptrace").then_some(0.0);
        assert_eq!(row["errors"].as_f64(), errors, "{row}");
        assert!(
            row["total_ns"].is_null() && row.get("mean_ns").is_none(),
            "{row}"
        );
        // All calls, as nobody said which.
        assert!(
            rows.iter()
                .any(|row| row["mode"] == mode && row["name"] == "execve")
        );
    }
}

#[test]
fn a_set_is_kept_to_and_a_record_without_calls_says_so() {
    if !can_run(&["ptrace"]) {
        return;
    }
    let harness = Harness::new();
    let run = ["run", "--runs", "1", "--warmup", "0", "--summary"];
    let of = |words: &[&str]| {
        let output = harness.stdout(&[&run[..], words, &["--", "true"]].concat());
        String::from_utf8(output).expect("UTF-8")
    };
    let csv = of(&[
        "--format",
        "csv",
        "--modes",
        "ptrace",
        "--trace",
        "execve,connect",
        "--output",
        "a",
    ]);
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows, ["command,ptrace,x86_64,59,execve,1,0,"]);
    let text = of(&["--modes", "none", "--output", "b"]);
    assert!(text.contains("No calls by number"), "{text}");
    let csv = fs::read_to_string(harness.directory().join("b/calls.csv"));
    assert_eq!(csv.expect("calls.csv").lines().count(), 1);
    let words = ["run", "--attach", "1", "--summary"];
    one_clear_line(&harness.output(&words), USAGE, &words, &["--summary"]);
}
