//! A program, and where it runs.

use crate::{Insn, Map};

/// A raw tracepoint of the kernel, with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tracepoint {
    /// `sys_enter(struct pt_regs *, long number)`, include/trace/events/syscalls.h.
    SysEnter,
    /// `sys_exit(struct pt_regs *, long result)`.
    SysExit,
    /// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`,
    /// include/trace/events/sched.h: before the child runs.
    ProcessFork,
    /// `sched_process_exit(struct task_struct *)`: also of each thread.
    ProcessExit,
}

impl Tracepoint {
    /// Each of them.
    pub const ALL: [Self; 4] = [
        Self::SysEnter,
        Self::SysExit,
        Self::ProcessFork,
        Self::ProcessExit,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SysEnter => "sys_enter",
            Self::SysExit => "sys_exit",
            Self::ProcessFork => "sched_process_fork",
            Self::ProcessExit => "sched_process_exit",
        }
    }
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name in the kernel and in listings.
    pub name: &'static str,
    /// Where it is attached; `None` if it is run by hand.
    pub tracepoint: Option<Tracepoint>,
    /// Its instructions.
    pub insns: Vec<Insn>,
}

impl Program {
    /// As the kernel takes it; `descriptor` gives the number of a map's descriptor.
    #[must_use]
    pub fn encode(&self, descriptor: impl Fn(Map) -> i32) -> Vec<u64> {
        let mut words = Vec::with_capacity(self.insns.len());
        for insn in &self.insns {
            insn.encode(&descriptor, &mut words);
        }
        words
    }

    /// Its length as the kernel counts it, where a load of 64 bits is two instructions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.insns.iter().map(Insn::words).sum()
    }

    /// Whether it has no instruction, which the kernel would refuse.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.insns.is_empty()
    }
}
