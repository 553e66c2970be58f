//! A tree killed at a stop of its first task, at another in a second run, and so
//! on: at the first of each kind that each task makes, calls told apart.
//!
//! The kill must come while the tracee is stopped, which from outside of the
//! tracer would be chance: so this scenario calls a mode as the harness's process
//! of a sample does, and kills where an observer is told of the stop.

use harness_mode::{End, Event, Job, Log, Mode, What};
use harness_sys::launcher::Launch;
use harness_sys::ptrace::SyscallInfo;
use harness_sys::{Tid, process, procfs, wait};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::observer::Seen;
use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The word that makes this binary the process that kills.
pub(crate) const WORD: &str = "__kill-at-stops";

/// Of all runs together: about a hundred.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const SIGKILL: i32 = 9;

/// Kills a tracee at a stop.
#[derive(Default)]
struct Killer {
    /// Where; nowhere in the first run.
    at: Option<Place>,
    /// Every task, in the order of their first stops, with the kinds of its stops.
    /// The program makes its tasks one after the other.
    tasks: Vec<(Tid, BTreeSet<String>)>,
    /// The process that was killed.
    victim: Option<Tid>,
    ends: HashMap<Tid, End>,
}

/// The first stop of a kind that a task makes: which number it has, and how those
/// of different tasks interleave, is not determined.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    task: usize,
    kind: String,
}

impl Log for Killer {
    fn started(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event.what {
            What::Stop(seen) => self.stopped(seen),
            What::Ended(end) => {
                self.ends.insert(event.tid, end);
                Ok(())
            }
            What::Notification | What::Returned(_) => Ok(()),
        }
    }
}

impl Killer {
    fn stopped(&mut self, seen: &Seen) -> io::Result<()> {
        let known = self.tasks.iter().position(|(tid, _)| *tid == seen.tid);
        let task = known.unwrap_or_else(|| {
            self.tasks.push((seen.tid, BTreeSet::new()));
            self.tasks.len() - 1
        });
        let kind = described(seen);
        let first = self.tasks[task].1.insert(kind.clone());
        if first && self.at == Some(Place { task, kind }) {
            let process = thread_group(seen.tid)?;
            process::kill(process)?;
            self.victim = Some(process);
        }
        Ok(())
    }
}

/// The kind of a stop and, at a call, where in it and which.
fn described(seen: &Seen) -> String {
    let step = match seen.info {
        Some(SyscallInfo::Entry(_)) => "Entry",
        Some(SyscallInfo::Exit { .. }) => "Exit",
        _ => "",
    };
    let number = seen.call().map(|(_, number)| number.to_string());
    let number = number.unwrap_or_default();
    format!("{:?} {step} {number}", seen.stop)
}

fn thread_group(tid: Tid) -> io::Result<Tid> {
    let group = procfs::status(tid)?.process();
    group.ok_or_else(|| io::Error::other("no Tgid"))
}

/// What the process with the word does. Ends with 0 if all is as it must be.
pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let [mode, set, program] = words else {
        return ExitCode::FAILURE;
    };
    process::die_with_parent().expect("prctl");
    process::become_subreaper().expect("prctl");
    let mode = mode.to_str().and_then(harness_mode::find);
    let set = TraceSet::parse(set.to_str().expect("a set"), Table::current()).expect("a set");
    match kill_at_each(&**mode.expect("a mode"), &set, program) {
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
    mode.check().map_err(|error| error.to_string())?;
    let undisturbed = run(mode, set, program, None)?;
    let mut killed_at = BTreeSet::new();
    for (task, (_, kinds)) in undisturbed.tasks.into_iter().enumerate() {
        for kind in kinds {
            let place = Place {
                task,
                kind: kind.clone(),
            };
            // Some calls are made only where the scheduler has it so, as futex(2) by
            // pthread_join(3); below it is asked whether enough was killed at.
            if run(mode, set, program, Some(place))?.victim.is_some() {
                killed_at.insert(kind);
            }
        }
    }
    enough(killed_at)
}

/// Runs the program, and kills it at a place.
fn run(
    mode: &dyn Mode,
    set: &TraceSet,
    program: &OsStr,
    at: Option<Place>,
) -> Result<Killer, String> {
    let mut killer = Killer {
        at,
        ..Killer::default()
    };
    let launch = Launch::new(program, [program], []).map_err(|error| error.to_string())?;
    let mut job = Job {
        set,
        log: Some(&mut killer),
        scratch: None,
    };
    let outcome = mode.run(launch, &mut job);
    let outcome = outcome.map_err(|error| format!("killed at {:?}: {error}", killer.at))?;
    let error = |what: &str| {
        let (at, end, ends) = (&killer.at, outcome.end, &killer.ends);
        Err(format!("killed at {at:?}: {what}: {end:?}, {ends:?}"))
    };
    if let Some(process) = killer.victim
        && killer.ends.get(&process) != Some(&End::Killed(SIGKILL))
    {
        return error("its end is another");
    }
    // The program ends with 0 whatever becomes of its children.
    let first = killer.tasks.first().map(|&(tid, _)| tid);
    let end = if killer.victim.is_some() && killer.victim == first {
        End::Killed(SIGKILL)
    } else {
        End::Exited(0)
    };
    if outcome.end != Some(end) {
        return error("the first process ended otherwise");
    }
    if wait::poll() != Err(harness_sys::Errno::ECHILD) {
        return error("a process is left");
    }
    Ok(killer)
}

/// The program makes stops of every kind that there is under any mode.
fn enough(kinds: BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    let any = |start: &str| kinds.iter().any(|kind| kind.starts_with(start));
    for kind in [
        "Syscall Exit",
        "Event(Fork)",
        "Event(Vfork)",
        "Event(Clone)",
        "Event(Exec)",
        "Trap",
        "Group(19)",
        "Signal(10)",
        "Signal(19)",
        "Signal(18)",
    ] {
        if !any(kind) {
            return Err(format!("no {kind} among the stops: {kinds:?}"));
        }
    }
    if any("Syscall Entry") == any("Seccomp") {
        return Err(format!("calls begin with either kind of stop: {kinds:?}"));
    }
    Ok(kinds)
}
