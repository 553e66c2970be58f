//! Traces a process that is running already, for a while, and leaves it as it was.
//!
//! Threads are seized, so that none gets a signal of the tracer's making, and
//! interrupted: a call that was begun before is not traced, and a clone(2) among
//! them makes a thread that nobody traces. So the list of threads is read again
//! once every one that is known has stopped once, until it holds no new one.
//! A thread that executes meanwhile ends all others and takes the id of the
//! first, so that tracees vanish and the one of that id may be none: whether it is
//! one is asked, not remembered.
//!
//! The same is done with the process's descendants, all in one list: those that
//! come while it is read are found by the next reading, or are born traced. One that
//! cannot be traced, as it has another tracer, is left alone and reported.
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

use crate::calls::Events;
use crate::counts::Counts;
use crate::event_loop::{Error, Tracer, event_task};
use crate::machine::{Policy, is_exec};
use crate::observer::Nobody;
use crate::obstacle::Obstacle;
use crate::running::{FindError, Process, Tree, is_gone};
use crate::stop::{Report, Stop, classify};
use crate::stopped::Stopped;
use harness_sys::procfs::{self, threads};
use harness_sys::ptrace::{self, Options};
use harness_sys::signals::Ticks;
use harness_sys::{Errno, Tid, process, wait};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the tracer looks at something else than its tracees.
const TICK: Duration = Duration::from_millis(10);

/// How long threads that do not stop are waited for: they are in an
/// uninterruptible call, as on a file server that does not answer, or wait for
/// their child in vfork(2).
const PATIENCE: Duration = Duration::from_secs(2);

/// How long seizing may take before what is reported meanwhile is taken.
const REAPING: Duration = Duration::from_millis(5);

/// How often the first thread of a process that executes again and again is tried.
const ATTEMPTS: u32 = 20;

/// What was seen of a process while it was traced.
#[derive(Debug)]
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
    /// Processes that were attached to, the first one included.
    pub processes: usize,
    /// Why descendants could not be attached to, one each.
    pub left_alone: Vec<AttachError>,
}

/// Attaches to all threads of a process and of its descendants, calls `attached`,
/// traces them and the children they make until `finished` says so, and detaches from all.
///
/// The calling process must have one thread, which gets the ticks, and no children,
/// and must end afterwards: see [`Window::unstopped`]. `finished` is asked a hundred times a second.
///
/// # Errors
/// [`AttachError`]; what was attached to is detached all the same.
pub fn watch(
    tree: Tree,
    events: Events<'_>,
    attached: impl FnOnce(),
    finished: impl Fn() -> bool,
) -> Result<Window, AttachError> {
    let ticks = Ticks::start(TICK).map_err(AttachError::Ticks)?;
    let process = tree.root;
    if let Some(why) = in_the_way_of(tree) {
        let process = process.id;
        return Err(FindError::NotNow { process, why }.into());
    }
    let mut tracer = Tracer::new(Policy::EveryCall, events, process.id, Nobody)?;
    tracer.attached = true;
    let mut watcher = Watcher {
        tree,
        process,
        tracer,
        ticks,
        known: HashMap::new(),
        pending: HashSet::new(),
        left_alone: HashMap::new(),
        ended: false,
    };
    let seen = watcher.watch(attached, finished);
    let started = Instant::now();
    let left = watcher.detach()?;
    let mut window = seen?;
    window.detaching = started.elapsed();
    window.ended = watcher.ended;
    window.unstopped += left;
    window.left_alone = watcher.left_alone.into_values().collect();
    Ok(window)
}

struct Watcher<'s> {
    tree: Tree,
    /// The first of it.
    process: Process,
    tracer: Tracer<'s, Nobody>,
    ticks: Ticks,
    /// Tracees that have stopped since they are tracees, or are waited for, and their processes.
    known: HashMap<Tid, Tid>,
    /// Those among them that were interrupted and have not stopped yet.
    pending: HashSet<Tid>,
    /// Descendants that cannot be traced, and why.
    left_alone: HashMap<Tid, AttachError>,
    ended: bool,
}

/// What one reading of the list of threads came to.
#[derive(Default)]
struct Pass {
    /// Threads that were interrupted.
    new: usize,
    /// Threads of the first process that are tracees, those included.
    traced: usize,
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
        let processes: HashSet<&Tid> = self.known.values().collect();
        let processes = processes.len();
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
            processes,
            left_alone: Vec::new(),
        })
    }

    /// Seizes every thread, and has each stop once; how many did not in time. Two
    /// readings of the list without news make sure that there is no other: one ends
    /// early where a thread ends while it is read (`next_tid` in fs/proc/base.c).
    fn attach(&mut self, finished: impl Fn() -> bool) -> Result<usize, AttachError> {
        let mut seen = self.ticks.count();
        let mut deadline = Instant::now() + PATIENCE;
        let mut quiet = 0;
        loop {
            if self.pending.is_empty() {
                let pass = self.seize_new()?;
                // Its id may be another's now, which is detached at once.
                if !self.process.is_there() {
                    return Err(FindError::NoProcess(self.process.id).into());
                }
                quiet = if pass.new == 0 && pass.traced > 0 {
                    quiet + 1
                } else {
                    0
                };
                if quiet == 2 {
                    return Ok(0);
                }
                if pass.new > 0 {
                    deadline = Instant::now() + PATIENCE;
                }
                if pass.traced == 0 && Instant::now() > deadline {
                    return Err(AttachError::Lost(self.process.id));
                }
            } else if let Some((tid, report)) = self.next_report()? {
                self.note(tid, report);
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

    /// Keeps who has stopped.
    fn note(&mut self, tid: Tid, report: Report) {
        self.pending.remove(&tid);
        let Report::Stopped(stop) = report else {
            self.known.remove(&tid);
            return;
        };
        if is_exec(stop) {
            // Its other threads are gone, and it may have been one of them.
            let known = &self.known;
            self.pending
                .retain(|thread| known.get(thread) != Some(&tid));
            self.known.retain(|_, process| *process != tid);
        }
        let process = || process::of_thread(tid).unwrap_or(tid);
        self.known.entry(tid).or_insert_with(process);
    }

    /// Seizes and interrupts the threads that are no tracees yet.
    fn seize_new(&mut self) -> Result<Pass, AttachError> {
        let (pass, reports) = while_reaping(|| self.seize_listed());
        for (tid, status) in reports {
            let report = classify(status);
            self.handle(tid, report)?;
            self.note(tid, report);
        }
        pass
    }

    fn seize_listed(&mut self) -> Result<Pass, AttachError> {
        let mut pass = Pass::default();
        for process in self.tree.processes() {
            if self.left_alone.contains_key(&process) {
                continue;
            }
            match self.seize_process(process, &mut pass) {
                Err(why) if process != self.process.id => {
                    self.left_alone.insert(process, why);
                }
                seized => seized?,
            }
        }
        Ok(pass)
    }

    fn seize_process(&mut self, process: Tid, pass: &mut Pass) -> Result<(), AttachError> {
        let is_first = process == self.process.id;
        for tid in threads(process) {
            // A thread that executes takes the id of the first one, whose end is
            // then not reported.
            if self.known.contains_key(&tid) && is_own(tid) {
                pass.traced += usize::from(is_first);
                continue;
            }
            if !is_first && let Some(why) = in_the_way(tid) {
                return Err(FindError::NotNow { process, why }.into());
            }
            match seize(process, tid) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(errno) => return Err(AttachError::refused(process, tid, errno)),
            }
            pass.traced += usize::from(is_first);
            pass.new += 1;
            // Known from now on, so that it is detached whatever happens.
            self.tracer.adopt(tid);
            if ptrace::interrupt(tid).is_ok() {
                self.known.insert(tid, process);
                self.pending.insert(tid);
            } else {
                // It has ended, or executed: then that id is the first one's.
                self.known.remove(&process);
            }
        }
        Ok(())
    }

    fn trace(&mut self, finished: impl Fn() -> bool) -> Result<(), AttachError> {
        let mut seen = self.ticks.count();
        while !self.ended {
            if self.next_report()?.is_none() && self.known.is_empty() && !self.ended {
                return Err(AttachError::Lost(self.process.id));
            }
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
    fn next_report(&mut self) -> Result<Option<(Tid, Report)>, AttachError> {
        match self.tracer.waiting.next() {
            Ok((tid, status)) => {
                let report = classify(status);
                self.handle(tid, report)?;
                return Ok(Some((tid, report)));
            }
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => self.on_no_tracee(),
            Err(errno) => return Err(Error::Wait(errno).into()),
        }
        Ok(None)
    }

    #[inline]
    fn handle(&mut self, tid: Tid, report: Report) -> Result<(), AttachError> {
        self.tracer.on_report(tid, report)?;
        self.ended = self.tracer.end.is_some();
        Ok(())
    }

    /// Where the first thread was dead already, the end of the process is not
    /// reported. Nor is that of the first thread where one that is not traced
    /// executes and takes its place.
    fn on_no_tracee(&mut self) {
        self.known.clear();
        self.pending.clear();
        self.ended = !self.process.is_there();
    }

    /// Detaches every tracee at its next stop; how many made none in time.
    fn detach(&mut self) -> Result<usize, AttachError> {
        let mut left: HashSet<Tid> = self.tracer.tracees.living().collect();
        // Gone, or no longer a tracee: then there is nothing to detach.
        left.retain(|&tid| ptrace::interrupt(tid).is_ok());
        let mut detached = HashSet::new();
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.ticks.count();
        loop {
            match wait::any() {
                Ok((tid, status)) => {
                    left.remove(&tid);
                    if let Report::Stopped(stop) = classify(status) {
                        // A child may stop before its parent tells of it.
                        let child = leave(tid, stop)?;
                        detached.insert(tid);
                        left.extend(child.filter(|child| !detached.contains(child)));
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

/// Makes a thread of a process a tracee, if it is none; whether it is one now.
fn seize(process: Tid, tid: Tid) -> Result<bool, Errno> {
    let mut attempts = ATTEMPTS;
    loop {
        match ptrace::seize(tid, Options::ATTACHED) {
            Ok(()) => return Ok(true),
            Err(Errno::ESRCH) => return Ok(false),
            // Born of a thread that is traced.
            Err(Errno::EPERM) if is_own(tid) => return Ok(true),
            Err(Errno::EPERM) if is_gone(tid) => return Ok(false),
            // The kernel found the first thread dead, and one that executes
            // has taken its id since.
            Err(Errno::EPERM) if tid == process && attempts > 0 => attempts -= 1,
            Err(errno) => return Err(errno),
        }
    }
}

/// Seizes while another thread takes what is reported, if that takes long: a
/// thread that executes waits until the tracees among the others have been waited
/// for, and seizing one of its process waits for it (`cred_guard_mutex`; ptrace(2)
/// says so of `PTRACE_ATTACH`). What was reported is to be handled afterwards.
fn while_reaping<T>(seize: impl FnOnce() -> T) -> (T, Vec<(Tid, i32)>) {
    let over = AtomicBool::new(false);
    let reap = || {
        let mut reports = Vec::new();
        loop {
            thread::park_timeout(REAPING);
            if over.load(Ordering::Acquire) {
                return reports;
            }
            while let Ok(Some(report)) = wait::poll() {
                reports.push(report);
            }
        }
    };
    thread::scope(|scope| {
        // Without it the process that started this one ends it after a while.
        let reaper = thread::Builder::new().spawn_scoped(scope, reap).ok();
        let seized = seize();
        over.store(true, Ordering::Release);
        let reports = reaper.map(|reaper| {
            reaper.thread().unpark();
            reaper.join().unwrap_or_default()
        });
        (seized, reports.unwrap_or_default())
    })
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

/// Why the first process is not to be traced, as far as the status of a thread that is alive and that of
/// the harness tell: who traces the harness would wait for this tracer.
fn in_the_way_of(tree: Tree) -> Option<Obstacle> {
    let process = tree.root.id;
    let harness = procfs::status(tree.without).unwrap_or_default();
    let mut statuses = threads(process)
        .into_iter()
        .filter_map(|tid| procfs::status(tid).ok());
    statuses
        .find_map(|status| match Obstacle::find(process, &status, &harness) {
            Some(why) if why.is_no_program() => None,
            found => Some(found),
        })
        .flatten()
}

/// Why a thread of a descendant is not to be seized: it has a tracer, or is this process's own.
fn in_the_way(tid: Tid) -> Option<Obstacle> {
    let status = procfs::status(tid).ok()?;
    let own = procfs::own_thread_status().unwrap_or_default();
    let obstacle = Obstacle::find(tid, &status, &own)?;
    // One that is ending is gone by itself, and one that is born traced is traced.
    let stays = match obstacle {
        Obstacle::Zombie | Obstacle::Kernel => false,
        Obstacle::Traced(tracer) => tracer != process::own().0,
        Obstacle::Own | Obstacle::OwnTracer => true,
    };
    stays.then_some(obstacle)
}

/// Whether a thread is a tracee of this process.
fn is_own(tid: Tid) -> bool {
    procfs::status(tid).is_ok_and(|status| status.tracer() == Some(process::own()))
}
