//! SIGKILL of any process that takes part, at any moment.

use crate::common::number;
use crate::common::{FAIL, Harness, modes, text, wait_until};
use crate::objects::Objects;
use crate::processes::{Mark, Part, Process};
use crate::record::{intact, rows};
use harness_mode::Mechanism;
use harness_record::State;
use harness_stats::random::Rng;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

/// Who can be killed. Only peers have a wrapper around the first process.
const PARTS: [Part; 5] = [
    Part::Harness,
    Part::Guardian,
    Part::Tracer,
    Part::Root,
    Part::Descendant,
];

/// A tree of about a fifth of a second: processes that come and go, one in a
/// session of its own, an orphan that outlives the first process.
const TREE: &str = "
    setsid sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.02; done' &
    (for i in 1 2 3 4 5 6 7 8 9; do true | cat; done) &
    for i in 1 2 3 4 5 6; do sleep 0.02; true | cat; done";

/// The same where it is the harness that is killed: what ends then within
/// seconds was ended.
const LASTING_TREE: &str = "
    setsid sh -c 'sleep 600' &
    (for i in 1 2 3 4 5 6 7 8 9; do true | cat; done; sleep 600) &
    for i in 1 2 3 4 5 6; do sleep 0.02; true | cat; done; sleep 600; exit";

/// About as long as the two runs take.
const LATEST: Duration = Duration::from_millis(600);

struct Trial {
    mode: &'static str,
    victim: Part,
    delay: Duration,
    tree: &'static str,
}

impl Trial {
    fn of(seed: u64, modes: &[&'static str]) -> Self {
        let mut rng = Rng::new(seed);
        let latest = u64::try_from(LATEST.as_micros()).expect("less than a second");
        let mode = modes[rng.index(modes.len())];
        let wrapper = is_peer(mode).then_some(Part::Wrapper);
        let parts: Vec<Part> = PARTS.into_iter().chain(wrapper).collect();
        let victim = parts[rng.index(parts.len())];
        let delay = Duration::from_micros(rng.below(latest));
        // Half of the harnesses die at the end of a run, too, and in writing the record.
        let lasts = victim == Part::Harness && rng.index(2) == 0;
        Self {
            mode,
            victim,
            delay,
            tree: if lasts { LASTING_TREE } else { TREE },
        }
    }

    /// Makes the trial; says whether the victim was met alive.
    fn run(&self) -> bool {
        let before = Objects::now();
        let harness = Harness::new();
        let mark = Mark::new();
        let mut child = self.start(&harness, &mark);
        std::thread::sleep(self.delay);
        let victim = self.meet(&mark, &mut child);
        let met = victim.as_ref().is_some_and(Process::kill);
        if self.victim == Part::Harness && met {
            // Its guardian needs a moment, and nobody waits for it. Before the
            // output is read: its end comes with that of the last process.
            wait_until("every process dies with the harness", || {
                mark.alive().is_empty()
            });
        }
        let output = child.wait_with_output().expect("the harness ends");
        if self.victim == Part::Harness && met {
            let ended = output.status;
            let too_late = self.tree == TREE && ended.success();
            assert!(ended.signal() == Some(9) || too_late, "{ended}");
        }
        let left = mark.alive();
        assert!(left.is_empty(), "left behind: {left:?}");
        if let Some(before) = before {
            Objects::await_as(&before);
        }
        self.judge(&harness, &output, met);
        let words = ["run", "--modes", self.mode, "--runs", "1", "--warmup", "0"];
        let again = harness.output(&[&words[..], &["--output", "next", "--", "true"]].concat());
        let stderr = text(&again.stderr);
        assert!(again.status.success(), "the next measurement: {stderr}");
        met
    }

    fn start(&self, harness: &Harness, mark: &Mark) -> Child {
        let words = [
            "run", "--modes", self.mode, "--runs", "2", "--warmup", "0", "--output", "r", "--",
            "sh", "-c", self.tree, "first",
        ];
        let mut command = harness.command(&words);
        let (name, value) = mark.variable();
        command.env(name, value);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the harness")
    }

    /// The victim as soon as there is one; `None` where the harness ends before.
    fn meet(&self, mark: &Mark, child: &mut Child) -> Option<Process> {
        loop {
            let parts = mark.parts(child.id());
            let mut victims = parts.into_iter().filter(|(part, _)| *part == self.victim);
            if let Some((_, victim)) = victims.next() {
                return Some(victim);
            }
            if child.try_wait().expect("wait4").is_some() {
                return None;
            }
        }
    }

    /// The record is whole, and the exit code and message say what happened. A
    /// victim may have done its work in the moment before it was killed.
    fn judge(&self, harness: &Harness, output: &Output, met: bool) {
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("panicked"), "{stderr}");
        let record = intact(harness, "r");
        if output.status.signal() == Some(9) {
            assert!(met && self.victim == Part::Harness);
            return;
        }
        let record = record.expect("a record, as the harness ended by itself");
        if output.status.success() {
            assert_eq!(record.state, State::Complete, "{stderr}");
            assert_eq!(rows(harness, "r"), 2);
            return;
        }
        assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
        assert!(matches!(record.state, State::Failed { .. }), "{stderr}");
        let said = match self.victim {
            Part::Harness | Part::Nascent => panic!("it was not killed: {stderr}"),
            Part::Guardian | Part::Tracer => "its process ended early (signal: 9 (SIGKILL))",
            Part::Root | Part::Wrapper => "was killed by signal 9",
            // Of a pipeline's or subshell's end the script knows the code alone.
            Part::Descendant => "it ended with exit code",
        };
        // Whoever is killed or not: perf trace ends with the first process.
        let left_behind =
            is_peer(self.mode) && stderr.contains("of the program's processes behind");
        if left_behind {
            return;
        }
        assert!(met && stderr.contains(said), "{said:?} is not in: {stderr}");
    }
}

/// The harness may die before its guardian first looks who its parent is.
#[test]
fn a_guardian_without_a_harness_from_the_beginning_ends() {
    let (reader, answer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut guardian = Harness::new()
        .command(&["__sample"])
        // Held open: its child waits for a spec that does not come.
        .stdin(Stdio::piped())
        .stdout(answer)
        .spawn()
        .expect("the guardian");
    let mut ended = None;
    wait_until("the guardian ends", || {
        ended = guardian.try_wait().expect("wait4");
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(FAIL));
}

fn is_peer(mode: &str) -> bool {
    modes::mechanism(mode) == Mechanism::Peer
}

fn trials(count: u64, is: impl Fn(Mechanism) -> bool) {
    let modes = modes::available(is, "SIGKILL of any process");
    if modes.is_empty() {
        return;
    }
    let first = number("HARNESS_FAULTS_SEED", 1);
    let mut seen: BTreeMap<(Part, bool), u64> = BTreeMap::new();
    for seed in first..first + count {
        let trial = Trial::of(seed, &modes);
        let result = std::panic::catch_unwind(|| trial.run());
        let Ok(met) = result else {
            panic!(
                "SIGKILL of {:?} under {} after {:?}: see above; repeat with \
                 HARNESS_FAULTS_SEED={seed} HARNESS_FAULTS_TRIALS=1",
                trial.victim, trial.mode, trial.delay
            );
        };
        *seen.entry((trial.victim, met)).or_default() += 1;
    }
    println!("trials by victim and whether it was met alive: {seen:?}");
}

#[test]
fn whoever_is_killed_nothing_is_left_and_files_are_whole() {
    trials(number("HARNESS_FAULTS_TRIALS", 40), |_| true);
}

/// The same under the modes whose programs the kernel runs: none of them stays.
#[test]
fn whoever_is_killed_no_program_stays_in_the_kernel() {
    trials(number("HARNESS_FAULTS_TRIALS", 50), modes::at_tracepoints);
}

#[test]
#[ignore = "takes about ten minutes: cargo test --test faults -- --ignored --nocapture"]
fn a_thousand_kills() {
    trials(1000, |_| true);
}

#[test]
#[ignore = "takes about twenty minutes: cargo test --test faults -- --ignored --nocapture"]
fn a_thousand_kills_beside_programs_in_the_kernel() {
    trials(1000, modes::at_tracepoints);
}
