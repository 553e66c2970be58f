//! A tree killed at the first stop of its first task, at the second in another
//! run, and so on.
//!
//! The kill must come while the tracee is stopped, which from outside of the
//! tracer would be chance: so this scenario calls a mode as the harness's process
//! of a sample does, and kills where an observer is told of the stop.

use harness_mode::{End, Mode};
use harness_sys::launcher::Launch;
use harness_sys::{Tid, process, wait};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::observer::{Observer, Seen};
use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The word that makes this binary the process that kills.
pub(crate) const WORD: &str = "__kill-at-stops";

/// Of all runs together: some hundreds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const SIGKILL: i32 = 9;

/// Kills a tracee at one of its stops. The program makes its tasks one after the
/// other, and the stops of each are determined; how they interleave is not.
struct Killer {
    /// Which task, in the order of their first stops, and which stop of it.
    at: (usize, usize),
    tasks: Vec<Tid>,
    stops: usize,
    /// The process that was killed, and at what.
    killed: Option<(Tid, String)>,
    ends: HashMap<Tid, End>,
}

impl Observer for Killer {
    fn started(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    fn stopped(&mut self, seen: &Seen) -> io::Result<()> {
        if !self.tasks.contains(&seen.tid) {
            self.tasks.push(seen.tid);
        }
        if self.tasks.get(self.at.0) != Some(&seen.tid) {
            return Ok(());
        }
        if self.stops == self.at.1 {
            let process = thread_group(seen.tid)?;
            process::kill(process)?;
            let info = seen
                .info
                .map(|info| format!("{info:?}"))
                .unwrap_or_default();
            let info = info.split(['(', ' ']).next().unwrap_or_default();
            self.killed = Some((process, format!("{:?} {info}", seen.stop)));
        }
        self.stops += 1;
        Ok(())
    }

    fn ended(&mut self, tid: Tid, end: End) -> io::Result<()> {
        self.ends.insert(tid, end);
        Ok(())
    }
}

fn thread_group(tid: Tid) -> io::Result<Tid> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status"))?;
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let group = group.and_then(|group| group.trim().parse().ok());
    group.map(Tid).ok_or_else(|| io::Error::other("no Tgid"))
}

/// What the process with the word does. Ends with 0 if all is as it must be.
pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let [mode, set, program] = words else {
        return ExitCode::FAILURE;
    };
    process::become_subreaper().expect("prctl");
    let mode = mode
        .to_str()
        .and_then(|mode| harness_mode::find(mode, None));
    let set = TraceSet::parse(set.to_str().expect("a set"), Table::current()).expect("a set");
    match kill_at_each(mode.expect("a mode"), &set, program) {
        Ok(kinds) => {
            println!("{kinds:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the kinds of stops that were killed at.
fn kill_at_each(
    mode: &dyn Mode,
    set: &TraceSet,
    program: &OsStr,
) -> Result<BTreeSet<String>, String> {
    let mut kinds = BTreeSet::new();
    mode.check().map_err(|error| error.to_string())?;
    let mut at = (0, 0);
    loop {
        let mut killer = Killer {
            at,
            tasks: Vec::new(),
            stops: 0,
            killed: None,
            ends: HashMap::new(),
        };
        let launch = Launch::new(program, [program], []).map_err(|error| error.to_string())?;
        let outcome = mode.run(&launch, set, Some(&mut killer));
        let error = |error| format!("killed at {at:?}, {:?}: {error}", killer.killed);
        let outcome = outcome.map_err(error)?;
        let Some((process, stop)) = killer.killed else {
            if killer.tasks.len() <= at.0 {
                // All stops of all tasks have had their turn.
                return enough(kinds);
            }
            at = (at.0 + 1, 0);
            continue;
        };
        let error = |what: &str| {
            Err(format!(
                "process {process} killed at {at:?}, {stop}: {what}: {:?}, {:?}",
                outcome.end, killer.ends
            ))
        };
        if killer.ends.get(&process) != Some(&End::Killed(SIGKILL)) {
            return error("its end is another");
        }
        // The program ends with 0 whatever becomes of its children.
        let first = killer.tasks.first() == Some(&process);
        if outcome.end
            != if first {
                End::Killed(SIGKILL)
            } else {
                End::Exited(0)
            }
        {
            return error("the first process ended otherwise");
        }
        if wait::poll() != Err(harness_sys::Errno::ECHILD) || !process::children().is_empty() {
            return error("a process is left");
        }
        kinds.insert(stop);
        at.1 += 1;
    }
}

/// The program makes stops of every kind that there is under any mode.
fn enough(kinds: BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    for kind in [
        "Syscall Exit",
        "Event(Fork) ",
        "Event(Vfork) ",
        "Event(Clone) ",
        "Event(Exec) ",
        "Trap ",
        "Group(19) ",
        "Signal(10) ",
        "Signal(19) ",
        "Signal(18) ",
    ] {
        if !kinds.contains(kind) {
            return Err(format!("no {kind}among the stops: {kinds:?}"));
        }
    }
    if kinds.contains("Syscall Entry") == kinds.contains("Seccomp Seccomp") {
        return Err(format!("calls begin with either kind of stop: {kinds:?}"));
    }
    Ok(kinds)
}
