//! The process between the harness and that of a sample, for the day on which
//! one of them is killed.
//!
//! A tracer's death takes its tracees with it (`PTRACE_O_EXITKILL`); untraced
//! descendants of a command would go on as children of init. So the process of
//! a sample is the child of a guardian, which sleeps until its child or the
//! harness has ended, is a subreaper, and then kills whatever has come to it.

use harness_sys::launcher::LaunchError;
use harness_sys::signals::{self, Ended, Kin};
use harness_sys::{Errno, Tid, files, process, wait};
use harness_tracer::stop::{Report, classify};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Does `work` in a child of this process, and becomes its guardian. Ends as
/// the child does; where the harness ends before, the child does too.
///
/// The calling process must have a single thread.
///
/// # Errors
/// Where there can be no child.
pub(crate) fn guard(work: impl FnOnce() -> ExitCode) -> Result<ExitCode, LaunchError> {
    let harness = process::parent();
    let guardian = process::own();
    prepare().map_err(failed("setsid(2) or prctl(2)"))?;
    match process::fork().map_err(failed("fork(2)"))? {
        Some(child) => Ok(watch(harness, child)),
        None if process::die_with_parent().is_ok() && process::parent() == guardian => Ok(work()),
        None => Ok(ExitCode::FAILURE),
    }
}

fn failed(operation: &'static str) -> impl FnOnce(Errno) -> LaunchError {
    move |errno| LaunchError::Parent { operation, errno }
}

fn prepare() -> Result<(), Errno> {
    // No terminal: its Ctrl-C is for the harness alone, which then ends the run,
    // and a program that asks it something fails instead of waiting for ever. The
    // child leaves this session once it is pinned, for one that has no terminal either.
    process::new_session()?;
    signals::wait_for_children()?;
    process::become_subreaper()
}

fn watch(harness: Tid, child: Tid) -> ExitCode {
    let end = Kin::watch().and_then(|kin| {
        // Who dies before the first look at the parent has closed the answer's pipe.
        if process::parent() == harness && !files::reader_is_gone(std::io::stdout().as_fd())? {
            end_of(child, &kin)
        } else {
            Ok(None)
        }
    });
    process::kill_descendants();
    match end {
        Ok(Some(Report::Exited(code))) => {
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
        Ok(Some(Report::Killed(signal))) => process::die_of(signal),
        _ => {}
    }
    ExitCode::FAILURE
}

/// How `child` ended; `None` where the harness ended before.
fn end_of(child: Tid, kin: &Kin) -> Result<Option<Report>, Errno> {
    loop {
        match wait::poll() {
            Ok(Some((tid, status))) => match classify(status) {
                Report::Stopped(_) => {}
                end if tid == child => return Ok(Some(end)),
                _ => {}
            },
            Ok(None) => {
                if kin.wait()? == Ended::Parent {
                    return Ok(None);
                }
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
