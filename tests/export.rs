//! `harness export`: every bad input is one clear line, and the tools that the formats are for
//! read what is written.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line, text};
use harness_testing::{Missing, installed, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FORMATS: [&str; 4] = ["hyperfine", "github-action-benchmark", "bencher", "gobench"];

/// A committed record of two workloads and five modes.
fn committed(file: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/report/tests/data");
    fs::read_to_string(data.join(file)).expect("a file of the committed record")
}

/// A harness with that record, its files changed, as `r`.
fn with_record(change: impl Fn(&str, String) -> String) -> Harness {
    let harness = Harness::new();
    fs::create_dir(harness.directory().join("r")).expect("a directory");
    for file in ["run.json", "samples.csv"] {
        let text = change(file, committed(file));
        harness.write(&format!("r/{file}"), text.as_bytes());
    }
    harness
}

fn export(harness: &Harness, format: &str) -> Output {
    harness.output(&["export", "r", "--to", format])
}

/// A change of one file of the record.
type Change = (&'static str, fn(String) -> String);

#[test]
fn bad_records_are_one_clear_line() {
    let cases: [(Change, &[&str]); 9] = [
        (
            ("run.json", |text| text[..text.len() / 2].to_string()),
            &["run.json", "truncated"],
        ),
        (("run.json", |_| String::new()), &["run.json", "truncated"]),
        (
            ("run.json", |text| {
                text.replace("\"schema_version\": 1", "\"schema_version\": 99")
            }),
            &["schema version 99", "reads version 1"],
        ),
        (
            ("run.json", |text| {
                text.replace("\"seed\": 42", "\"seed\": NaN")
            }),
            &["run.json", "line ", "damaged"],
        ),
        (
            ("samples.csv", |text| {
                text.replacen("wall_ns", "wall_s", 1)
                    .replacen("loop_ns", "loop", 1)
            }),
            &["lacks the columns wall_ns, loop_ns"],
        ),
        (("samples.csv", |_| String::new()), &["is empty"]),
        (
            ("samples.csv", |text| text.replacen("2014831297", "-5", 1)),
            &["samples.csv line 2", "wall_ns", "correct or remove"],
        ),
        (
            ("samples.csv", |text| text.replacen("2014831297", "NaN", 1)),
            &["samples.csv line 2", "wall_ns"],
        ),
        (
            ("samples.csv", |text| {
                text.lines().next().expect("a header").to_string() + "\n"
            }),
            &["nothing to export", "make-sim under none is left out"],
        ),
    ];
    for ((changed, change), parts) in cases {
        let harness = with_record(|file, text| if file == changed { change(text) } else { text });
        for format in FORMATS {
            one_clear_line(
                &export(&harness, format),
                FAIL,
                &["export", format, changed],
                parts,
            );
        }
    }
}

#[test]
fn wrong_words_are_usage_and_missing_records_are_named() {
    let harness = with_record(|_, text| text);
    for (words, code, parts) in [
        (
            &["export", "r", "--to", "csv"][..],
            USAGE,
            &["'csv'", "hyperfine", "gobench"][..],
        ),
        (&["export", "r"], USAGE, &["--to <FORMAT>"]),
        (&["export", "--to", "bencher"], USAGE, &["<DIRECTORY>"]),
        (
            &["export", "no/such", "--to", "bencher"],
            FAIL,
            &["no/such", "check the path"],
        ),
        (
            &["export", ".", "--to", "bencher"],
            FAIL,
            &["is not a record", "`harness run`"],
        ),
        (
            &["export", "r/run.json", "--to", "bencher"],
            FAIL,
            &["not a directory"],
        ),
    ] {
        one_clear_line(&harness.output(words), code, words, parts);
    }
    fs::remove_file(harness.directory().join("r/samples.csv")).expect("it was there");
    let parts = ["samples.csv", "check the path"];
    one_clear_line(
        &export(&harness, "bencher"),
        FAIL,
        &["no samples.csv"],
        &parts,
    );
}

/// What is left out is said on standard error; standard output is the document and nothing else.
#[test]
fn standard_output_is_the_document() {
    let harness = with_record(|file, text| match file {
        // As after SIGKILL: the last row is unfinished, and the record says it goes on.
        "samples.csv" => text[..text.len() - 4].to_string(),
        _ => text.replacen("\"complete\"", "\"running\"", 1),
    });
    for format in FORMATS {
        let output = export(&harness, format);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let said = [
            "The last row of r/samples.csv was unfinished and is left out.",
            "The measurement has not ended",
            "make-sim under seccomp-bitmap is left out: it is not verified",
            "make-sim under ebpf is left out: it did not run",
        ];
        for part in said {
            let lines = stderr.lines().filter(|line| line.contains(part));
            assert_eq!(lines.count(), 1, "{part}: {stderr}");
        }
        assert!(
            stderr.lines().all(|line| line.starts_with("harness: ")),
            "{stderr}"
        );
        let document = text(&output.stdout);
        if format == "gobench" {
            assert!(document.starts_with("goos: linux\n"), "{document}");
        } else {
            serde_json::from_str::<serde_json::Value>(&document).expect("JSON");
        }
    }
}

/// What a measurement of now says is exported, the loop of getppid an operation each.
#[test]
fn a_fresh_record_is_exported() {
    let harness = Harness::new();
    harness.record(&[
        "--workload",
        "getppid",
        "--operations",
        "50",
        "--modes",
        "none,ptrace",
        "--runs",
        "2",
        "--output",
        "r",
    ]);
    for (format, part) in FORMATS.into_iter().zip([
        "\"command\": \"getppid under ptrace\"",
        "\"name\": \"getppid under ptrace: stops\"",
        "\"getppid/ptrace\"",
        "BenchmarkGetppid/mode=ptrace",
    ]) {
        let output = export(&harness, format);
        let document = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(document.contains(part), "{document}");
    }
}

/// The document in a file of the harness's directory.
fn document(harness: &Harness, format: &str) -> PathBuf {
    let output = export(harness, format);
    assert!(output.status.success(), "{}", text(&output.stderr));
    harness.write(format, &output.stdout);
    harness.directory().join(format)
}

/// A tool that must accept what it is given; what it wrote.
fn accepted(tool: &mut Command) -> String {
    let output = tool.output().expect("the tool can be executed");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{tool:?}: {stderr}{stdout}");
    // benchstat tells of lines that it cannot read on standard error, and goes on.
    assert!(!stderr.contains("gobench:"), "{tool:?}: {stderr}");
    stdout
}

#[test]
#[ignore = "needs benchstat, which no distribution packages: ci/test-peers"]
fn benchstat_compares_the_modes() {
    if !installed("benchstat", "the Go text against its reader") {
        return;
    }
    let harness = with_record(|_, text| text);
    let document = document(&harness, "gobench");
    let table = accepted(
        Command::new("benchstat")
            .args(["-col", "/mode"])
            .arg(&document),
    );
    for part in [
        "MakeSim-2",
        "Getppid-2",
        "sec/op",
        "stops/op",
        "+99.",
        "n=12",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

/// hyperfine's own scripts, from a checkout of it that HYPERFINE names.
#[test]
#[ignore = "needs a checkout of hyperfine, with the libraries of its scripts: ci/test-peers"]
fn hyperfines_scripts_read_its_json() {
    let Some(scripts) =
        std::env::var_os("HYPERFINE").map(|path| PathBuf::from(path).join("scripts"))
    else {
        let why = "HYPERFINE names no checkout of it";
        return skip(Missing::Tool, &format!("hyperfine's scripts: {why}"));
    };
    let needed = ["-c", "import matplotlib, numpy, scipy"];
    if !Command::new("python3")
        .args(needed)
        .output()
        .is_ok_and(|output| output.status.success())
    {
        let why = "python3 lacks matplotlib, numpy or scipy";
        return skip(Missing::Tool, &format!("hyperfine's scripts: {why}"));
    }
    let harness = with_record(|_, text| text);
    let all = document(&harness, "hyperfine");
    let script = |name: &str| {
        let mut python = Command::new("python3");
        python
            .arg(scripts.join(name))
            .current_dir(harness.directory());
        python.env("MPLBACKEND", "Agg");
        python
    };
    let table = accepted(script("advanced_statistics.py").arg(&all));
    assert!(table.contains("Command 'getppid under ptrace'"), "{table}");
    for plot in [
        "plot_whisker.py",
        "plot_histogram.py",
        "plot_progression.py",
        "plot_benchmark_comparison.py",
    ] {
        accepted(script(plot).arg(&all).args(["-o", "picture.png"]));
        fs::remove_file(harness.directory().join("picture.png")).expect(plot);
    }
    let mut two: serde_json::Value =
        serde_json::from_slice(&fs::read(&all).expect("it")).expect("JSON");
    two["results"].as_array_mut().expect("results").truncate(2);
    harness.write("two", two.to_string().as_bytes());
    let test = accepted(script("welch_ttest.py").arg("two"));
    assert!(test.contains("There is a difference"), "{test}");
}
