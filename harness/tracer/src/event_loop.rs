//! Traces a tree of processes and threads to its end.

use crate::call_info::Source;
use crate::calls::{Events, enter, leave};
use crate::counts::Counts;
use crate::escapes::Escapes;
use crate::machine::{Phase, Policy, Restart, Tally, is_exec};
use crate::observer::{Nobody, Observer, Seen};
use crate::obstacle::tracer_of;
use crate::stop::{Report, Stop, classify};
use crate::stopped::Stopped;
use crate::tracees::{Tracee, Tracees};
use crate::waiting::Waiting;
use harness_sys::launcher::{LaunchError, LaunchReport, Launched, Step};
use harness_sys::ptrace::{self, Options, SyscallInfo};
use harness_sys::{Errno, Tid, process, wait};
use std::io;
use std::time::{Duration, Instant};

/// How the first process of a tree ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// What one tree of processes did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How its first process ended.
    pub end: End,
    /// From the restart into execve(2) to the end of its last process.
    pub wall: Duration,
    /// What the tracer counted.
    pub counts: Counts,
    /// What its first process had to do to start.
    pub launch: LaunchReport,
}

/// Why a tree could not be traced to its end. Its processes are dead once the
/// tracer is (`PTRACE_O_EXITKILL`).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tracer may not attach.
    #[error("cannot trace a process: PTRACE_SEIZE: {errno}{}", traced_already(tracer.as_deref()))]
    Attach {
        /// The error.
        errno: Errno,
        /// Who traces it already, where that can be seen.
        tracer: Option<String>,
    },
    /// A request to a living, stopped tracee failed.
    #[error("cannot trace thread {tid}: {operation}: {errno}")]
    Request {
        /// The thread.
        tid: Tid,
        /// The request.
        operation: &'static str,
        /// The error.
        errno: Errno,
    },
    /// Who is to be told of the stops could not be.
    #[error(transparent)]
    Log(#[from] io::Error),
    /// wait4(2) failed.
    #[error("cannot wait for tracees: wait4(2): {0}")]
    Wait(Errno),
    /// A filter was installed and a call of it made, but no stop came.
    #[error("a call under SECCOMP_RET_TRACE made no seccomp-stop")]
    NoSeccompStop,
    /// The first process never became its program.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The length of a planted slowdown is no number.
    #[cfg(feature = "planted-slowdown")]
    #[error("PLANTED_NS_PER_STOP={0}: give a number of nanoseconds, as 500")]
    Planted(String),
    /// The first process died before it reached its program, from outside.
    #[error("process {0} was killed before it could execute its program")]
    Vanished(Tid),
}

/// Attaches to a child that has not been released, and traces it and all its
/// descendants until none is left. Tells `log` of every stop, if there is one.
///
/// Any other child of this process is waited for too, and counts as one that
/// escaped.
///
/// # Errors
/// [`Error`]; end the process then, so that its tracees die.
pub fn trace(
    child: Launched,
    policy: Policy,
    events: Events<'_>,
    log: Option<&mut dyn Observer>,
) -> Result<Outcome, Error> {
    match log {
        None => observed(child, policy, events, Nobody),
        Some(log) => observed(child, policy, events, log),
    }
}

fn observed(
    mut child: Launched,
    policy: Policy,
    events: Events<'_>,
    log: impl Observer,
) -> Result<Outcome, Error> {
    let root = child.tid();
    let options = match policy {
        Policy::EveryCall => Options::WHOLE_TREE,
        Policy::FilteredCalls(_) => Options::WHOLE_TREE.with_seccomp_stops(),
    };
    if let Err(errno) = ptrace::seize(root, options) {
        let error = Error::attach(root, errno);
        child.cancel();
        return Err(error);
    }
    child.release();
    let Some(stopped) = await_mark(root)? else {
        child.report()?;
        return Err(Error::Vanished(root));
    };
    let mut tracer = Tracer::new(policy, events, root, log)?;
    tracer.adopt(root);
    let first = Phase::default().abandon(policy);
    let started = Instant::now();
    tracer.log.started(started)?;
    stopped
        .restart(first)
        .map_err(|errno| failed(root, first.request(), errno))?;
    tracer.run()?;
    let wall = started.elapsed();
    tracer.counts.tracees = 1 + tracer.escapes.traced();
    tracer.counts.escaped = tracer.escapes.count();
    let launch = child.report()?;
    Ok(Outcome {
        end: tracer.end.ok_or(Error::Vanished(root))?,
        wall,
        counts: tracer.counts,
        launch,
    })
}

/// Restarts the child until the SIGSTOP that marks the start of the traced
/// part; `None` if it ended before.
fn await_mark(root: Tid) -> Result<Option<Stopped>, Error> {
    loop {
        let status = match wait::one(root) {
            Err(Errno::EINTR) => continue,
            result => result.map_err(Error::Wait)?,
        };
        match classify(status) {
            Report::Exited(_) | Report::Killed(_) => return Ok(None),
            Report::Stopped(Stop::MARK) => {
                return Ok(Some(Stopped::new(root)));
            }
            Report::Stopped(stop) => {
                let signal = if let Stop::Signal(signal) = stop {
                    signal
                } else {
                    0
                };
                let restart = Restart::Cont(signal);
                Stopped::new(root)
                    .restart(restart)
                    .map_err(|errno| failed(root, restart.request(), errno))?;
            }
        }
    }
}

// signal(7), x86.
const SIGCHLD: i32 = 17;

/// A tracer of a process, its threads and its children.
pub(crate) struct Tracer<'s, L> {
    policy: Policy,
    source: Source,
    events: Events<'s>,
    pub(crate) counts: Counts,
    pub(crate) tracees: Tracees,
    pub(crate) waiting: Waiting,
    escapes: Escapes,
    /// Whether the first process was there before the tracer: it may then have
    /// children that nobody traces, so what escaped cannot be said.
    pub(crate) attached: bool,
    root: Tid,
    /// How the first process ended.
    pub(crate) end: Option<End>,
    log: L,
    #[cfg(feature = "planted-slowdown")]
    planted: crate::planted::Planted,
}

impl<'s, L: Observer> Tracer<'s, L> {
    #[cfg_attr(
        not(feature = "planted-slowdown"),
        expect(
            clippy::unnecessary_wraps,
            reason = "a planted slowdown may be no number"
        )
    )]
    pub(crate) fn new(
        policy: Policy,
        events: Events<'s>,
        root: Tid,
        log: L,
    ) -> Result<Self, Error> {
        Ok(Self {
            policy,
            source: Source::default(),
            events,
            counts: Counts::default(),
            tracees: Tracees::default(),
            waiting: Waiting::default(),
            escapes: Escapes::default(),
            attached: false,
            root,
            end: None,
            log,
            #[cfg(feature = "planted-slowdown")]
            planted: crate::planted::Planted::from_environment()?,
        })
    }

    /// A tracee that is known before its first stop.
    pub(crate) fn adopt(&mut self, tid: Tid) {
        self.tracees.adopt(tid);
        self.waiting.add(tid);
    }

    /// Handles every report until there is neither tracee nor child left.
    fn run(&mut self) -> Result<(), Error> {
        loop {
            match self.waiting.next() {
                Ok((tid, status)) => self.on_report(tid, classify(status))?,
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(()),
                Err(errno) => return Err(Error::Wait(errno)),
            }
        }
    }

    /// Takes a report into account, and restarts the tracee if it is of a stop.
    #[inline]
    pub(crate) fn on_report(&mut self, tid: Tid, report: Report) -> Result<(), Error> {
        match report {
            Report::Stopped(stop) => return self.on_stop(tid, stop),
            Report::Exited(code) => self.on_end(tid, End::Exited(code))?,
            Report::Killed(signal) => self.on_end(tid, End::Killed(signal))?,
        }
        Ok(())
    }

    fn on_end(&mut self, tid: Tid, end: End) -> Result<(), Error> {
        if self.escapes.ended(tid, end, &self.tracees) {
            self.log.ended(tid, end)?;
        }
        // The id of a process that has ended may come again in its own tree.
        if tid == self.root && self.end.is_none() {
            self.end = Some(end);
        }
        self.tracees.end(tid);
        self.waiting.remove(tid);
        Ok(())
    }

    #[inline]
    fn on_stop(&mut self, tid: Tid, stop: Stop) -> Result<(), Error> {
        #[cfg(feature = "planted-slowdown")]
        self.planted.spin();
        let stopped = Stopped::new(tid);
        let mut task = None;
        if is_exec(stop) {
            task = self.on_exec(tid, &stopped)?;
        }
        if stop.is_new_task() {
            task = event_task(tid, &stopped)?;
        }
        if stop == Stop::Signal(SIGCHLD) && !self.attached {
            self.on_child_signal(tid, &stopped)?;
        }
        let (tracee, new) = self.tracees.adopt(tid);
        if new {
            self.escapes.adopted(tid);
            self.waiting.add(tid);
        }
        let in_flight = tracee.call;
        let mut info = None;
        let restart = match stop {
            Stop::Syscall | Stop::Seccomp => {
                info = self
                    .source
                    .read(&stopped, stop, tracee)
                    .map_err(|(operation, errno)| failed(tid, operation, errno))?;
                match info {
                    Some(info) => on_call(
                        tracee,
                        stop,
                        info,
                        self.policy,
                        self.events,
                        &mut self.counts,
                        &stopped,
                    )
                    .map(Some)
                    .map_err(|errno| failed(tid, "PTRACE_SETREGS", errno))?,
                    // Dying, and its death is reported. A restart would take
                    // PTRACE_EVENT_EXEC from the thread that has its id by now.
                    None => None,
                }
            }
            _ => {
                if stop.is_new_task() {
                    self.escapes.announced(task);
                    if let Some(call) = &mut tracee.call {
                        call.new_task = true;
                    }
                }
                let (tally, restart) = tracee.phase.step(self.policy, stop);
                self.counts.count(tally);
                Some(restart)
            }
        };
        if let Some(task) = tracee.unannounced.take() {
            self.escapes.suspect(task, &self.tracees);
        }
        self.log.stopped(&Seen {
            tid,
            stop,
            info,
            in_flight,
            task,
            restart,
        })?;
        let Some(restart) = restart else {
            return Ok(());
        };
        stopped
            .restart(restart)
            .map_err(|errno| failed(tid, restart.request(), errno))
    }

    /// The sender may be a child that runs untraced.
    fn on_child_signal(&mut self, tid: Tid, stopped: &Stopped) -> Result<(), Error> {
        let child = stopped.ended_child();
        let child = child.map_err(|errno| failed(tid, "PTRACE_GETSIGINFO", errno))?;
        // In a namespace of its own the parent knows the child by another id. A
        // process may send itself what it wants (rt_sigqueueinfo(2)), so that the
        // child can be another's; one that has been waited for says no more.
        if let Some(child) = child.flatten()
            && !self.tracees.knows(child)
            && process::shares_pid_namespace(tid)
            && process::parent_of(child).is_none_or(|p| Some(p) == process::of_thread(tid))
        {
            self.escapes.suspect(child, &self.tracees);
        }
        Ok(())
    }

    /// Returns the id that the thread had before.
    fn on_exec(&mut self, leader: Tid, stopped: &Stopped) -> Result<Option<Tid>, Error> {
        self.escapes.executed();
        let former = event_task(leader, stopped)?;
        if let Some(former) = former.filter(|&former| former != leader) {
            self.tracees.succeed(leader, former);
            self.waiting.remove(former);
            self.waiting.add(leader);
        }
        Ok(former)
    }
}

/// The task an event stop of `tid` is about; `None` where that is dying.
pub(crate) fn event_task(tid: Tid, stopped: &Stopped) -> Result<Option<Tid>, Error> {
    let message = stopped.event_message();
    let message = message.map_err(|errno| failed(tid, "PTRACE_GETEVENTMSG", errno))?;
    Ok(message
        .and_then(|message| i32::try_from(message).ok())
        .map(Tid))
}

/// A syscall-enter-, syscall-exit- or seccomp-stop.
#[inline]
fn on_call(
    tracee: &mut Tracee,
    stop: Stop,
    info: SyscallInfo,
    policy: Policy,
    events: Events<'_>,
    counts: &mut Counts,
    stopped: &Stopped,
) -> Result<Restart, Errno> {
    match info {
        SyscallInfo::Entry(call) => {
            tracee.phase.correct(true);
            if policy == Policy::EveryCall {
                enter(tracee, call, events, counts);
            }
        }
        SyscallInfo::Seccomp { call, data } => {
            enter(tracee, call, events, counts);
            if !events.own(data) {
                // A filter of the tracee's own asks for a tracer that it has not.
                stopped.skip_call(Errno::ENOSYS)?;
                tracee.call = None;
                counts.count(Tally::Seccomp);
                return Ok(tracee.phase.abandon(policy));
            }
        }
        SyscallInfo::Exit { result, is_error } => {
            tracee.phase.correct(false);
            leave(tracee, result, is_error, events, counts);
        }
    }
    let (tally, restart) = tracee.phase.step(policy, stop);
    counts.count(tally);
    Ok(restart)
}

/// What may help where no filter can be installed.
pub const ALLOW_SECCOMP: &str =
    "run a kernel with CONFIG_SECCOMP_FILTER, and in a container allow seccomp(2)";

/// What is said of the tracer that is there already.
fn traced_already(tracer: Option<&str>) -> String {
    tracer.map_or_else(String::new, |tracer| {
        format!(": {tracer} traces this harness and what it starts")
    })
}

impl Error {
    /// That `tid` cannot be attached to, with its tracer where /proc tells of one. It shows 0 for a
    /// tracer outside of its pid namespace (`task_state` in fs/proc/array.c).
    pub(crate) fn attach(tid: Tid, errno: Errno) -> Self {
        Self::Attach {
            errno,
            tracer: tracer_of(tid),
        }
    }

    /// What may help.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Attach {
                tracer: Some(_), ..
            } => "start the harness outside of that tracer, as a process can have one tracer only",
            Self::Attach { tracer: None, .. } => {
                "allow ptrace(2): see kernel.yama.ptrace_scope (3 forbids it), and in a container use \
                 --cap-add SYS_PTRACE or a seccomp profile that has ptrace; a tracer of this harness from outside of \
                 the container forbids it too, and is not seen from here"
            }
            Self::Launch(LaunchError::Child {
                step: Step::Filter | Step::NoNewPrivs,
                ..
            })
            | Self::NoSeccompStop => ALLOW_SECCOMP,
            Self::Launch(LaunchError::Parent {
                errno: Errno::EAGAIN | Errno::EMFILE,
                ..
            }) => "raise that limit, or end what uses it up",
            _ => "try again, and report it if it persists",
        }
    }
}

fn failed(tid: Tid, operation: &'static str, errno: Errno) -> Error {
    Error::Request {
        tid,
        operation,
        errno,
    }
}

impl Counts {
    #[inline]
    fn count(&mut self, tally: Tally) {
        let stops = &mut self.stops;
        *match tally {
            Tally::Enter => &mut stops.syscall_enter,
            Tally::Exit => &mut stops.syscall_exit,
            Tally::Seccomp => &mut stops.seccomp,
            Tally::Event => &mut stops.event,
            Tally::Signal => &mut stops.signal,
            Tally::Group => &mut stops.group,
        } += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process ids are few, and a long tree uses them again.
    #[test]
    fn the_end_of_the_first_process_is_the_first_of_its_id() {
        let tracer = Tracer::new(Policy::EveryCall, Events::Every, Tid(2), Nobody);
        let mut tracer = tracer.expect("no slowdown is planted");
        tracer.tracees.adopt(Tid(2));
        tracer
            .on_end(Tid(2), End::Exited(3))
            .expect("nobody to tell");
        tracer.tracees.adopt(Tid(2));
        tracer
            .on_end(Tid(2), End::Killed(15))
            .expect("nobody to tell");
        assert_eq!(tracer.end, Some(End::Exited(3)));
    }
}
