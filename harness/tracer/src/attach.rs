//! Traces a process that is running already, for a while, and leaves it as it was.
//!
//! Threads are seized, so that none gets a signal of the tracer's making, and
//! interrupted: a call that was begun before is not traced, and a clone(2) among
//! them makes a thread that nobody traces. So the list of threads is read again
//! once every one that is known has stopped once, until it holds no new one.
//!
//! A tracee can only be detached in a stop (ptrace(2), `PTRACE_DETACH`). So all
//! are interrupted again, and each is detached at whatever stop it makes first.
//! What is stopped by SIGSTOP stays stopped, a signal it was about to get is
//! delivered, and a child born meanwhile stops by itself.
//!
//! `PTRACE_O_EXITKILL` is not set: the kernel detaches the tracees of a tracer
//! that dies. Only a signal whose signal-delivery-stop the tracer was told of
//! and had not restarted is lost then.

mod error;

pub use error::AttachError;

use crate::counts::Counts;
use crate::event_loop::{Error, Events, Tracer, event_task};
use crate::machine::Policy;
use crate::observer::Nobody;
use crate::obstacle::{Obstacle, field, is_dead};
use crate::stop::{Report, Stop, classify};
use crate::stopped::Stopped;
use harness_sys::ptrace::{self, Options};
use harness_sys::signals::Ticks;
use harness_sys::{Errno, Tid, process, wait};
use std::collections::HashSet;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// How often the tracer looks at something else than its tracees.
const TICK: Duration = Duration::from_millis(10);

/// How long threads that do not stop are waited for: they are in an
/// uninterruptible call, as on a file server that does not answer, or wait for
/// their child in vfork(2).
const PATIENCE: Duration = Duration::from_secs(2);

/// A running process, which may end at any time and leave its id to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: Tid,
    /// When it started, in ticks since boot: `starttime` of proc_pid_stat(5).
    pub start_time: u64,
}

impl Process {
    /// The process that has this id now, if it can be attached to as far as its status tells.
    ///
    /// # Errors
    /// [`AttachError::NoProcess`], [`AttachError::Thread`], [`AttachError::NotNow`].
    pub fn find(id: Tid) -> Result<Self, AttachError> {
        let gone = AttachError::NoProcess(id);
        let status_of = |tid| read_to_string(format!("/proc/{tid}/status"));
        let Ok(mut status) = status_of(id) else {
            return Err(gone);
        };
        if let Some(group) = field(&status, "Tgid").and_then(|group| group.parse().ok())
            && group != id.0
        {
            return Err(AttachError::Thread { tid: id, group });
        }
        // A process goes on without its first thread, which is a zombie then.
        if is_dead(&status)
            && let Some(alive) = threads(id).into_iter().find(|&tid| !is_gone(tid))
        {
            status = status_of(alive).unwrap_or(status);
        }
        let own = read_to_string("/proc/thread-self/status").unwrap_or_default();
        if let Some(why) = Obstacle::find(id, &status, &own) {
            return Err(AttachError::NotNow { process: id, why });
        }
        let start_time = start_time(id).ok_or(gone)?;
        Ok(Self { id, start_time })
    }

    /// Whether it has not ended, nor left its id to another.
    #[must_use]
    pub fn is_there(self) -> bool {
        start_time(self.id) == Some(self.start_time)
            && threads(self.id).into_iter().any(|tid| !is_gone(tid))
    }
}

/// The threads of a process, those that have ended included until they are gone.
#[must_use]
pub fn threads(process: Tid) -> Vec<Tid> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task"));
    let entries = entries.into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Tid))
        .collect()
}

/// Field `starttime`, the twentieth after the command's name, which may hold
/// parentheses and blanks.
fn start_time(process: Tid) -> Option<u64> {
    let stat = read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// What was seen of a process while it was traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What was counted from when all threads were traced to when the first was
    /// to be detached. What escaped is not known.
    pub counts: Counts,
    /// That time.
    pub wall: Duration,
    /// How long it took before to attach to every thread.
    pub attaching: Duration,
    /// How long it took then to detach every tracee.
    pub detaching: Duration,
    /// Whether the process ended before it was to be detached.
    pub ended: bool,
    /// Threads that did not stop in time to be attached or detached orderly
    /// (see the [module](self)): seized but not counted at first, or left to the
    /// kernel, which detaches them when the tracer ends.
    pub unstopped: usize,
}

/// Attaches to all threads of a process, calls `attached`, traces the process
/// and the children it makes until `finished` says so, and detaches from all.
///
/// The calling process must have one thread and no children, and must end
/// afterwards: see [`Window::unstopped`]. `finished` is asked a hundred times a second.
///
/// # Errors
/// [`AttachError`]; what was attached to is detached all the same.
pub fn watch(
    process: Process,
    events: Events<'_>,
    attached: impl FnOnce(),
    finished: impl Fn() -> bool,
) -> Result<Window, AttachError> {
    let ticks = Ticks::start(TICK).map_err(AttachError::Ticks)?;
    let mut tracer = Tracer::new(Policy::EveryCall, events, process.id, Nobody)?;
    tracer.attached = true;
    let mut watcher = Watcher {
        process,
        tracer,
        ticks,
        seized: HashSet::new(),
        pending: HashSet::new(),
        ended: false,
    };
    let seen = watcher.watch(attached, finished);
    let started = Instant::now();
    let left = watcher.detach()?;
    let mut window = seen?;
    window.detaching = started.elapsed();
    window.ended = watcher.ended;
    window.unstopped += left;
    Ok(window)
}

struct Watcher<'s> {
    process: Process,
    tracer: Tracer<'s, Nobody>,
    ticks: Ticks,
    /// Threads of the process that are tracees, or were when they were looked at.
    seized: HashSet<Tid>,
    /// Those among them that were interrupted and have not stopped yet.
    pending: HashSet<Tid>,
    ended: bool,
}

impl Watcher<'_> {
    fn watch(
        &mut self,
        attached: impl FnOnce(),
        finished: impl Fn() -> bool,
    ) -> Result<Window, AttachError> {
        let started = Instant::now();
        let unstopped = self.attach(&finished)?;
        let attaching = started.elapsed();
        self.tracer.counts = Counts::default();
        let started = Instant::now();
        if !self.ended {
            attached();
            self.trace(finished)?;
        }
        Ok(Window {
            wall: started.elapsed(),
            counts: std::mem::take(&mut self.tracer.counts),
            attaching,
            detaching: Duration::ZERO,
            ended: false,
            unstopped,
        })
    }

    /// Seizes every thread, and has each stop once; how many did not in time.
    fn attach(&mut self, finished: impl Fn() -> bool) -> Result<usize, AttachError> {
        if self.seize_new()? == 0 {
            return Err(AttachError::NoProcess(self.process.id));
        }
        if !self.process.is_there() {
            // Its id may be another's now, which is detached at once.
            return Err(AttachError::NoProcess(self.process.id));
        }
        let mut seen = self.ticks.count();
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            while self.pending.is_empty() {
                if self.seize_new()? == 0 {
                    return Ok(0);
                }
                deadline = Instant::now() + PATIENCE;
            }
            if let Some(tid) = self.next_report()? {
                self.pending.remove(&tid);
            }
            if self.ended {
                return Ok(0);
            }
            if self.ticks.count() != seen {
                seen = self.ticks.count();
                self.pending.retain(|&tid| !is_gone(tid));
                if finished() || Instant::now() > deadline {
                    return Ok(self.pending.len());
                }
            }
        }
    }

    /// Seizes and interrupts the threads that are no tracees yet; how many.
    fn seize_new(&mut self) -> Result<usize, AttachError> {
        let mut new = 0;
        for tid in threads(self.process.id) {
            if self.seized.contains(&tid) {
                continue;
            }
            match ptrace::seize(tid, Options::ATTACHED) {
                Ok(()) => {
                    self.seized.insert(tid);
                    // Known from now on, so that it is detached whatever happens.
                    self.tracer.adopt(tid);
                    if ptrace::interrupt(tid).is_ok() {
                        self.pending.insert(tid);
                    }
                    new += 1;
                }
                Err(Errno::ESRCH) => {}
                // Born of a thread that is traced, or dead: the kernel refuses both.
                Err(Errno::EPERM) if is_own(tid) || is_gone(tid) => {
                    self.seized.insert(tid);
                }
                Err(errno) => return Err(AttachError::refused(self.process.id, tid, errno)),
            }
        }
        Ok(new)
    }

    fn trace(&mut self, finished: impl Fn() -> bool) -> Result<(), AttachError> {
        let mut seen = self.ticks.count();
        while !self.ended {
            self.next_report()?;
            if self.ticks.count() != seen {
                seen = self.ticks.count();
                if finished() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits for the next report and has the tracer handle it; whose it was, or
    /// none at a tick.
    #[inline]
    fn next_report(&mut self) -> Result<Option<Tid>, AttachError> {
        match self.tracer.waiting.next() {
            Ok((tid, status)) => {
                self.tracer.on_report(tid, classify(status))?;
                self.ended = self.tracer.end.is_some();
                return Ok(Some(tid));
            }
            Err(Errno::EINTR) => {}
            // Where the leader was dead already, its end is not reported.
            Err(Errno::ECHILD) => self.ended = true,
            Err(errno) => return Err(Error::Wait(errno).into()),
        }
        Ok(None)
    }

    /// Detaches every tracee at its next stop; how many made none in time.
    fn detach(&mut self) -> Result<usize, AttachError> {
        let mut left: HashSet<Tid> = self.tracer.tracees.living().collect();
        // Gone, or no longer a tracee: then there is nothing to detach.
        left.retain(|&tid| ptrace::interrupt(tid).is_ok());
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.ticks.count();
        loop {
            match wait::any() {
                Ok((tid, status)) => {
                    left.remove(&tid);
                    if let Report::Stopped(stop) = classify(status) {
                        left.extend(leave(tid, stop)?);
                    } else {
                        self.tracer.on_report(tid, classify(status))?;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(0),
                Err(errno) => return Err(Error::Wait(errno).into()),
            }
            if self.ticks.count() != seen {
                seen = self.ticks.count();
                // A dead leader is reported when its last thread has ended.
                left.retain(|&tid| !is_gone(tid));
                if left.is_empty() || Instant::now() > deadline {
                    return Ok(left.len());
                }
            }
        }
    }
}

/// Detaches a stopped tracee; the child it is just making, which is a tracee too.
fn leave(tid: Tid, stop: Stop) -> Result<Option<Tid>, AttachError> {
    let stopped = Stopped::new(tid);
    let child = if stop.is_new_task() {
        event_task(tid, &stopped)?
    } else {
        None
    };
    let signal = match stop {
        Stop::Signal(signal) => signal,
        _ => 0,
    };
    stopped.detach(signal).map_err(|errno| Error::Request {
        tid,
        operation: "PTRACE_DETACH",
        errno,
    })?;
    Ok(child)
}

/// Whether a thread has ended.
fn is_gone(tid: Tid) -> bool {
    read_to_string(format!("/proc/{tid}/status")).map_or(true, |status| is_dead(&status))
}

/// Whether a thread is a tracee of this process.
fn is_own(tid: Tid) -> bool {
    let status = read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    field(&status, "TracerPid").and_then(|tracer| tracer.parse().ok()) == Some(process::own().0)
}
