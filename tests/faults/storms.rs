//! Signals that stop and resume, or that nobody asked for, while a measurement
//! runs: it takes longer, and comes to the same.

use crate::common::number;
use crate::common::{Harness, modes, row, text};
use crate::processes::{Mark, Part, send};
use crate::record::{intact, rows};
use harness_mode::Mechanism;
use harness_record::State;
use harness_stats::random::Rng;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a tree of this writes tells whether any of its processes lost something.
/// The first run lasts until `hit` is there: how soon a process is met alive is
/// a matter of the machine's load.
const TREE: &str = "
    setsid sh -c '
        until test -e hit; do sleep 0.02; done
        for i in 1 2 3 4 5; do sleep 0.02; echo orphan $i >> out; done' &
    for i in 1 2 3 4 5; do sleep 0.02; true | cat; echo first $i >> out; done; wait";

/// No process of the harness's own has a handler, so that only a stop makes its
/// calls return early (`EINTR`, signal(7), "Interruption of system calls and
/// library functions by stop signals"); the others are ignored by default, and
/// ptrace(2) shows them to the tracer all the same.
const SIGNALS: [&[&str]; 5] = [
    &["STOP", "CONT"],
    &["WINCH"],
    &["CHLD"],
    &["URG"],
    &["CONT"],
];

const MUST_BE_HIT: [Part; 2] = [Part::Tracer, Part::Descendant];

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn signals_that_end_nothing_change_nothing() {
    let seed = number("HARNESS_FAULTS_SEED", 1);
    // What a peer makes of signals it does not promise: perf trace takes SIGCHLD for the end.
    let ours = |mechanism: Mechanism| mechanism != Mechanism::Peer;
    let modes = modes::available(ours, "signals that end nothing");
    for (i, mode) in modes.into_iter().enumerate() {
        let mut rng = Rng::new(seed + i as u64);
        let harness = Harness::new();
        let mark = Mark::new();
        let words = [
            "run", "--modes", mode, "--runs", "3", "--warmup", "0", "--output", "r", "--format",
            "json", "--", "sh", "-c", TREE, "first",
        ];
        let (name, value) = mark.variable();
        let mut child = harness
            .command(&words)
            .env(name, value)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness");
        let mut hit = std::collections::BTreeSet::new();
        let begun = Instant::now();
        let mut waits = true;
        while child.try_wait().expect("wait4").is_none() {
            if waits && MUST_BE_HIT.iter().all(|part| hit.contains(part)) {
                harness.write("hit", b"");
                waits = false;
            } else if waits && begun.elapsed() > PATIENCE {
                child.kill().expect("the harness");
                panic!("{mode}, HARNESS_FAULTS_SEED={seed}: only {hit:?} were sent signals");
            }
            let parts = mark.parts(child.id());
            if let Some((part, process)) = parts.get(rng.index(parts.len())) {
                hit.insert(*part);
                send(SIGNALS[rng.index(SIGNALS.len())], process.pid);
            }
        }
        let output = child.wait_with_output().expect("the harness ends");
        let stderr = text(&output.stderr);
        let context = format!("{mode}, HARNESS_FAULTS_SEED={seed}: {stderr}");
        assert!(output.status.success(), "{context}");
        assert!(!waits, "only {hit:?} were sent signals: {context}");
        let record = intact(&harness, "r").expect("a record");
        assert_eq!(record.state, State::Complete, "{context}");
        assert_eq!(rows(&harness, "r"), 3, "{context}");
        let printed = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(row(&printed, "command", mode)["samples"], 3, "{context}");
        let written = std::fs::read_to_string(harness.directory().join("out")).expect("out");
        for (word, who) in [("first ", "the first process"), ("orphan ", "another")] {
            let lines = written.lines().filter(|line| line.starts_with(word));
            assert_eq!(lines.count(), 15, "{who}: {context}");
        }
        let left = mark.alive();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}
