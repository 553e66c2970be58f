//! Observes a tree of processes and threads to its end.

use crate::error::Error;
use crate::loaded::{Call, Loaded, Lost, Options};
use crate::log::Log;
use crate::stream::Stream;
use harness_ebpf::Tracepoint;
use harness_sys::bpf::ProgramInfo;
use harness_sys::launcher::{Launch, LaunchReport, Launched, Start};
use harness_sys::{clock, process};
use harness_syscalls::TraceSet;
use harness_tracer::End;
use harness_tracer::tree::{Alone, await_end};
use std::time::{Duration, Instant};

/// Which tree is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracked {
    /// That of the program.
    Program,
    /// Another one, so that the program pays what every other process of the machine does.
    Other,
}

/// What one tree of processes did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How its first process ended.
    pub end: End,
    /// From the moment in which it is let go on into execve(2) to the end of its last process.
    pub wall: Duration,
    /// What was counted, for each number that was seen.
    pub calls: Vec<Call>,
    /// Tasks, the first one included; `None` where the programs do not look.
    pub tasks: Option<u64>,
    /// What was lost.
    pub lost: Lost,
    /// What the kernel says of each program that was attached. Its runs are counted and timed where
    /// somebody asked for it ([`harness_sys::bpf::enable_statistics`]).
    pub programs: Vec<(Tracepoint, ProgramInfo)>,
    /// What its first process had to do to start.
    pub launch: LaunchReport,
    /// Whether calls of i386 can be told from those of x86-64.
    pub tells_i386: bool,
}

/// Observes a program and all its descendants until none is left. Tells `log` of every call, if there is
/// one and the level streams them.
///
/// The calling process must have a single thread and no other child, and be a subreaper; SIGCHLD stays
/// blocked in it.
///
/// # Errors
/// [`Error`]; every child and descendant of this process was killed then.
pub fn observe(
    launch: &Launch<'_>,
    options: Options,
    tracked: Tracked,
    set: &TraceSet,
    log: Option<&mut dyn Log>,
) -> Result<Outcome, Error> {
    let outcome = to_its_end(launch, options, tracked, set, log);
    if outcome.is_err() {
        process::kill_descendants();
    }
    outcome
}

fn to_its_end(
    launch: &Launch<'_>,
    options: Options,
    tracked: Tracked,
    set: &TraceSet,
    mut log: Option<&mut dyn Log>,
) -> Result<Outcome, Error> {
    let mut loaded = Loaded::new(options, set)?;
    loaded.attach()?;
    let child = spawn(launch, &loaded, tracked)?;
    let ring = loaded.take_ring()?;
    let stream = ring.map(|ring| Stream::new(ring, &loaded));
    let started = Instant::now();
    let started_ns = clock::monotonic_ns().unwrap_or(0);
    if let Some(log) = &mut log {
        log.started(started)?;
    }
    child.go_on();
    let (end, wall, calls) = match stream {
        None => {
            let end = await_end(child.tid(), &mut Alone)?;
            let wall = started.elapsed();
            loaded.detach();
            (end, wall, loaded.calls()?)
        }
        Some(stream) => {
            let mut stream = stream.told(log, started_ns);
            let end = await_end(child.tid(), &mut stream)?;
            // A tracer has done its work when it has seen the last call.
            stream.read()?;
            let wall = started.elapsed();
            loaded.detach();
            (end, wall, stream.calls())
        }
    };
    let has_tree = loaded.config().has_tree() && tracked == Tracked::Program;
    let tasks = if has_tree {
        Some(1 + loaded.tasks()?)
    } else {
        None
    };
    Ok(Outcome {
        end,
        wall,
        calls,
        tasks,
        lost: loaded.lost()?,
        programs: loaded.attached()?,
        launch: child.report()?,
        tells_i386: loaded.config().status_offset.is_some(),
    })
}

/// Starts the first process, which is held as the last thing before execve(2), and enrols the tree.
fn spawn(launch: &Launch<'_>, loaded: &Loaded, tracked: Tracked) -> Result<Launched, Error> {
    let tree = loaded.config().has_tree();
    let own = if tree { loaded.own_task()? } else { 0 };
    if tree && tracked == Tracked::Program {
        loaded.expect_child_of(own)?;
    }
    // Held, as what it does between its release and execve(2) would be counted.
    let mut child = launch.spawn(Start::UNTRACED.held())?;
    child.await_ready();
    child.release();
    child.hold()?;
    if tree {
        let first = match tracked {
            Tracked::Program => loaded.take_child()?,
            // This process: it only waits, and its child was created before.
            Tracked::Other => own,
        };
        loaded.enrol(first)?;
    }
    Ok(child)
}
