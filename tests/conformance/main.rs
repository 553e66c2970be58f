//! What a tracer must survive: programs whose behaviour is known, each untraced
//! and under every mode of the registry, with a short and a long trace set.
//!
//! A scenario is a program in `tests/tracees` and a row in `table`; a mode is taken
//! from the registry. Each scenario under each mode is a test of its own, so that
//! `cargo test --test conformance vfork` runs some of them; under two modes it is
//! one more as on an old kernel (`old_kernel`). What a scenario does differently under some
//! kinds of modes is data too (`differences`), and so is what it does under tracers of somebody
//! else's (`peers`); a page is made of both (`page`), and strace must show the differences as well
//! (`strace`). This binary is also the process that a run is watched by (`supervise`) and the one
//! that kills at stops.

mod case;
#[path = "../common/mod.rs"]
mod common;
mod differences;
mod kill_at_stops;
mod log;
mod old_kernel;
mod page;
mod peers;
mod programs;
mod room;
mod scenario;
mod story;
mod strace;
mod supervise;
mod table;

use case::Subject;
use differences::{DIFFERENCES, Strace};
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
    let names = table::scenarios().map(|scenario| scenario.program);
    let programs = Arc::new(Programs::new(names));
    let mut trials = vec![
        Trial::test("the_story_is_compared", || {
            story::self_test().map_err(Failed::from)
        }),
        Trial::test("the_page_tells_the_differences", || {
            page::check().map_err(Failed::from)
        }),
    ];
    for scenario in table::scenarios() {
        let subject = Arc::new(Subject::new(scenario, Kernel::Own));
        trials.extend(
            harness_mode::registry()
                .iter()
                .filter_map(|mode| trial(&subject, &mode.about().name, &programs)),
        );
    }
    for scenario in table::scenarios().filter(|scenario| !scenario.ignored) {
        let subject = Arc::new(Subject::new(scenario, Kernel::Before5_3));
        trials.extend(
            old_kernel::MODES
                .iter()
                .filter_map(|mode| trial(&subject, mode, &programs)),
        );
    }
    for difference in DIFFERENCES {
        if difference.strace == Strace::Same {
            trials.extend(beside_strace(difference.scenario, &programs));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(programs);
    conclusion.exit_code()
}

/// A scenario of a difference under strace: the same must be seen.
fn beside_strace(scenario: &str, programs: &Arc<Programs>) -> Vec<Trial> {
    let found = table::scenarios().find(|known| known.name == scenario);
    let scenario = found.expect("a difference is one of a scenario");
    let subject = Arc::new(Subject::new(scenario, Kernel::Own));
    let trial = |way: &'static strace::Way| {
        let (subject, programs) = (Arc::clone(&subject), Arc::clone(programs));
        Trial::test(format!("{}::{}", scenario.name, way.name), move || {
            let compiled = programs.compile(scenario.program);
            let checked = compiled.and_then(|()| strace::check(way, &subject, &programs));
            checked.map_err(Failed::from)
        })
    };
    strace::WAYS.iter().map(trial).collect()
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
