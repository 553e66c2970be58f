//! A tracer of the user's, described by a file, on the command line: measured and verified like any mode, and every
//! mistake one clear line.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line, row};
use serde_json::Value;
use std::process::Command;

/// A peer that is a script: it runs the program and says what it counted.
fn description(name: &str, counted: &str) -> String {
    format!(
        r#"
name = "{name}"
summary = "a script"
argv = ["sh", "-c", 'out=$1; shift; shift; "$@"; code=$?; printf "{counted}" >$out; exit $code', "sh", "{{output}}", "{{set}}", "{{command}}"]
counts = "entered"
end = "program"
privileges = "none"
install = "nothing"
[version]
argv = ["sh", "-c", "echo version 7.5"]
regex = 'version (\S+)'
[output]
format = "lines"
event = '^(\w+) (?P<count>\d+)$'
lost = '^lost (\d+)$'
[capabilities]
number = true
arguments = false
result = false
memory = false
change = false
children = false
exec = false
attach = false
static-programs = true
foreign-abis = false
"#
    )
}

const RUN: [&str; 7] = ["run", "--runs", "1", "--warmup", "0", "--trace", "getppid"];
const LOOP: [&str; 4] = ["--workload", "getppid", "--operations", "40"];

#[test]
fn a_peer_of_the_users_is_measured_with_its_version_and_its_bytes() {
    let harness = Harness::new();
    harness.write("p.toml", description("own", r"getppid 40\n").as_bytes());
    let words = [&RUN[1..], &LOOP, &["--modes", "none", "--peer", "p.toml"]].concat();
    let record = harness.record(&words);
    let modes = record["plan"]["modes"].as_array().expect("modes");
    let own = modes
        .iter()
        .find(|mode| mode["name"] == "own")
        .expect("the peer");
    assert_eq!(own["facts"]["version"], "7.5");
    let row = row(&record, "getppid", "own");
    assert_eq!(
        (&row["samples"], &row["failed_samples"]),
        (&1.into(), &0.into())
    );
    assert_eq!(row["traced_events"], 40, "{row}");
}

#[test]
fn what_a_peer_counts_or_loses_is_held_against_it() {
    let harness = Harness::new();
    harness.write("few.toml", description("few", r"getppid 39\n").as_bytes());
    harness.write(
        "lossy.toml",
        description("lossy", r"lost 3\ngetppid 40\n").as_bytes(),
    );
    let output = |words: &[&str]| {
        let record = words.concat().replace('-', "");
        let places = ["--modes", "none", "--output", &record];
        harness.output(&[&RUN[..], &LOOP, &places, words].concat())
    };
    for (peer, message) in [
        (
            "few.toml",
            "under mode few: saw 39 traced events; the workload states 40",
        ),
        ("lossy.toml", "under mode lossy: its mode lost 3 events"),
    ] {
        let refused = output(&["--peer", peer]);
        let stderr = common::text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(FAIL), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
    let accepted = output(&["--peer", "lossy.toml", "--allow-loss"]);
    assert!(
        accepted.status.success(),
        "{}",
        common::text(&accepted.stderr)
    );
}

/// A peer of a group that fails in its runs, though its trial went well, leaves the others their rows; one
/// that is named ends the measurement.
#[test]
fn a_peer_of_a_group_that_fails_is_left_out() {
    if !harness_testing::installed("strace", "a peer that fails") {
        return;
    }
    let harness = Harness::new();
    let script = "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\ncase \" $* \" in\n*--version*|*/true\\ *) exec strace \"$@\";;\nesac\nexit 3\n";
    harness.write("script", script.as_bytes());
    // By another process: what this one has open to write while another thread forks cannot be executed.
    let mut install = Command::new("install");
    install.args(["-D", "-m", "755", "script", "bin/strace"]);
    let installed = install.current_dir(harness.directory()).status();
    assert!(installed.expect("install(1)").success());
    let run = |modes: &str| {
        let places = ["--modes", modes, "--output", modes, "--format", "json"];
        let mut command = harness.command(&[&RUN[..], &LOOP, &places].concat());
        let path = harness.directory().join("bin");
        let path = format!("{}:{}", path.display(), common::PATH);
        command.env("PATH", path).output().expect("the harness")
    };
    let of_group = run("none,peers");
    let stderr = common::text(&of_group.stderr);
    assert_eq!(of_group.status.code(), Some(FAIL), "{stderr}");
    assert!(
        stderr.contains("getppid under strace is not verified: 1 of 1 sample failed"),
        "{stderr}"
    );
    let record: Value = serde_json::from_slice(&of_group.stdout).expect("JSON");
    assert_eq!(record["state"]["status"], "complete", "{stderr}");
    let none = row(&record, "getppid", "none");
    assert_eq!(
        (&none["verified"], &none["failed_samples"]),
        (&true.into(), &0.into())
    );
    let strace = row(&record, "getppid", "strace");
    assert_eq!(
        (&strace["verified"], &strace["failed_samples"]),
        (&false.into(), &1.into())
    );
    let named = run("none,strace");
    let stderr = common::text(&named.stderr);
    assert_eq!(named.status.code(), Some(FAIL), "{stderr}");
    let record: Value = serde_json::from_slice(&named.stdout).unwrap_or_default();
    assert_ne!(record["state"]["status"], "complete", "{stderr}");
}

#[test]
fn mistakes_are_one_clear_line_each() {
    let harness = Harness::new();
    let good = description("own", r"getppid 1\n");
    harness.write("own.toml", good.as_bytes());
    harness.write("again.toml", good.as_bytes());
    harness.write(
        "strace.toml",
        good.replace("\"own\"", "\"strace\"").as_bytes(),
    );
    harness.write("key.toml", good.replace("install", "instal").as_bytes());
    harness.write(
        "placeholder.toml",
        good.replace("{set}", "{sets}").as_bytes(),
    );
    let cases: &[(i32, &[&str], &[&str])] = &[
        (
            FAIL,
            &["--peer", "none.toml"],
            &["none.toml: cannot be read: No such file", "; give the path"],
        ),
        (
            FAIL,
            &["--peer", "key.toml"],
            &[
                "key.toml:8: unknown field `instal`",
                "`install`",
                "; correct it",
            ],
        ),
        (
            FAIL,
            &["--peer", "placeholder.toml"],
            &["key `argv`: `{sets}` is no placeholder", "`{set}`"],
        ),
        (
            USAGE,
            &["--peer", "strace.toml"],
            &["has a mode strace already", "give the peer another name"],
        ),
        (
            USAGE,
            &["--peer", "own.toml", "--peer", "again.toml"],
            &["own", "name"],
        ),
        (
            FAIL,
            &["--modes", "strace=/no/such"],
            &["/no/such: command not found; install it"],
        ),
        (
            USAGE,
            &["--modes", "strace="],
            &["the parameter is missing"],
        ),
    ];
    for (code, words, parts) in cases {
        let all = [&["run", "--workload", "getppid"][..], words].concat();
        let output = harness.output(&all);
        one_clear_line(&output, *code, &all, parts);
    }
}
