//! What finds no room is counted as lost, never left out in silence. Needs the privilege to load programs.

use harness_sys::launcher::{Launch, resolve};
use harness_sys::process;
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, in_own_process, skip};
use harness_tracepoint::{Level, Options, Tracked, observe, probe};
use std::ffi::OsStr;

/// Ten children that are there at once.
const SCRIPT: &str = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3 & done; wait";

#[test]
fn tasks_beyond_the_map_are_lost_and_counted() {
    if let Err(error) = probe(Options::new(Level::Count)) {
        let missing = if process::effective_user() == 0 {
            Missing::Host
        } else {
            Missing::Root
        };
        skip(
            missing,
            &format!("a tree of more tasks than the map has room for: {error}"),
        );
        return;
    }
    for (room, may_lose) in [(4, true), (64, false)] {
        in_own_process(|| {
            process::become_subreaper().expect("prctl(2)");
            let path = OsStr::new("/usr/bin:/bin");
            let program = resolve(OsStr::new("sh"), Some(path)).expect("a shell");
            let words = [OsStr::new("sh"), OsStr::new("-c"), OsStr::new(SCRIPT)];
            let environment = [("PATH".into(), path.to_owned())];
            let launch = Launch::new(program.as_os_str(), words, environment).expect("a program");
            let options = Options {
                max_tasks: room,
                ..Options::new(Level::Count)
            };
            let set = TraceSet::parse("all", Table::current()).expect("a trace set");
            let outcome = observe(&launch, options, Tracked::Program, &set, None);
            let outcome = outcome.expect("it is observed");
            let tasks = outcome.tasks.expect("tasks are counted");
            assert_eq!(tasks + outcome.lost.tasks, 11, "{:?}", outcome.lost);
            assert_eq!(outcome.lost.tasks > 0, may_lose, "{:?}", outcome.lost);
            assert_eq!(outcome.lost.total(), outcome.lost.tasks);
        });
    }
}
