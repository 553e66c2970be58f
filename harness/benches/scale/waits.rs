//! The least tracing loop, with three ways of finding out who has stopped.
//!
//! wait4(2) of any child walks the list of tracees up to the first that has
//! something to report, and the whole list before it sleeps (kernel/exit.c,
//! `ptrace_do_wait`); that of one child finds it by its id (`do_wait_pid`, Linux
//! 5.13). Two ways try to know which one to ask.

use harness_sys::launcher::{Launch, Start};
use harness_sys::ptrace::{self, Options};
use harness_sys::signals::ChildSignals;
use harness_sys::{Errno, Tid, wait};
use harness_tracer::stop::{Report, Stop, classify};
use std::collections::VecDeque;
use std::hint::black_box;

/// A way of waiting; `None` once there is nobody left.
type Way = fn(&mut Known) -> Option<(Tid, i32)>;

/// In the order of their names in [`crate::tracer::LOOPS`].
pub(crate) const WAYS: [Way; 3] = [any, likely, signalled];

/// What a way of waiting knows.
pub(crate) struct Known {
    /// Who is to be asked next, in turn.
    tracees: VecDeque<Tid>,
    /// Whether the last one asked had something to report.
    lucky: bool,
    turn: u32,
    signals: Option<ChildSignals>,
    /// Whether some may have something to report of which no signal tells.
    coalesced: bool,
}

fn settled<T>(result: Result<T, Errno>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Errno::ECHILD) => None,
        Err(errno) => panic!("wait4(2): {errno}"),
    }
}

fn any(_: &mut Known) -> Option<(Tid, i32)> {
    settled(wait::any())
}

/// Asks one after the other by its id, in the order in which they came, for as
/// long as each has stopped; now and then where the last had not. Where all make
/// calls they stop in turn.
fn likely(known: &mut Known) -> Option<(Tid, i32)> {
    /// So seldom that wrong guesses cost next to nothing.
    const SELDOM: u32 = 16;
    known.turn = known.turn.wrapping_add(1);
    if known.tracees.len() > 1 && (known.lucky || known.turn.is_multiple_of(SELDOM)) {
        let tid = known.tracees.pop_front()?;
        known.tracees.push_back(tid);
        let status = wait::poll_one(tid).unwrap_or(None);
        known.lucky = status.is_some();
        if let Some(status) = status {
            return Some((tid, status));
        }
    }
    settled(wait::any())
}

/// Asks the one that SIGCHLD tells of. A signal that comes while one is pending
/// is lost, so that all are asked after each.
fn signalled(known: &mut Known) -> Option<(Tid, i32)> {
    loop {
        if known.coalesced {
            if let Some(found) = settled(wait::poll())? {
                return Some(found);
            }
            known.coalesced = false;
        }
        let signals = known.signals.as_ref().expect("blocked signals");
        let tid = match signals.wait() {
            Ok(tid) => tid,
            Err(errno) => panic!("sigwaitinfo(2): {errno}"),
        };
        known.coalesced = true;
        if let Ok(Some(status)) = wait::poll_one(tid) {
            return Some((tid, status));
        }
    }
}

/// Runs a program to the end of its tree, every call stopped; how many stops
/// there were.
pub(crate) fn trace(launch: &Launch<'_>, way: Way) -> u64 {
    let signals = std::ptr::fn_addr_eq(way, signalled as Way)
        .then(|| ChildSignals::block().expect("sigprocmask(2)"));
    let mut known = Known {
        tracees: VecDeque::new(),
        lucky: false,
        turn: 0,
        signals,
        coalesced: true,
    };
    let mut child = launch.spawn(Start::TRACED).expect("fork(2)");
    ptrace::seize(child.tid(), Options::WHOLE_TREE).expect("PTRACE_SEIZE");
    child.release();
    let mut stops = 0;
    while let Some((tid, status)) = way(&mut known) {
        let Report::Stopped(stop) = classify(status) else {
            known.tracees.retain(|&other| other != tid);
            continue;
        };
        stops += 1;
        let mut signal = 0;
        match stop {
            Stop::Syscall => {
                black_box(ptrace::syscall_info(tid).expect("PTRACE_GET_SYSCALL_INFO"));
            }
            // The mark of the launcher; children that end.
            Stop::Signal(SIGCHLD) => signal = SIGCHLD,
            Stop::Trap if !known.tracees.contains(&tid) => known.tracees.push_back(tid),
            _ => {}
        }
        ptrace::syscall(tid, signal).expect("PTRACE_SYSCALL");
    }
    stops
}

/// signal(7), x86.
const SIGCHLD: i32 = 17;
