//! What a workload says it does.

use std::collections::BTreeMap;

/// What one execution of a workload does, to the last call.
///
/// A full trace of the execution, of all its processes, must count for every system call *c*
///
/// > `calls[c] + execs × S(c) + clock_readings × R(c)`
///
/// where *S(c)* is what a full trace of the workload `noop` counts: start-up (the exec that succeeds,
/// loader, libc, language runtime) and exit of one program image. *R(c)* is what a full trace of the
/// workload `clock` counts more than that: nothing where the vDSO reads the clock (vdso(7)), one
/// clock_gettime(2) where it cannot, as with the clock source `hpet` or `acpi_pm`, or with `vdso=0`.
/// This holds for every call: one that is not in `calls` is made in these places only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// Operations of the loop; units of `make-sim`.
    pub operations: u64,
    /// Calls by their x86-64 name, without start-up and exit of program images. An `execve` here is one
    /// that fails, and an `exit_group` that of a process which never executed a program.
    pub calls: BTreeMap<&'static str, u64>,
    /// How many of `calls` fail for certain. (Those of `threads` that wait for a thread fail where it
    /// has ended already.)
    pub errors: u64,
    /// How many of `calls` are made while the workload times its loop. Where reading the clock is a
    /// call, the loop's time contains the end of the first reading and the beginning of the second:
    /// one more, *R*.
    pub loop_calls: u64,
    /// Program images executed while the workload times its loop; each adds *S* to the loop's calls.
    pub loop_execs: u64,
    /// Successful `execve` of the harness's binary, the first of the execution included.
    pub execs: u64,
    /// Readings of the clock; each adds *R*.
    pub clock_readings: u64,
    /// Processes and threads, the first included.
    pub tasks: u64,
}

impl Statement {
    /// One image in one process that makes no calls yet.
    pub(crate) fn of_one_process() -> Self {
        Self {
            execs: 1,
            tasks: 1,
            ..Self::default()
        }
    }

    /// Adds `count` calls of `name`.
    pub(crate) fn add(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            *self.calls.entry(name).or_insert(0) += count;
        }
    }

    /// Adds `count` calls of `name` that fail.
    pub(crate) fn add_failing(&mut self, name: &'static str, count: u64) {
        self.add(name, count);
        self.errors += count;
    }

    /// Adds `times` what `other` does: its calls, errors, execs, readings of the clock and tasks.
    pub(crate) fn add_statement(&mut self, other: &Self, times: u64) {
        for (name, count) in &other.calls {
            self.add(name, count * times);
        }
        self.errors += other.errors * times;
        self.execs += other.execs * times;
        self.clock_readings += other.clock_readings * times;
        self.tasks += other.tasks * times;
    }
}
