//! Whether calls can be answered here, found out by answering one.

use crate::error::Error;
use crate::supervisor::{Counts, answer, take};
use harness_sys::launcher::{Launched, Start, spawn_probe};
use harness_sys::seccomp::{Insn, code};
use harness_sys::{Errno, files, process, wait};
use harness_tracer::tree::WaitError;
use std::os::fd::AsFd;

/// What the kernel does of what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// A call that was received waits on through signals that do not kill
    /// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19).
    pub wait_killable: bool,
    /// Supervisor and thread wake each other on the CPU that they leave
    /// (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, Linux 6.6).
    pub sync: bool,
}

/// Supervises a child that makes one call of a set; with `sync` as with
/// [`Options::sync`](crate::Options).
///
/// The calling process must have a single thread; it may have other children.
///
/// # Errors
/// [`Error`], where a tree cannot be supervised so here.
pub fn probe(sync: bool) -> Result<Facts, Error> {
    let mut child = spawn_probe(Start::UNTRACED.supervised(&notify_of_getppid()))?;
    match answer_to_its_end(&mut child, sync) {
        Ok((facts, counts)) => {
            while wait::one(child.tid()) == Err(Errno::EINTR) {}
            child.report()?;
            if counts.traced_events == 0 {
                return Err(Error::NoNotification);
            }
            Ok(facts)
        }
        Err(error) => {
            child.cancel();
            Err(error)
        }
    }
}

fn answer_to_its_end(child: &mut Launched, sync: bool) -> Result<(Facts, Counts), Error> {
    let failed = |operation| move |errno| WaitError { operation, errno };
    let (mut notifications, facts) = take(child, sync)?;
    let process = process::descriptor(child.tid()).map_err(failed("pidfd_open(2)"))?;
    let mut counts = Counts::default();
    child.go_on();
    loop {
        let ready = files::wait_ready([notifications.as_fd(), process.as_fd()], None);
        let [call, end] = ready.map_err(failed("poll(2)"))?;
        if call.readable {
            answer(&mut notifications, &mut counts)?;
        } else if end.any() {
            return Ok((facts, counts));
        } else {
            // It has hung up: the child is about to end.
            files::wait_ready([process.as_fd()], None).map_err(failed("poll(2)"))?;
        }
    }
}

/// A filter that notifies of getppid(2), of `uapi/linux/seccomp.h` and
/// `arch/x86/entry/syscalls/syscall_64.tbl`.
fn notify_of_getppid() -> [Insn; 4] {
    const GETPPID: u32 = 110;
    const ALLOW: u32 = 0x7fff_0000;
    const USER_NOTIF: u32 = 0x7fc0_0000;
    [
        Insn::statement(code::LD_ABS, 0), // nr
        Insn::jump(code::JEQ_K, GETPPID, 1, 0),
        Insn::statement(code::RET_K, ALLOW),
        Insn::statement(code::RET_K, USER_NOTIF),
    ]
}
