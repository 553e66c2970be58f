//! A running process in words, and what its windows showed beside numbers.

use harness_record::{AttachedProcess, Counter, Window, counted};
use harness_sys::{Tid, procfs};
use harness_tracer::running::Tree;
use std::fs::{File, read};
use std::os::unix::fs::FileExt;

/// The first process of a tree as it is now.
pub(super) fn describe(tree: Tree) -> AttachedProcess {
    let id = tree.root.id;
    let read = |file| read(format!("/proc/{id}/{file}")).unwrap_or_default();
    let descendants = tree.processes().len() - 1;
    AttachedProcess {
        pid: id.0,
        name: text(read("comm").trim_ascii_end()),
        command: words(&read("cmdline"), argument_count(id)),
        threads: u32::try_from(procfs::threads(id).len()).unwrap_or(u32::MAX),
        descendants: u32::try_from(descendants).unwrap_or(u32::MAX),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The command line of proc_pid_cmdline(5). A title that setproctitle(3) wrote over it leaves NULs
/// behind itself, which are no empty arguments: those of a program that was executed with `arguments`
/// of them are as many as there are.
fn words(command: &[u8], arguments: Option<u32>) -> Vec<String> {
    // One more piece than ends.
    let ends = command.split(|&byte| byte == 0).count() - 1;
    let is_untouched =
        command.ends_with(b"\0") && arguments.is_some_and(|count| count as usize == ends);
    let command = if is_untouched {
        command.strip_suffix(b"\0").unwrap_or(command)
    } else {
        let end = command.iter().rposition(|&byte| byte != 0);
        end.map_or(&command[..0], |end| &command[..=end])
    };
    if command.is_empty() && !is_untouched {
        return Vec::new();
    }
    command.split(|&byte| byte == 0).map(text).collect()
}

/// With how many arguments a process was executed: the kernel puts their number at the bottom of its
/// stack (`create_elf_tables` in fs/binfmt_elf.c; `startstack` of proc_pid_stat(5)). `None` where
/// that cannot be read.
fn argument_count(id: Tid) -> Option<u32> {
    const STARTSTACK: usize = 28;
    let stack = procfs::stat(id).ok()?.number(STARTSTACK)?;
    let mut count = [0; 4];
    let memory = File::open(format!("/proc/{id}/mem")).ok()?;
    // A word of 8 or 4 bytes, the lowest first.
    memory.read_exact_at(&mut count, stack).ok()?;
    Some(u32::from_le_bytes(count))
}

/// The most descendants of other users that a window had, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Foreign {
    pub(super) count: u64,
    pub(super) of: u64,
}

/// What the windows showed that a reader must know.
pub(super) fn observations(windows: &[Window], foreign: Foreign) -> Vec<String> {
    let mut observations = Vec::new();
    let tracers = || windows.iter().filter_map(|window| window.tracer.as_ref());
    let mut alone: Vec<&String> = tracers().flat_map(|tracer| &tracer.left_alone).collect();
    alone.sort_unstable();
    alone.dedup();
    if let Some(why) = alone.first() {
        observations.push(format!(
            "{} of it could not be traced, the first: {why}; what it does is in the rates, and in none of what the \
             tracer counts",
            counted(alone.len() as u64, "descendant"),
        ));
    }
    let lost: Vec<u64> = tracers()
        .filter_map(|tracer| tracer.counts.get(Counter::LostEvents))
        .filter(|&lost| lost > 0)
        .collect();
    if !lost.is_empty() {
        observations.push(format!(
            "{} lost in {}: what the tracer counts is too low there, by that much or more",
            counted(lost.iter().sum(), "event"),
            counted(lost.len() as u64, "window"),
        ));
    }
    let slow: Vec<u32> = tracers()
        .filter_map(|tracer| tracer.unstopped)
        .filter(|&unstopped| unstopped > 0)
        .collect();
    if let Some(most) = slow.iter().max() {
        observations.push(format!(
            "up to {} did not stop within 2 s in {}, in calls that nothing interrupts: such a thread's calls are \
             missing until it came out of that, and the kernel detached it at the end of the tracer",
            counted((*most).into(), "thread"),
            counted(slow.len() as u64, "window"),
        ));
    }
    if windows
        .iter()
        .any(|window| window.read_write_calls.is_none())
    {
        observations.push(
            "the calls that read or write are not known in some windows: reading /proc/PID/io needs \
             CONFIG_TASK_IO_ACCOUNTING and permission to trace the process, which an ordinary user lacks while its first \
             thread has ended; and the calls of a child that ended cannot be told from its parent's where the parent \
             may not have waited for it"
                .to_owned(),
        );
    }
    if foreign.count > 0 {
        observations.push(format!(
            "{} of {} to another user, whose /proc/PID/io an ordinary user cannot read: their calls \
             that read or write are in no rate",
            foreign.count,
            counted(foreign.of, "descendant")
                + if foreign.count == 1 { " belongs" } else { " belong" },
        ));
    }
    observations
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::{Counts, TracerWindow};

    #[test]
    fn a_title_is_told_from_empty_arguments() {
        for (command, arguments, expected) in [
            (&b"sleep\x0020\0"[..], Some(2), &["sleep", "20"][..]),
            (b"prog\0\0\0", Some(3), &["prog", "", ""]),
            (b"\0", Some(1), &[""]),
            (b"title\0\0\0\0\0\0\0", Some(2), &["title"]),
            (
                b"nginx: master process",
                Some(3),
                &["nginx: master process"],
            ),
            (b"title\0\0", None, &["title"]),
            (b"\0\0\0", Some(1), &[]),
            (b"", Some(1), &[]),
            (b"", None, &[]),
        ] {
            let said = words(command, arguments);
            assert_eq!(said, expected, "{}", text(command));
        }
    }

    /// Of the test itself.
    #[test]
    fn the_arguments_of_a_process_are_counted() {
        let own = std::env::args_os().count();
        let count = argument_count(harness_sys::process::own()).expect("it can be read");
        assert_eq!(count as usize, own);
    }

    #[test]
    fn descendants_of_another_user_are_told() {
        let said = observations(&[], Foreign { count: 2, of: 3 });
        assert!(said[0].starts_with("2 of 3 descendants belong to another user"));
        assert!(observations(&[], Foreign { count: 0, of: 3 }).is_empty());
    }

    /// Each is said where it was, and a mechanism that stops nothing has no thread that did not stop.
    #[test]
    fn what_a_tracer_missed_is_told() {
        let window = |unstopped, lost: Option<u64>| Window {
            mode: "a-tracer".to_owned(),
            block: 0,
            pass: 0,
            started_ns: 0,
            window_ns: 1,
            cpu_ns: 0,
            read_write_calls: Some(0),
            voluntary_switches: 0,
            involuntary_switches: 0,
            threads: 1,
            processes: Some(1),
            rate_command: None,
            tracer: Some(TracerWindow {
                counted_ns: 1,
                attaching_ns: 1,
                detaching_ns: 1,
                unstopped,
                processes: Some(1),
                left_alone: Vec::new(),
                counts: Counts::default().with(Counter::LostEvents, lost),
                cpu_ns: None,
            }),
        };
        let said = |windows: &[Window]| observations(windows, Foreign::default());
        assert!(said(&[window(Some(0), None), window(None, Some(0))]).is_empty());
        let slow = said(&[window(Some(0), None), window(Some(2), None)]);
        assert!(slow[0].starts_with("up to 2 threads did not stop within 2 s in 1 window"));
        let lost = said(&[window(None, Some(3)), window(None, Some(4))]);
        assert!(
            lost[0].starts_with("7 events lost in 2 windows"),
            "{lost:?}"
        );
        assert_eq!((slow.len(), lost.len()), (1, 1));
    }
}
