//! A child (clone(2) as vfork does) that executes this binary's `noop`, and wait4(2) for it.

use harness_sys::calls;
use harness_sys::spawn::Program;

use crate::micro::{Micro, timed};
use crate::{During, Failure, Processes};

pub(crate) static FORK_EXEC: Micro = Micro {
    trace: "execve",
    processes: Processes::Several,
    operations: 200,
    each: &[("clone", 1), ("rt_sigprocmask", 1), ("wait4", 1)],
    execs_each: 1,
    tasks_each: 1,
    ..Micro::new(
        "fork-exec",
        "a child that executes a program, and the wait for it",
        |operations| {
            let noop = Program::new(&[c"/proc/self/exe"], &[c"noop", c"__workload", c"noop"]);
            timed(operations, || {
                let pid = noop.spawn().during("execute /proc/self/exe")?;
                match calls::wait4(pid).during("wait for the child")? {
                    (_, status) if status.success() => Ok(()),
                    (_, status) => Err(Failure::of_child("run noop", status)),
                }
            })
        },
    )
};
