//! What a tracer must survive: programs whose behaviour is known, each untraced
//! and under every mode of the registry, with a short and a long trace set.
//!
//! A scenario is a program in `tests/tracees` and a row in `table`; a mode is taken
//! from the registry. Each scenario under each mode is a test of its own, so that
//! `cargo test --test conformance vfork` runs some of them. This binary is also the
//! process that a run is watched by (`supervise`) and the one that kills at stops.

mod case;
#[path = "../common/mod.rs"]
mod common;
mod kill_at_stops;
mod log;
mod programs;
mod scenario;
mod story;
mod supervise;
mod table;

use case::Subject;
use libtest_mimic::{Arguments, Failed, Trial};
use programs::Programs;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|word| word.to_str()) {
        Some(supervise::WORD) => return supervise::main(&words[1..]),
        Some(kill_at_stops::WORD) => return kill_at_stops::main(&words[1..]),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let names = table::SCENARIOS.iter().map(|scenario| scenario.program);
    let programs = Arc::new(Programs::new(names));
    let mut trials = vec![Trial::test("the_story_is_compared", || {
        story::self_test().map_err(Failed::from)
    })];
    for scenario in table::SCENARIOS {
        let subject = Arc::new(Subject::new(scenario));
        for mode in harness_mode::registry() {
            let (name, ignored) = (subject.scenario.name, subject.scenario.ignored);
            let (subject, programs) = (Arc::clone(&subject), Arc::clone(&programs));
            let check = move || {
                let compiled = programs.compile(subject.scenario.program);
                let checked = compiled.and_then(|()| subject.check(mode.name(), &programs));
                checked.map_err(Failed::from)
            };
            let trial = Trial::test(format!("{name}::{}", mode.name()), check);
            trials.push(trial.with_ignored_flag(ignored));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(programs);
    conclusion.exit_code()
}
