//! getrusage(2): times and context switches of this process or its children.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Resources used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User time, ns.
    pub user_ns: u64,
    /// System time, ns.
    pub sys_ns: u64,
    /// Voluntary context switches.
    pub voluntary: u64,
    /// Involuntary context switches.
    pub involuntary: u64,
    /// Largest resident set, KiB; over children: of the largest one. A child keeps the
    /// largest it had before execve(2), pages of its parent's, so it is never less than that.
    pub max_rss_kib: u64,
}

/// This process.
#[must_use]
pub fn own() -> Usage {
    read(UsageWho::RUSAGE_SELF)
}

/// All children that were waited for, and theirs.
#[must_use]
pub fn children() -> Usage {
    read(UsageWho::RUSAGE_CHILDREN)
}

/// The CPU time of this thread (`CLOCK_THREAD_CPUTIME_ID`).
#[must_use]
pub fn thread_time() -> std::time::Duration {
    // It fails only on a bad clock or a bad pointer.
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(std::time::Duration::ZERO, Into::into)
}

fn read(who: UsageWho) -> Usage {
    // getrusage(2) fails only on a bad `who` or a bad pointer.
    let usage = getrusage(who).expect("getrusage(2) of a valid `who`");
    let ns =
        |time: nix::sys::time::TimeVal| u64::try_from(time.num_microseconds()).unwrap_or(0) * 1000;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Usage {
        user_ns: ns(usage.user_time()),
        sys_ns: ns(usage.system_time()),
        voluntary: count(usage.voluntary_context_switches()),
        involuntary: count(usage.involuntary_context_switches()),
        max_rss_kib: count(usage.max_rss()),
    }
}
