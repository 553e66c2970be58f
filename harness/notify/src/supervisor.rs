//! Supervises a tree of processes and threads to its end.

use crate::error::{Error, RECEIVE, SEND, SET_FLAGS};
use crate::log::{Log, Nobody, Told};
use crate::probe::Facts;
use harness_sys::files::Ready;
use harness_sys::launcher::{LaunchReport, Launched};
use harness_sys::user_notification::{Notification, Notifications};
use harness_sys::{Errno, process};
use harness_syscalls::Abi;
use harness_tracer::End;
use harness_tracer::counts::CallCounts;
use harness_tracer::tree::{Beside, await_end};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How a tree is to be supervised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (Linux 6.6): the supervisor and the thread that waits for it
    /// are woken on the CPU that the other leaves.
    pub sync: bool,
}

/// What one tree of processes did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How its first process ended.
    pub end: End,
    /// From the moment in which it is let go on into execve(2) to the end of its last process.
    pub wall: Duration,
    /// What the supervisor counted.
    pub counts: Counts,
    /// What its first process had to do to start.
    pub launch: LaunchReport,
    /// What the kernel did of what it was asked for.
    pub facts: Facts,
}

/// What a supervisor counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Notifications received: traced events and those withdrawn.
    pub notifications: u64,
    /// Of these, whose call did not wait any longer when it was answered (`ENOENT`), as a signal had
    /// ended the wait. A call that is then begun again is another notification.
    pub withdrawn: u64,
    /// Calls of the trace set entered: whose answer was taken.
    pub traced_events: u64,
    /// The same by ABI and number.
    pub calls: CallCounts,
}

/// Supervises a child that was started with a listener and not released, and all its descendants,
/// until none is left. Tells `log` of every call, if there is one.
///
/// The calling process must have a single thread and no other child, and be a subreaper; SIGCHLD stays
/// blocked in it.
///
/// # Errors
/// [`Error`]; every child and descendant of this process was killed then.
///
/// # Panics
/// The child was started without a listener.
pub fn supervise(
    child: Launched,
    options: Options,
    log: Option<&mut dyn Log>,
) -> Result<Outcome, Error> {
    match log {
        None => told(child, options, Nobody),
        Some(log) => told(child, options, log),
    }
}

fn told(child: Launched, options: Options, log: impl Told) -> Result<Outcome, Error> {
    let mut notifications = None;
    let outcome = to_its_end(child, options, log, &mut notifications);
    if outcome.is_err() {
        // While there is a listener: without one calls fail, and the programs would go on.
        process::kill_descendants();
    }
    outcome
}

fn to_its_end(
    mut child: Launched,
    options: Options,
    mut log: impl Told,
    notifications: &mut Option<Notifications>,
) -> Result<Outcome, Error> {
    let root = child.tid();
    let (taken, facts) = take(&mut child, options.sync)?;
    *notifications = Some(taken);
    let started = Instant::now();
    log.started(started)?;
    let mut supervisor = Supervisor {
        notifications,
        counts: Counts::default(),
        log,
    };
    child.go_on();
    let end = await_end(root, &mut supervisor)?;
    let wall = started.elapsed();
    Ok(Outcome {
        end,
        wall,
        counts: supervisor.counts,
        launch: child.report()?,
        facts,
    })
}

/// Releases a child and takes its listener.
pub(crate) fn take(child: &mut Launched, sync: bool) -> Result<(Notifications, Facts), Error> {
    child.await_ready();
    child.release();
    let notifications = child.take_listener()?;
    if sync {
        let set = notifications.wake_synchronously();
        set.map_err(failed(SET_FLAGS))?;
    }
    let wait_killable = notifications.wait_killable();
    Ok((
        notifications,
        Facts {
            wait_killable,
            sync,
        },
    ))
}

/// What stands beside waiting for the end of the tree.
struct Supervisor<'a, L> {
    /// Until no thread uses the filter any longer.
    notifications: &'a mut Option<Notifications>,
    counts: Counts,
    log: L,
}

impl<L: Told> Beside for Supervisor<'_, L> {
    type Error = Error;

    #[inline]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.notifications.as_ref().map(AsFd::as_fd)
    }

    #[inline]
    fn serve(&mut self, ready: Ready) -> Result<(), Error> {
        let Some(notifications) = self.notifications else {
            return Ok(());
        };
        if !ready.readable {
            // What is still to end waits for nobody.
            *self.notifications = None;
            return Ok(());
        }
        let Some(call) = answer(notifications, &mut self.counts)? else {
            return Ok(());
        };
        if let Some((abi, number)) = Abi::of(call.arch, call.number) {
            self.counts.calls.of(abi, number).calls += 1;
            self.log.accepted(call.tid, abi, number)?;
        }
        Ok(())
    }
}

/// Receives the next call, lets it go on and counts it; `None` where it did not wait any longer.
#[inline]
pub(crate) fn answer(
    notifications: &mut Notifications,
    counts: &mut Counts,
) -> Result<Option<Notification>, Error> {
    let call = match notifications.receive() {
        Ok(call) => call,
        // Gone since poll(2) told of it, or still there for the next poll(2) to tell of.
        Err(Errno::ENOENT | Errno::EINTR) => return Ok(None),
        Err(errno) => return Err(failed(RECEIVE)(errno)),
    };
    counts.notifications += 1;
    loop {
        match notifications.let_go_on(call.id) {
            Ok(()) => {
                counts.traced_events += 1;
                return Ok(Some(call));
            }
            Err(Errno::ENOENT) => {
                counts.withdrawn += 1;
                return Ok(None);
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed(SEND)(errno)),
        }
    }
}

fn failed(request: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Request { request, errno }
}
