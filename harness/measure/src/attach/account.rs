//! What a process has done so far, as proc(5) tells it: traced or not, in the same way.

use harness_sys::{Tid, process};
use harness_tracer::attach::{Process, threads};
use std::collections::HashMap;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// How often `/proc/PID/io` is tried, and how long is waited in between.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Cumulative counters of a process; differences belong to a window.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) at: Instant,
    cpu_ns: u64,
    read_write_calls: Option<u64>,
    /// Voluntary and involuntary context switches of each living thread: the
    /// kernel adds up those of ended ones only for the parent.
    switches: HashMap<Tid, (u64, u64)>,
}

/// What changed between two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) cpu_ns: u64,
    pub(super) read_write_calls: Option<u64>,
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
}

impl Account {
    /// `None` where the process has ended.
    pub(super) fn read(process: Process) -> Option<Self> {
        if !process.is_there() {
            return None;
        }
        // Of a process in the middle of execve(2), whose first thread has no memory
        // any more, an ordinary user may not read it.
        let io = (0..LOOKS).find_map(|look| {
            if look > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            read_to_string(format!("/proc/{}/io", process.id)).ok()
        });
        let at = Instant::now();
        let cpu = process::cpu_time(process.id).ok()?;
        let switches = threads(process.id).into_iter().filter_map(|tid| {
            let status = read_to_string(format!("/proc/{}/task/{tid}/status", process.id));
            Some((tid, switches(&status.ok()?)?))
        });
        Some(Self {
            at,
            cpu_ns: super::nanoseconds(cpu),
            read_write_calls: io.and_then(|text| read_write_calls(&text)),
            switches: switches.collect(),
        })
    }

    /// Threads that were alive.
    pub(super) fn threads(&self) -> usize {
        self.switches.len()
    }

    pub(super) fn since(&self, earlier: &Self) -> Change {
        let (mut voluntary, mut involuntary) = (0, 0);
        for (tid, now) in &self.switches {
            let before = earlier.switches.get(tid).copied();
            // A thread whose id another had before started from nothing.
            let same = before.filter(|before| before.0 <= now.0 && before.1 <= now.1);
            let before = same.unwrap_or_default();
            voluntary += now.0 - before.0;
            involuntary += now.1 - before.1;
        }
        let calls = self.read_write_calls.zip(earlier.read_write_calls);
        Change {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            read_write_calls: calls.map(|(now, before)| now.saturating_sub(before)),
            voluntary,
            involuntary,
        }
    }
}

/// `syscr` and `syscw` of proc_pid_io(5).
fn read_write_calls(text: &str) -> Option<u64> {
    Some(value(text, "syscr")? + value(text, "syscw")?)
}

/// Voluntary and involuntary context switches of proc_pid_status(5).
fn switches(status: &str) -> Option<(u64, u64)> {
    let voluntary = value(status, "voluntary_ctxt_switches")?;
    Some((voluntary, value(status, "nonvoluntary_ctxt_switches")?))
}

fn value(text: &str, name: &str) -> Option<u64> {
    process::field(text, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(calls: Option<u64>, threads: &[(i32, u64, u64)]) -> Account {
        let switches = threads
            .iter()
            .map(|&(tid, own, forced)| (Tid(tid), (own, forced)));
        Account {
            at: Instant::now(),
            cpu_ns: 10,
            read_write_calls: calls,
            switches: switches.collect(),
        }
    }

    #[test]
    fn lines_are_read_by_their_whole_name() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n";
        assert_eq!(switches(status), Some((7, 2)));
        assert_eq!(switches("Name:\tx\n"), None);
        assert_eq!(read_write_calls("rchar: 5\nsyscr: 3\nsyscw: 4\n"), Some(7));
    }

    /// One thread goes on, one ended, one is new, and one has the id of another.
    #[test]
    fn a_change_is_that_of_the_threads_at_the_end() {
        let before = account(Some(5), &[(1, 10, 1), (2, 50, 5), (4, 90, 9)]);
        let after = account(Some(9), &[(1, 13, 1), (3, 4, 2), (4, 6, 1)]);
        let change = after.since(&before);
        assert_eq!((change.voluntary, change.involuntary), (3 + 4 + 6, 2 + 1));
        assert_eq!(change.read_write_calls, Some(4));
        assert_eq!(account(None, &[]).since(&before).read_write_calls, None);
    }
}
