//! How a workload ends: what it prints, with which code, and what it leaves behind.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::program;

fn run(words: &[&str], temporary: &Path) -> Output {
    program()
        .args(words)
        .env("TMPDIR", temporary)
        .output()
        .unwrap()
}

/// The output's standard error, which must be one line.
#[track_caller]
fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn make_sim_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let words = [
        "__workload",
        "make-sim",
        "--units",
        "3",
        "--jobs",
        "3",
        "--burn",
        "0",
    ];
    let output = run(&words, temporary.path());
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(is_empty(temporary.path()));
}

/// A limit on the size of files makes a process of each unit fail, which alone says so; the units that
/// run beside it end, and the directory goes.
#[test]
fn make_sim_leaves_nothing_behind_when_a_process_fails() {
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 64; exec \"$@\"", "sh"])
        .arg(program().get_program())
        .args([
            "__workload",
            "make-sim",
            "--units",
            "4",
            "--jobs",
            "2",
            "--burn",
            "0",
        ])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!((1..=2).contains(&text.lines().count()), "{text}");
    assert!(
        text.lines().all(|line| line.contains("write a file")),
        "{text}"
    );
    assert!(is_empty(temporary.path()));
}

#[test]
fn make_sim_says_where_it_cannot_work() {
    for (directory, part) in [("/proc", "/proc/harness-make-sim-"), ("relative", "TMPDIR")] {
        let output = run(
            &["__workload", "make-sim", "--units", "1"],
            Path::new(directory),
        );
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(one_line(&output).contains(part), "{output:?}");
    }
}

#[test]
fn a_bad_argument_is_one_line_and_exit_code_2() {
    let temporary = tempfile::tempdir().unwrap();
    for (words, part) in [
        (&["__workload"][..], "name is missing"),
        (&["__workload", "nonsense"], "unknown workload nonsense"),
        (
            &["__workload", "getppid", "--units", "1"],
            "unexpected argument --units",
        ),
        (
            &["__workload", "getppid", "--operations"],
            "--operations needs a value",
        ),
        (
            &["__workload", "getppid", "--operations", "0"],
            "--operations 0",
        ),
        (
            &["__workload", "make-sim", "--operations", "1"],
            "unexpected argument --operations",
        ),
        (&["__workload", "make-sim", "--jobs", "many"], "--jobs many"),
        (&["__workload", "noop", "--seed", "1"], "it takes none"),
    ] {
        let output = run(words, temporary.path());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(one_line(&output).contains(part), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
    assert!(is_empty(temporary.path()));
}

/// The words that make-sim starts its processes with are not for others, but never a panic.
#[test]
fn a_foreign_start_of_an_image_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    for words in [
        &["__make-sim"][..],
        &["__make-sim", "cc1"],
        &["__make-sim", "nonsense", "0", "1", "0", "0"],
        &["__make-sim", "cc1", "0", "1", "0", "-1"],
    ] {
        let output = run(words, temporary.path());
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        assert!(
            one_line(&output).contains("only make-sim starts this"),
            "{output:?}"
        );
    }
}

/// A report that cannot be written is a failure, not a silent loss.
#[test]
fn a_report_that_cannot_be_written_fails() {
    let temporary = tempfile::tempdir().unwrap();
    let words = [
        "__workload",
        "getppid",
        "--operations",
        "1",
        "--report-fd",
        "77",
    ];
    let output = run(&words, temporary.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(one_line(&output).contains("report the loop's time"));
}
