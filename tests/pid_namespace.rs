//! In a PID namespace of its own (unshare(1)) the harness ends its own processes
//! and no others; where /proc is not of that namespace it refuses to begin.

mod common;

use common::{FAIL, Harness, text};
use harness_testing::{Missing, skip};
use std::process::{Command, Output};

/// unshare(1) with the options that `asked` need of this user; says what is
/// skipped where the kernel or a policy forbids them.
fn unshare(asked: &[&str], what: &str) -> Option<Vec<String>> {
    let root = ["unshare"];
    let user = ["unshare", "--user", "--map-root-user"];
    let all = [&root[..], &user].map(|first| [first, asked].concat());
    let made = |words: &&Vec<&str>| {
        let output = Command::new(words[0])
            .args(&words[1..])
            .arg("true")
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = all.iter().find(made);
    if found.is_none() {
        let why = "unshare(1) may make no such namespace";
        skip(Missing::Root, &format!("{what}: {why}"));
    }
    found.map(|words| words.iter().map(|&word| word.to_owned()).collect())
}

/// Runs a program in a new namespace, in the directory of `harness`.
fn within(namespace: &[String], harness: &Harness, words: &[&str]) -> Output {
    let mut command = Command::new(&namespace[0]);
    command.args(&namespace[1..]).args(words);
    command.env_clear().env("PATH", common::PATH);
    command.env("HARNESS", env!("CARGO_BIN_EXE_harness"));
    let command = command.current_dir(harness.directory());
    command.output().expect("unshare(1)")
}

/// `sleep` is a child of the first process, whose number is that of some process
/// in /proc. The harness would wait half a minute, and for its child.
#[test]
fn where_proc_is_of_another_namespace_nothing_begins_and_nobody_is_killed() {
    let Some(namespace) = unshare(&["--pid", "--fork"], "a /proc of another namespace") else {
        return;
    };
    let run = "run --modes none --runs 1 --warmup 0 --output r -- sleep 30";
    let gate = "gate --base-bin $HARNESS --head-bin $HARNESS --output g";
    for words in [
        run,
        gate,
        "calibrate",
        "run --attach $stranger --for 1 --output r",
        "filter dump --pid $stranger",
    ] {
        let harness = Harness::new();
        let script = format!(
            "sleep 100 & stranger=$!; $HARNESS {words}; echo code $?; kill $stranger && echo stranger lived"
        );
        let output = within(&namespace, &harness, &["sh", "-c", &script]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let expected = format!("code {FAIL}\nstranger lived\n");
        assert_eq!(stdout, expected, "{words}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{words}: {stderr}");
        for part in ["another PID namespace", "--mount-proc"] {
            assert!(stderr.contains(part), "{words}: {part}: {stderr}");
        }
        let left = std::fs::read_dir(harness.directory()).expect("a directory");
        assert_eq!(left.count(), 0, "{words}: nothing is begun");
    }
    let harness = Harness::new();
    let output = within(&namespace, &harness, &["sh", "-c", "exec $HARNESS doctor"]);
    assert_eq!(output.status.code(), Some(FAIL));
    assert!(text(&output.stdout).contains("--mount-proc"));
}

/// Without `--fork` the first child of the harness would be the namespace's
/// first process, and the last that can be made.
#[test]
fn where_its_children_get_another_namespace_nothing_begins() {
    let Some(namespace) = unshare(&["--pid"], "a namespace for children alone") else {
        return;
    };
    let harness = Harness::new();
    let binary = env!("CARGO_BIN_EXE_harness");
    let words = [binary, "run", "--runs", "1", "--output", "r", "--", "true"];
    let output = within(&namespace, &harness, &words);
    common::one_clear_line(&output, FAIL, &words, &["--fork --mount-proc"]);
}

/// With its own /proc a namespace is like any other place.
#[test]
fn with_its_own_proc_what_a_run_started_ends_and_nothing_else() {
    let asked = ["--pid", "--fork", "--mount-proc"];
    let Some(namespace) = unshare(&asked, "a namespace with its own /proc") else {
        return;
    };
    for mode in ["none", "ptrace"] {
        let harness = Harness::new();
        // The second sleep is an orphan in a session of its own.
        let run = format!("run --modes {mode} --trace connect --runs 1 --warmup 0 --output r");
        let script = format!(
            "sleep 100 & stranger=$!
            env --default-signal $HARNESS {run} -- sh -c 'setsid sleep 61 & touch begun; sleep 61' & harness=$!
            while kill -0 $harness && ! test -e begun; do sleep 0.01; done
            test -e begun || echo the harness ended before its command began
            kill -TERM $harness; wait $harness; echo code $?
            grep -lxz 61 /proc/[0-9]*/cmdline
            kill $stranger && echo stranger lived"
        );
        let output = within(&namespace, &harness, &["sh", "-c", &script]);
        let stderr = text(&output.stderr);
        assert_eq!(
            text(&output.stdout),
            "code 143\nstranger lived\n",
            "{mode}: {stderr}"
        );
    }
}

/// Programs give ids and find the tree as the namespace has them, not as the machine does.
#[test]
fn ebpf_counts_and_numbers_threads_as_the_namespace_does() {
    let what = "eBPF in a PID namespace";
    let asked = ["--pid", "--fork", "--mount-proc"];
    let Some(namespace) = unshare(&asked, what) else {
        return;
    };
    let harness = Harness::new();
    let run = "$HARNESS run --modes ptrace,ebpf,ebpf-stream --trace execve --runs 1 --warmup 0";
    // The numbers in a new namespace are small, and sh(1) says its own.
    let script = format!(
        "$HARNESS doctor | grep -q 'ok    ebpf$' || exit 77
        {run} --log-stops log --show-output --output r --format csv -- sh -c 'echo $$; (exec /bin/true); exec /bin/true'"
    );
    let output = within(&namespace, &harness, &["sh", "-c", &script]);
    if output.status.code() == Some(77) {
        skip(Missing::Root, &format!("{what}: programs cannot be loaded"));
        return;
    }
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let said = stderr.lines().filter_map(|line| line.parse::<u64>().ok());
    let said: Vec<u64> = said.collect();
    assert_eq!(said.len(), 3, "{stderr}");
    let mut rows = stdout.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let column = header.iter().position(|name| *name == "traced_events");
    let column = column.expect("a column");
    let counts: Vec<_> = rows.map(|row| row[column].to_owned()).collect();
    // sh, its child, and what sh becomes.
    assert_eq!(counts, ["3"; 3], "{stdout}");
    let log = std::fs::read_to_string(harness.directory().join("log")).expect("a log");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"));
    let streamed = lines.filter(|line| line["mode"] == "ebpf-stream" && line["call"] == "execve");
    let tids: Vec<u64> = streamed.filter_map(|line| line["tid"].as_u64()).collect();
    let (first, last) = (tids[0], tids[tids.len() - 1]);
    assert_eq!((tids.len(), first), (3, last), "{tids:?}");
    assert!(said.contains(&first), "{said:?}: {tids:?}");
    assert!(tids.iter().all(|&tid| tid != 0 && tid < 10_000), "{tids:?}");
}
