//! What the work of the plan costs in calls.

use super::plan::{Image, Step, Work};
use crate::Statement;

/// Calls, and how many of them fail.
type Costs = &'static [(&'static str, u64, u64)];

/// The calls of `work`.
fn of_work(work: Work) -> Costs {
    match work {
        Work::Header => &[
            ("openat", 1, 0),
            ("newfstatat", 1, 0),
            ("read", 1, 0),
            ("close", 1, 0),
        ],
        Work::OpenMissing => &[("openat", 1, 1)],
        Work::StatMissing => &[("newfstatat", 1, 1)],
        Work::StatHeader => &[("newfstatat", 1, 0)],
        Work::Reread => &[("lseek", 1, 0), ("read", 1, 0)],
        Work::ReadEnd => &[("read", 1, 0)],
        Work::Map => &[("mmap", 1, 0)],
        Work::Grow => &[("brk", 1, 0)],
        Work::Wake => &[("futex", 1, 0)],
        Work::Action => &[("rt_sigaction", 1, 0)],
        Work::Mask => &[("rt_sigprocmask", 1, 0)],
        Work::ReadNoLink => &[("readlink", 1, 1)],
        Work::AccessMissing => &[("access", 1, 1)],
        Work::AccessHeader => &[("access", 1, 0)],
        Work::Flags => &[("fcntl", 1, 0)],
        Work::Directory => &[("getcwd", 1, 0)],
        Work::Identity => &[
            ("getuid", 1, 0),
            ("geteuid", 1, 0),
            ("getgid", 1, 0),
            ("getegid", 1, 0),
        ],
        Work::Parentage => &[("getpid", 1, 0), ("getppid", 1, 0)],
        Work::SetIdentity => &[("setresuid", 1, 0), ("setresgid", 1, 0)],
        Work::OldStat => &[("stat", 1, 0)],
        Work::LinkStatMissing => &[("lstat", 1, 1)],
        Work::Terminal => &[("ioctl", 1, 1)],
        Work::Duplicate => &[("dup2", 1, 0)],
        Work::Pipe => &[("pipe2", 1, 0), ("close", 2, 0)],
        Work::List => &[("openat", 1, 0), ("getdents64", 1, 0), ("close", 1, 0)],
        Work::MakeExisting => &[("mkdir", 1, 1)],
        Work::Load => &[("sysinfo", 1, 0)],
        Work::Subshell => &[("clone", 1, 0), ("exit_group", 1, 0), ("wait4", 1, 0)],
        Work::Lookup => &[("socket", 1, 0), ("connect", 1, 1), ("close", 1, 0)],
    }
}

/// The calls of `step`, but for those that write.
fn of_step(step: Step) -> Costs {
    match step {
        Step::Take(_) => of_work(Work::Header),
        Step::Make(..) => &[("openat", 1, 0), ("close", 1, 0)],
        Step::Rename(..) => &[("rename", 1, 0)],
        Step::Remove(_) => &[("unlink", 1, 0)],
    }
}

fn add(statement: &mut Statement, costs: Costs, times: u64) {
    for &(name, calls, failing) in costs {
        statement.add(name, (calls - failing) * times);
        statement.add_failing(name, failing * times);
    }
}

/// Adds `times` of `work`.
pub(super) fn add_work(statement: &mut Statement, work: Work, times: u64) {
    add(statement, of_work(work), times);
    if work == Work::Subshell {
        statement.tasks += times;
    }
}

/// Adds `times` of `step`.
fn add_step(statement: &mut Statement, step: Step, times: u64) {
    add(statement, of_step(step), times);
    if let Step::Make(_, writes) = step {
        statement.add("write", u64::from(writes) * times);
    }
}

/// Adds one run of `image` and of those it runs, from the clone(2) by its parent to the wait4(2) for it.
pub(super) fn add_image(statement: &mut Statement, image: &Image, misses: u32, units: u32) {
    statement.add("clone", 1);
    statement.add("rt_sigprocmask", 1);
    statement.add_failing("execve", u64::from(misses));
    statement.add("wait4", 1);
    statement.execs += 1;
    statement.tasks += 1;
    statement.add("openat", 1);
    for &(work, times) in image.work {
        add_work(statement, work, u64::from(times));
    }
    for child in image.children {
        add_image(statement, child.image, child.misses, units);
    }
    for &step in image.each_unit {
        add_step(statement, step, u64::from(units));
    }
    for &step in image.finish {
        add_step(statement, step, 1);
    }
    statement.add("close", 1);
}
