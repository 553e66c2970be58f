//! What a process used by itself, apart from its children, once it has ended: read from the zombie
//! that it is until it is waited for. wait4(2) adds up both.

use crate::procfs::{self, Fields, Stat};
use crate::rusage::Usage;
use crate::{Tid, process};
use std::fs::read_to_string;
use std::io;

/// A tick of proc_pid_stat(5): `USER_HZ` of x86 is 100 (asm-generic/param.h).
const TICK_NS: u64 = 10_000_000;

/// The account of a process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// What it used.
    ///
    /// - `user_ns` + `sys_ns` is the CPU time of all its threads, exact to a nanosecond (the process's CPU
    ///   clock, clock_getcpuclockid(3)). How it divides is known in ticks of 10 ms (`stime` of
    ///   proc_pid_stat(5)); what is less than a tick of system time counts as user time, as in
    ///   `cputime_adjust` (kernel/sched/cputime.c).
    /// - Switches are counted one by one (proc_pid_status(5)), but those of its first thread alone.
    /// - `max_rss_kib` is 0: a zombie has no memory, and rusage has the largest of it and its children.
    pub usage: Usage,
    /// CPU time of its other threads, whose switches are missing, ns: that of the process less that of the first
    /// thread (/proc/PID/schedstat). `None` where the kernel keeps no such file (without CONFIG_SCHED_INFO).
    pub other_threads_ns: Option<u64>,
}

/// Reads the account of a child that has ended and has not been waited for.
///
/// # Errors
/// That of reading /proc/PID, or `InvalidData` where a file there has another form.
pub fn of_zombie(child: Tid) -> io::Result<Account> {
    let invalid = |file: &str| {
        let what = format!("/proc/{child}/{file} has an unknown form");
        io::Error::new(io::ErrorKind::InvalidData, what)
    };
    let total = process::cpu_time(child)?;
    let total = u64::try_from(total.as_nanos()).unwrap_or(u64::MAX);
    let system = system_ns(&procfs::stat(child)?).ok_or_else(|| invalid("stat"))?;
    let (voluntary, involuntary) =
        switches(&procfs::status(child)?).ok_or_else(|| invalid("status"))?;
    let first = read_to_string(format!("/proc/{child}/schedstat")).ok();
    let first = first.and_then(|schedstat| first_thread_ns(&schedstat));
    let sys_ns = system.min(total);
    Ok(Account {
        usage: Usage {
            user_ns: total - sys_ns,
            sys_ns,
            voluntary,
            involuntary,
            max_rss_kib: 0,
        },
        other_threads_ns: first.map(|first| total.saturating_sub(first)),
    })
}

/// `stime` of proc_pid_stat(5), field 15, ns.
fn system_ns(stat: &Stat) -> Option<u64> {
    stat.number::<u64>(15)?.checked_mul(TICK_NS)
}

/// Voluntary and involuntary context switches of proc_pid_status(5).
fn switches(status: &Fields) -> Option<(u64, u64)> {
    Some((
        status.number("voluntary_ctxt_switches")?,
        status.number("nonvoluntary_ctxt_switches")?,
    ))
}

/// The first field of /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst): time on a CPU, ns. All are
/// 0 where the kernel does not count.
fn first_thread_ns(schedstat: &str) -> Option<u64> {
    let ns: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    (ns > 0).then_some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;
    use std::process::Command;

    /// Synthetic: a name with blanks and parentheses, and a number of its own in each field that counts.
    const STAT: &str = "2417 (a) b (c) Z 2409 2417 2409 0 -1 4227084 1048 59183 0 0 4 9 11 14 20 0 1 0 52233 0 0 \
                        18446744073709551615 0 0 0 0 0 0 0 0 65536 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn fields_are_those_of_the_manual_pages() {
        assert_eq!(system_ns(&STAT.into()), Some(9 * TICK_NS));
        assert_eq!(system_ns(&"7 (a) Z 1 2".into()), None);
        let status = "Name:\ta\nState:\tZ (zombie)\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches(&status.into()), Some((12, 3)));
        assert_eq!(switches(&"voluntary_ctxt_switches:\t12\n".into()), None);
        assert_eq!(first_thread_ns("17023001 56012 31\n"), Some(17_023_001));
        assert_eq!(first_thread_ns("0 0 0\n"), None);
        assert_eq!(first_thread_ns(""), None);
    }

    /// A shell that computes, and waits for a child that computes much longer.
    #[test]
    fn the_account_of_a_zombie_leaves_its_children_out() {
        let turns = |turns: u32| format!("i=0; while [ $i -lt {turns} ]; do i=$((i+1)); done");
        let script = format!("({}); {}", turns(400_000), turns(40_000));
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .spawn()
            .expect("sh(1)");
        let tid = Tid(i32::try_from(child.id()).expect("a process id"));
        let pidfd = process::descriptor(tid).expect("pidfd_open(2)");
        let [ended] = crate::files::wait_readable_within([std::os::fd::AsFd::as_fd(&pidfd)], None)
            .expect("poll(2)");
        assert!(ended);
        let account = of_zombie(tid).expect("it is a zombie");
        let stat = procfs::stat(tid).expect("it is a zombie");
        let of_children = [16, 17].map(|field| stat.number::<u64>(field).expect("a number"));
        let children_ticks: u64 = of_children.iter().sum();
        let own = account.usage.user_ns + account.usage.sys_ns;
        assert!(own > 0);
        assert!(own < children_ticks * TICK_NS, "{account:?} {stat:?}");
        // It slept until its child had ended.
        assert!(account.usage.voluntary >= 1, "{account:?}");
        assert!(
            matches!(account.other_threads_ns, None | Some(0)),
            "{account:?}"
        );
        child.wait().expect("its status");
        assert!(of_zombie(tid).is_err());
        assert!(!wait::is_ours(tid));
    }
}
