//! What a tracer must survive: programs whose behaviour is known, each untraced
//! and under every mode of the registry, with a short and a long trace set.
//!
//! A scenario is a program in `tests/tracees` and a row in `table`; a mode is taken
//! from the registry. Each scenario under each mode is a test of its own, so that
//! `cargo test --test conformance vfork` runs some of them; under two modes it is
//! one more as on an old kernel (`old_kernel`). This binary is also the process
//! that a run is watched by (`supervise`) and the one that kills at stops.

mod case;
#[path = "../common/mod.rs"]
mod common;
mod kill_at_stops;
mod log;
mod old_kernel;
mod programs;
mod scenario;
mod story;
mod supervise;
mod table;

use case::Subject;
use libtest_mimic::{Arguments, Failed, Trial};
use old_kernel::Kernel;
use programs::Programs;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|word| word.to_str()) {
        Some(supervise::WORD) => return supervise::main(&words[1..]),
        Some(kill_at_stops::WORD) => return kill_at_stops::main(&words[1..]),
        Some(old_kernel::WORD) => return old_kernel::main(&words[1..]),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let names = table::SCENARIOS.iter().map(|scenario| scenario.program);
    let programs = Arc::new(Programs::new(names));
    let mut trials = vec![Trial::test("the_story_is_compared", || {
        story::self_test().map_err(Failed::from)
    })];
    for scenario in table::SCENARIOS {
        let subject = Arc::new(Subject::new(scenario, Kernel::Own));
        trials.extend(
            harness_mode::registry()
                .iter()
                .filter_map(|mode| trial(&subject, mode.name(), &programs)),
        );
    }
    for scenario in table::SCENARIOS.iter().filter(|scenario| !scenario.ignored) {
        let subject = Arc::new(Subject::new(scenario, Kernel::Before5_3));
        trials.extend(
            old_kernel::MODES
                .iter()
                .filter_map(|mode| trial(&subject, mode, &programs)),
        );
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(programs);
    conclusion.exit_code()
}

/// A test, where the scenario says anything of the mode.
fn trial(subject: &Arc<Subject>, mode: &'static str, programs: &Arc<Programs>) -> Option<Trial> {
    if !subject.applies_to(mode) {
        return None;
    }
    let (scenario, kernel) = (subject.scenario, subject.kernel);
    let (subject, programs) = (Arc::clone(subject), Arc::clone(programs));
    let check = move || {
        let compiled = programs.compile(scenario.program);
        let checked = compiled.and_then(|()| subject.check(mode, &programs));
        checked.map_err(Failed::from)
    };
    let name = format!("{}::{mode}{}", scenario.name, kernel.suffix());
    Some(Trial::test(name, check).with_ignored_flag(scenario.ignored))
}
