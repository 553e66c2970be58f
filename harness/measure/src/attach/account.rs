//! What a process and its descendants have done so far, as proc(5) tells it: traced or not, in the
//! same way.
//!
//! Processes come and go in a window. One that was born in it counts from nothing. One that ended
//! in it left its counters to the parent that waited for it (`cutime` and `cstime` of
//! proc_pid_stat(5), and proc_pid_io(5)), with all it had done before the window: that is
//! subtracted from the nearest ancestor that lives. The kernel adds them only in
//! `wait_task_zombie` (kernel/exit.c): not while the child is a zombie, and never where the parent
//! ignores SIGCHLD. What a process did whose parent ended first, or ignored its end, is missing.

use harness_sys::procfs::{self, Fields};
use harness_sys::{Tid, process};
use harness_tracer::running::{Tree, is_gone};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How often `/proc/PID/io` is tried, and how long is waited in between.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// A tick of proc_pid_stat(5): `USER_HZ` of x86 is 100 (asm-generic/param.h).
const TICK_NS: u64 = 10_000_000;

/// Fields of proc_pid_stat(5): CPU time of children that were waited for, in user mode and in the kernel, ticks.
const CUTIME: usize = 16;
const CSTIME: usize = 17;

/// Cumulative counters; differences belong to a window.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) at: Instant,
    members: HashMap<Tid, Member>,
}

/// Of one process.
#[derive(Debug, Clone, Default)]
struct Member {
    parent: Option<Tid>,
    start_time: u64,
    cpu_ns: u64,
    /// Of children that were waited for.
    children_cpu_ns: u64,
    /// Those of children that were waited for included; `None` where it cannot be read.
    read_write_calls: Option<u64>,
    /// It belongs to another user, who alone may read its calls.
    is_foreign: bool,
    /// It ended, and nobody has waited for it.
    is_zombie: bool,
    /// It ignores SIGCHLD, so that the kernel reaps its children and adds nothing to its counters.
    ignores_children: bool,
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
    /// Processes of other users, whose calls are missing.
    pub(super) foreign: u64,
}

impl Account {
    /// `None` where the first process has ended. What was there in an `earlier` account and lives is
    /// read again, though its parent may have ended since.
    pub(super) fn read(tree: Tree, earlier: Option<&Self>) -> Option<Self> {
        if !tree.root.is_there() {
            return None;
        }
        let at = Instant::now();
        let root = Member::read(tree.root.id)?;
        let mut members: HashMap<Tid, Member> = [(tree.root.id, root)].into();
        for id in tree.processes() {
            if !members.contains_key(&id) {
                members.extend(Member::read(id).map(|member| (id, member)));
            }
        }
        for (&id, before) in earlier.into_iter().flat_map(|earlier| &earlier.members) {
            if !members.contains_key(&id) {
                let member = Member::read(id);
                let same = member.filter(|member| member.start_time == before.start_time);
                members.extend(same.map(|member| (id, member)));
            }
        }
        Some(Self { at, members })
    }

    /// Threads that were alive.
    pub(super) fn threads(&self) -> usize {
        self.living().map(|member| member.switches.len()).sum()
    }

    /// Processes that were alive.
    pub(super) fn processes(&self) -> usize {
        self.living().count()
    }

    fn living(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !member.is_zombie)
    }

    /// Whether a member of an earlier account is one of this, too.
    fn has(&self, id: Tid, earlier: &Member) -> bool {
        let now = self.members.get(&id);
        now.is_some_and(|now| now.start_time == earlier.start_time)
    }

    /// Whose counters those of `ended`, a member of an `earlier` account, came to: those of its
    /// nearest ancestor that is still there, if each one waited.
    fn heir(&self, ended: &Member, earlier: &Self) -> Option<Tid> {
        let mut parent = ended.parent?;
        // Parents change while they are read, so that what was read may be a circle.
        for _ in 0..earlier.members.len() {
            let member = earlier.members.get(&parent)?;
            if member.ignores_children {
                return None;
            }
            if self.has(parent, member) {
                return Some(parent);
            }
            parent = member.parent?;
        }
        None
    }

    pub(super) fn since(&self, earlier: &Self) -> Change {
        let nothing = Member::default();
        let before = |id: &Tid, now: &Member| {
            let before = earlier.members.get(id);
            before.filter(|before| before.start_time == now.start_time)
        };
        // What those that ended had done before, by the ancestor that has it in its counters.
        let mut ended: HashMap<Tid, (u64, Option<u64>)> = HashMap::new();
        for (&id, member) in &earlier.members {
            if self.has(id, member) {
                continue;
            }
            if let Some(heir) = self.heir(member, earlier) {
                let (cpu, calls) = ended.entry(heir).or_insert((0, Some(0)));
                *cpu += member.cpu_ns + member.children_cpu_ns;
                *calls = calls
                    .zip(member.read_write_calls)
                    .map(|(sum, calls)| sum + calls);
            }
        }
        let mut change = Change {
            cpu_ns: 0,
            read_write_calls: Some(0),
            voluntary: 0,
            involuntary: 0,
            foreign: 0,
        };
        for (id, now) in &self.members {
            let known = before(id, now);
            let before = known.unwrap_or(&nothing);
            let (ended_cpu, ended_calls) = ended.get(id).copied().unwrap_or((0, Some(0)));
            let children = now.children_cpu_ns.saturating_sub(before.children_cpu_ns);
            change.cpu_ns += now.cpu_ns.saturating_sub(before.cpu_ns);
            change.cpu_ns += children.saturating_sub(ended_cpu);
            if now.is_foreign || before.is_foreign {
                change.foreign += 1;
            } else if !now.is_zombie || now.read_write_calls.is_some() {
                // New, it has nothing to be read before.
                let calls_before = known.map_or(Some(0), |known| known.read_write_calls);
                let calls = now.read_write_calls.zip(calls_before);
                let calls = calls.map(|(now, before)| now.saturating_sub(before));
                // Fewer than those that ended had made: somebody else waited for them, or nobody.
                let own = calls
                    .zip(ended_calls)
                    .and_then(|(calls, ended)| calls.checked_sub(ended));
                change.read_write_calls = change
                    .read_write_calls
                    .zip(own)
                    .map(|(sum, calls)| sum + calls);
            }
            for (tid, now) in &now.switches {
                let before = before.switches.get(tid).copied();
                // A thread whose id another had before started from nothing.
                let same = before.filter(|before| before.0 <= now.0 && before.1 <= now.1);
                let before = same.unwrap_or_default();
                change.voluntary += now.0 - before.0;
                change.involuntary += now.1 - before.1;
            }
        }
        if change.foreign == self.members.len() as u64 {
            change.read_write_calls = None;
        }
        change
    }
}

impl Member {
    /// `None` where it has ended.
    fn read(id: Tid) -> Option<Self> {
        let is_foreign = is_foreign(id);
        let io = io(id, is_foreign);
        let status = procfs::status(id).ok()?;
        let cpu = process::cpu_time(id).ok()?;
        let stat = procfs::stat(id).ok()?;
        let ticks = |field| stat.number(field).unwrap_or(0_u64);
        let children_ticks = ticks(CUTIME) + ticks(CSTIME);
        let switches = procfs::threads(id).into_iter().filter_map(|tid| {
            let status = procfs::task_status(id, tid).ok()?;
            Some((tid, switches(&status)?))
        });
        Some(Self {
            parent: stat.parent(),
            start_time: stat.start_time().unwrap_or(0),
            cpu_ns: super::nanoseconds(cpu),
            children_cpu_ns: children_ticks.saturating_mul(TICK_NS),
            is_foreign: is_foreign && io.is_none(),
            is_zombie: stat.has_ended(),
            ignores_children: ignores_children(&status),
            read_write_calls: io.and_then(|io| read_write_calls(&io)),
            switches: switches.collect(),
        })
    }
}

/// Whether another user executed it: its directory belongs to its effective user (proc(5)).
fn is_foreign(id: Tid) -> bool {
    std::fs::metadata(format!("/proc/{id}"))
        .is_ok_and(|directory| directory.uid() != process::effective_user())
}

/// `/proc/PID/io`. An ordinary user may not read that of a process in the middle of execve(2),
/// whose first thread has no memory any more, nor ever that of a zombie or of another user's process.
fn io(id: Tid, is_foreign: bool) -> Option<Fields> {
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        match procfs::io(id) {
            Ok(io) => return Some(io),
            Err(error) if error.kind() != ErrorKind::PermissionDenied => return None,
            Err(_) if is_foreign || is_gone(id) => return None,
            Err(_) => {}
        }
    }
    None
}

/// `SigIgn` of proc_pid_status(5). `SA_NOCLDWAIT` has the same effect, and shows nowhere.
fn ignores_children(status: &Fields) -> bool {
    const SIGCHLD: u32 = 17;
    let ignored = status.set("SigIgn");
    ignored.is_some_and(|set| set & (1 << (SIGCHLD - 1)) != 0)
}

/// `syscr` and `syscw` of proc_pid_io(5).
fn read_write_calls(io: &Fields) -> Option<u64> {
    Some(io.number::<u64>("syscr")? + io.number::<u64>("syscw")?)
}

/// Voluntary and involuntary context switches of proc_pid_status(5).
fn switches(status: &Fields) -> Option<(u64, u64)> {
    let voluntary = status.number("voluntary_ctxt_switches")?;
    Some((voluntary, status.number("nonvoluntary_ctxt_switches")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Tid = Tid(1);

    fn member(calls: Option<u64>, threads: &[(i32, u64, u64)]) -> Member {
        let switches = threads
            .iter()
            .map(|&(tid, own, forced)| (Tid(tid), (own, forced)));
        Member {
            parent: Some(FIRST),
            start_time: 100,
            cpu_ns: 10,
            children_cpu_ns: 0,
            read_write_calls: calls,
            switches: switches.collect(),
            ..Member::default()
        }
    }

    fn account(members: &[(i32, Member)]) -> Account {
        let members = members.iter().cloned();
        Account {
            at: Instant::now(),
            members: members.map(|(id, member)| (Tid(id), member)).collect(),
        }
    }

    #[test]
    fn lines_are_read_by_their_whole_name() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n";
        assert_eq!(switches(&status.into()), Some((7, 2)));
        assert_eq!(switches(&"Name:\tx\n".into()), None);
        let io = "rchar: 5\nsyscr: 3\nsyscw: 4\n";
        assert_eq!(read_write_calls(&io.into()), Some(7));
        assert!(ignores_children(&"SigIgn:\t0000000000010000\n".into()));
        assert!(!ignores_children(&"SigIgn:\t0000000000008000\n".into()));
    }

    /// One thread goes on, one ended, one is new, and one has the id of another.
    #[test]
    fn a_change_is_that_of_the_threads_at_the_end() {
        let before = member(Some(5), &[(1, 10, 1), (2, 50, 5), (4, 90, 9)]);
        let after = member(Some(9), &[(1, 13, 1), (3, 4, 2), (4, 6, 1)]);
        let before = account(&[(1, before)]);
        let change = account(&[(1, after)]).since(&before);
        assert_eq!((change.voluntary, change.involuntary), (3 + 4 + 6, 2 + 1));
        assert_eq!(change.read_write_calls, Some(4));
        let unreadable = account(&[(1, member(None, &[]))]);
        assert_eq!(unreadable.since(&before).read_write_calls, None);
    }

    /// A child goes on, one was born, one ended and was waited for, and one has the id of another.
    #[test]
    fn a_change_is_that_of_the_processes_in_the_window() {
        let first = |calls, children_cpu_ns| Member {
            children_cpu_ns,
            ..member(Some(calls), &[])
        };
        let child = |start_time, cpu_ns, calls| Member {
            start_time,
            cpu_ns,
            ..member(Some(calls), &[])
        };
        let before = account(&[
            (1, first(1000, 0)),
            (2, child(100, 50, 20)),
            (3, child(100, 70, 30)),
            (5, child(100, 1, 2)),
        ]);
        let after = account(&[
            // The end of process 3 brought 90 ns and 34 calls, that of the former process 5 3 ns
            // and 4 calls; one call is the first one's own.
            (1, first(1000 + 34 + 4 + 1, 90 + 3)),
            (2, child(100, 55, 26)),
            (4, child(300, 8, 9)),
            (5, child(300, 11, 12)),
        ]);
        let change = after.since(&before);
        assert_eq!(change.cpu_ns, (90 - 70) + (3 - 1) + 5 + 8 + 11);
        assert_eq!(
            change.read_write_calls,
            Some((34 - 30) + (4 - 2) + 1 + 6 + 9 + 12)
        );
    }

    fn of(parent: i32, cpu_ns: u64, calls: u64) -> Member {
        Member {
            parent: Some(Tid(parent)),
            cpu_ns,
            ..member(Some(calls), &[])
        }
    }

    /// The first one waited for its child, which had waited for its own.
    #[test]
    fn three_generations_leave_what_they_had_done_to_the_one_that_lives() {
        let before = account(&[(1, of(0, 10, 5)), (2, of(1, 50, 20)), (3, of(2, 70, 30))]);
        let root = Member {
            children_cpu_ns: 50 + 70 + 4,
            ..of(0, 11, 5 + 20 + 30 + 6)
        };
        let change = account(&[(1, root)]).since(&before);
        assert_eq!(change.cpu_ns, 1 + 4);
        assert_eq!(change.read_write_calls, Some(6));
    }

    /// A child whose end the parent does not wait for adds nothing to the parent's counters.
    #[test]
    fn a_child_that_nobody_waited_for_leaves_its_parent_its_own_calls() {
        let change = |first: &Member, child_after: Option<Member>| {
            let before = account(&[(1, first.clone()), (2, of(1, 50, 2000))]);
            let first = Member {
                read_write_calls: Some(5 + 7),
                ..first.clone()
            };
            let after: Vec<(i32, Member)> = [(1, first)]
                .into_iter()
                .chain(child_after.map(|child| (2, child)))
                .collect();
            let after = account(&after);
            (after.since(&before).read_write_calls, after.processes())
        };
        let waits = of(0, 10, 5);
        let ignores = Member {
            ignores_children: true,
            ..waits.clone()
        };
        let zombie = |calls| Member {
            is_zombie: true,
            read_write_calls: calls,
            ..of(1, 50, 0)
        };
        assert_eq!(change(&ignores, None), (Some(7), 1));
        assert_eq!(change(&waits, Some(zombie(Some(2003)))), (Some(7 + 3), 1));
        assert_eq!(change(&waits, Some(zombie(None))), (Some(7), 1));
        // Nothing says who waited for it.
        assert_eq!(change(&waits, None), (None, 1));
    }

    #[test]
    fn processes_of_another_user_are_counted_and_left_out() {
        let foreign = Member {
            is_foreign: true,
            read_write_calls: None,
            ..of(1, 10, 0)
        };
        let before = account(&[(1, of(0, 10, 5)), (2, foreign.clone())]);
        let after = account(&[(1, of(0, 10, 9)), (2, foreign.clone())]);
        let change = after.since(&before);
        assert_eq!((change.read_write_calls, change.foreign), (Some(4), 1));
        let alone = account(&[(2, foreign)]);
        assert_eq!(alone.since(&alone).read_write_calls, None);
    }
}
