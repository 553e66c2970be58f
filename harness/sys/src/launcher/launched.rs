//! A child as its parent sees it, from fork(2) until it has become its program.

use super::handover::Handover;
use super::{LaunchError, Step};
use crate::seccomp::InstalledListener;
use crate::user_notification::Notifications;
use crate::{Errno, Tid, files, process, wait};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// A child that has not been waited for.
#[derive(Debug)]
pub struct Launched {
    tid: Tid,
    go: File,
    messages: File,
    pub(super) program: PathBuf,
    said: LaunchReport,
    failed: Option<(Step, Errno)>,
    handover: Option<Handover>,
}

/// What a child that became its program had to do on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaunchReport {
    /// It had to set `no_new_privs` for its filter.
    pub no_new_privs: bool,
    /// Its largest resident set before it executed its program, KiB: pages it has of its parent
    /// by fork(2), which its `ru_maxrss` keeps for ever (`setmax_mm_hiwater_rss` in `exec_mmap`, fs/exec.c).
    pub inherited_rss_kib: u64,
}

/// How long the supervisor sleeps while there is no listener. The child needs the CPU where both share
/// one, and spins from then on until it is seen.
const BETWEEN_LOOKS: Duration = Duration::from_micros(50);

/// What releases a child.
pub(super) const GO: u8 = 1;
// What else than a failed step a message can say.
pub(super) const NO_NEW_PRIVS_SET: u8 = 0x80;
pub(super) const READY: u8 = 0x81;
pub(super) const INHERITED_RSS: u8 = 0x82;

/// What a child says: its kind, which is a failed step or one of the above, and its value.
pub(super) fn message(kind: u8, value: i32) -> [u8; 5] {
    let mut message = [kind, 0, 0, 0, 0];
    message[1..].copy_from_slice(&value.to_ne_bytes());
    message
}

impl Launched {
    /// A child, what releases it and what it says.
    pub(super) fn new(tid: Tid, go: File, messages: File, handover: Option<Handover>) -> Self {
        Self {
            tid,
            go,
            messages,
            program: PathBuf::new(),
            said: LaunchReport::default(),
            failed: None,
            handover,
        }
    }

    /// The child.
    #[must_use]
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// Kills a child that is not to become its program, and reaps it.
    pub fn cancel(self) {
        if wait::is_ours(self.tid) {
            let _ = process::kill(self.tid);
            while wait::one(self.tid) == Err(Errno::EINTR) {}
        }
    }

    /// Waits until a child that nobody traces has done all that comes before its
    /// release, or has failed to, which [`Launched::report`] tells.
    pub fn await_ready(&mut self) {
        while !matches!(self.next_message(), None | Some(READY)) {}
    }

    /// Lets the child go on.
    pub fn release(&mut self) {
        // Fails only when the child is dead, which its wait status tells.
        let _ = self.go.write_all(&[GO]);
    }

    /// Takes the listener of a child that was released, which then waits for
    /// [`go_on`](Self::go_on) as the last thing before execve(2).
    ///
    /// # Errors
    /// [`LaunchError::Child`] where it has failed to install its filter, [`LaunchError::Listener`]
    /// where there is one that cannot be had. [`cancel`](Self::cancel) the child then.
    ///
    /// # Panics
    /// It was not to have a listener ([`Listener::Taken`](super::Listener::Taken)).
    pub fn take_listener(&mut self) -> Result<Notifications, LaunchError> {
        let failed = |operation| move |errno| LaunchError::Listener { operation, errno };
        let listener = self.await_held()?.expect("a start with a listener");
        let child = process::descriptor(self.tid).map_err(failed("pidfd_open(2)"))?;
        let taken = process::take_descriptor(child.as_fd(), listener.number);
        let taken = taken.map_err(failed("pidfd_getfd(2)"))?;
        Notifications::new(taken, listener.wait_killable)
            .map_err(failed("seccomp(SECCOMP_GET_NOTIF_SIZES)"))
    }

    /// Waits until a child that was released waits for [`go_on`](Self::go_on) as the last thing before
    /// execve(2).
    ///
    /// # Errors
    /// [`LaunchError`] where it never comes there. [`cancel`](Self::cancel) it then.
    ///
    /// # Panics
    /// It is not to wait there ([`Start::held`](super::Start::held)).
    pub fn hold(&mut self) -> Result<(), LaunchError> {
        self.await_held().map(drop)
    }

    fn await_held(&mut self) -> Result<Option<InstalledListener>, LaunchError> {
        loop {
            let handover = self.handover.as_ref().expect("a start that is held");
            if handover.waits() {
                return Ok(handover.listener());
            }
            let ready = files::wait_ready([self.messages.as_fd()], Some(Duration::ZERO));
            let [said] = ready.map_err(|errno| LaunchError::Parent {
                operation: "poll(2)",
                errno,
            })?;
            if !said.any() {
                sleep(BETWEEN_LOOKS);
                continue;
            }
            let killed = self.next_message().is_none();
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if killed {
                return Err(LaunchError::Listener {
                    operation: "the child was killed before it had become its program",
                    errno: Errno::ESRCH,
                });
            }
        }
    }

    /// Lets a child go on that is held.
    pub fn go_on(&self) {
        if let Some(handover) = &self.handover {
            handover.go_on();
        }
    }

    /// What the child reported, once it has ended or become its program.
    ///
    /// # Errors
    /// [`LaunchError::Child`].
    pub fn report(mut self) -> Result<LaunchReport, LaunchError> {
        while self.next_message().is_some() {}
        self.failure().map_or(Ok(self.said), Err)
    }

    /// What the child failed to do, as far as its messages were read.
    fn failure(&self) -> Option<LaunchError> {
        let (step, errno) = self.failed?;
        Some(LaunchError::Child {
            program: self.program.clone(),
            step,
            errno,
        })
    }

    /// Takes the child's next message into account, and returns its first byte;
    /// `None` once the child has ended or become its program.
    fn next_message(&mut self) -> Option<u8> {
        let mut message = [0; 5];
        self.messages.read_exact(&mut message).ok()?;
        let [kind, value @ ..] = message;
        let value = i32::from_ne_bytes(value);
        match kind {
            NO_NEW_PRIVS_SET => self.said.no_new_privs = true,
            INHERITED_RSS => self.said.inherited_rss_kib = u64::try_from(value).unwrap_or(0),
            _ => {
                let step = Step::ALL.iter().find(|&&known| known as u8 == kind);
                self.failed = step
                    .map(|&step| (step, Errno::from_raw(value)))
                    .or(self.failed);
            }
        }
        Some(kind)
    }
}
