//! What a program can see of how it is traced: the scenarios whose outcome depends on
//! the kind of mode. `page` makes the tables of `harness/TRANSPARENCY.md` from it.
//!
//! A mode for whose kind nothing stands here must have a program do what it does
//! untraced. A case fails both where a difference that stands here is absent and where
//! another one appears. What peers do stands in `peers`.

use crate::scenario::{End, Kind, Output, Scenario};

/// Whoever uses ptrace(2).
const TRACER: &[Kind] = &[Kind::EveryCall, Kind::Filtered];
/// Whoever installs a filter, whoever is told of its calls.
const FILTER: &[Kind] = &[Kind::FilterAlone, Kind::Filtered, Kind::Notified];
/// Whoever has calls wait for a supervisor.
const SUPERVISOR: &[Kind] = &[Kind::Notified];

/// A scenario that ends differently under some modes.
pub(crate) struct Difference {
    /// Name of the scenario.
    pub(crate) scenario: &'static str,
    /// What the page calls it.
    pub(crate) what: &'static str,
    /// The modes under which it is so.
    pub(crate) kinds: &'static [Kind],
    /// What the program writes under them.
    pub(crate) output: &'static str,
    /// How it ends under them.
    pub(crate) end: End,
    /// What does it: a function, and its file in the kernel or here.
    pub(crate) cause: (&'static str, &'static str),
    /// What strace does.
    pub(crate) strace: Strace,
}

/// What strace(1) changes, which is nobody's here and serves as the oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strace {
    /// The same as a mode of the same kind.
    Same,
    /// It is not compared, for this reason.
    NotCompared(&'static str),
}

const USUAL: Difference = Difference {
    scenario: "",
    what: "",
    kinds: TRACER,
    output: "",
    end: End::Exited(0),
    cause: ("", ""),
    strace: Strace::Same,
};

/// Every difference, in the order of the page.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        scenario: "ignored_sigchld",
        what: "A child ends while a call waits; SIGCHLD has its default action",
        output: "epoll_wait: EINTR\nsigtimedwait: EINTR\nsemtimedop: EINTR\nread: as asked\n",
        cause: ("sig_ignored", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "ignored_sigusr1",
        what: "SIGUSR1 is set to SIG_IGN and arrives while a call waits",
        output: "epoll_wait: EINTR\nsigtimedwait: EINTR\nsemtimedop: EINTR\nread: as asked\n",
        cause: ("sig_ignored", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "ignored_sigchld_in_write",
        what: "A child ends during a large write(2) to a pipe that is full",
        output: "write of 1048576: 65536, received: 65536\n",
        cause: ("sig_ignored", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "sigterm_in_vfork",
        what: "SIGTERM at its default, for a process that waits in vfork(2)",
        output: "it ends when its child goes on\nended with 1015\n",
        cause: ("complete_signal", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "sigterm_in_sigtimedwait",
        what: "SIGTERM at its default, not blocked, for a process that waits for it in sigtimedwait(2)",
        output: "sigtimedwait took signal 15\nended with 0\n",
        cause: ("complete_signal", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "namespace_init_stopped",
        what: "SIGSTOP to PID 1 of a pid namespace, from within",
        output: "PID 1 is stopped: yes\nended with 1009\n",
        cause: ("sig_ignored", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "namespace_init_faults",
        what: "PID 1 of a pid namespace makes a fault and has no handler for its signal",
        output: "PID 1 makes its fault again and again\n",
        cause: ("force_sig_info_to_task", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "stopped_state",
        what: "State of a stopped process in /proc",
        output: "a stopped child: t\n",
        cause: ("ptrace_stop", "kernel/signal.c"),
        ..USUAL
    },
    Difference {
        scenario: "pidfd_and_wait",
        what: "A child's pidfd is readable before its status can be had",
        output: "the pidfd is readable, waitid(2) has a status: no\n",
        cause: ("wait_consider_task", "kernel/exit.c"),
        strace: Strace::NotCompared(
            "it asks for `PTRACE_EVENT_EXIT`, so the scenario, which holds the tracer, holds its child in that stop",
        ),
        ..USUAL
    },
    Difference {
        scenario: "tracer_pid",
        what: "TracerPid in /proc/self/status",
        output: "TracerPid: a process\n",
        cause: ("task_state", "fs/proc/array.c"),
        ..USUAL
    },
    Difference {
        scenario: "calls_ptrace",
        what: "The program calls ptrace(2) itself",
        output: "PTRACE_TRACEME: EPERM\nPTRACE_SEIZE: EPERM\nended with 1009\n",
        cause: ("ptrace_attach", "kernel/ptrace.c"),
        ..USUAL
    },
    Difference {
        scenario: "set_user_id_as_nobody",
        what: "An ordinary user executes a set-user-ID program",
        kinds: &[
            Kind::FilterAlone,
            Kind::EveryCall,
            Kind::Filtered,
            Kind::Notified,
        ],
        output: "executing\nrights of the caller\n",
        cause: ("cap_bprm_creds_from_file", "security/commoncap.c"),
        ..USUAL
    },
    Difference {
        scenario: "seccomp_state",
        what: "prctl(PR_GET_SECCOMP), Seccomp in /proc/self/status",
        kinds: FILTER,
        output: "PR_GET_SECCOMP: 2\nSeccomp: 2\n",
        cause: ("prctl_get_seccomp", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "strict_mode",
        what: "The program enters strict mode",
        kinds: FILTER,
        output: "strict\nstrict mode: EINVAL\n",
        cause: ("seccomp_may_assign_mode", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "untraced_clone_calls",
        what: "A child made with `CLONE_UNTRACED` makes a traced call",
        kinds: &[Kind::Filtered],
        output: "parent\nchild: 1, geteuid(2): ENOSYS\n",
        cause: ("__seccomp_filter", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "own_listener",
        what: "The program asks for a listener of its own",
        kinds: SUPERVISOR,
        output: "a listener: EBUSY\n",
        cause: ("has_duplicate_listener", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "supervisor_held_handler",
        what: "A handler without SA_RESTART runs while a call waits for its supervisor",
        kinds: SUPERVISOR,
        output: "getppid(2): EINTR\nended with 0\n",
        cause: ("seccomp_do_user_notification", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "supervisor_held_sigreturn",
        what: "The same while rt_sigreturn(2) waits for its supervisor",
        kinds: SUPERVISOR,
        output: "ended with 1004\n",
        cause: ("seccomp_do_user_notification", "kernel/seccomp.c"),
        ..USUAL
    },
    Difference {
        scenario: "own_filter_trace",
        what: "A filter of the program's own returns SECCOMP_RET_TRACE for a notified call",
        kinds: SUPERVISOR,
        output: "trace\ngeteuid(2): as asked\n",
        cause: ("seccomp_run_filters", "kernel/seccomp.c"),
        strace: Strace::NotCompared(
            "with `--seccomp-bpf` it answers for the program's filter, too, and lets the call go on",
        ),
        ..USUAL
    },
    Difference {
        scenario: "parent_death_signal",
        what: "prctl(PR_GET_PDEATHSIG) in the command's first process",
        kinds: &[
            Kind::Untraced,
            Kind::FilterAlone,
            Kind::Notified,
            Kind::Streamed,
        ],
        output: "PR_GET_PDEATHSIG: 9\n",
        cause: ("die_with_parent", "harness/sys/src/process.rs"),
        strace: Strace::NotCompared("the harness does it"),
        ..USUAL
    },
];

/// The difference of a scenario, if it has one.
pub(crate) fn of(scenario: &str) -> Option<&'static Difference> {
    DIFFERENCES
        .iter()
        .find(|difference| difference.scenario == scenario)
}

/// The scenarios that are there for their difference alone.
pub(crate) const SCENARIOS: &[Scenario] = &[
        Scenario {
            name: "ignored_sigchld",
            program: "ignored_signal",
            arguments: &["SIGCHLD", "epoll_wait", "sigtimedwait", "semtimedop", "read"],
            output: Output::Is("epoll_wait: as asked\nsigtimedwait: as asked\nsemtimedop: as asked\nread: as asked\n"),
            story: "a: execve( exec execve=0 fork clone sig17 fork clone sig17 fork clone sig17 fork clone sig17 exit_group( exit0
                    others: stop*8 kill9*4 exit0*4",
            ..Scenario::USUAL
        },
        Scenario {
            name: "ignored_sigusr1",
            program: "ignored_signal",
            arguments: &["SIGUSR1", "epoll_wait", "sigtimedwait", "semtimedop", "read"],
            output: Output::Is("epoll_wait: as asked\nsigtimedwait: as asked\nsemtimedop: as asked\nread: as asked\n"),
            story: "a: execve( exec execve=0 clone sig10 clone sig10 clone sig10 clone sig10 exit_group( exit0
                    others: stop*4 exit0*4",
            ..Scenario::USUAL
        },
        Scenario {
            name: "ignored_sigchld_in_write",
            program: "ignored_signal",
            arguments: &["SIGCHLD", "write"],
            output: Output::Is("write of 1048576: 1048576, received: 1048576\n"),
            story: "a: execve( exec execve=0 fork clone sig17 exit_group( exit0
                    others: stop*2 kill9 exit0",
            ..Scenario::USUAL
        },
        Scenario {
            name: "sigterm_in_vfork",
            program: "fatal_signal",
            arguments: &["vfork"],
            output: Output::Is("it ends at once\nended with 1015\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    b: stop vfork sig15 kill15
                    c: stop exit_group( exit0",
            ..Scenario::USUAL
        },
        Scenario {
            name: "sigterm_in_sigtimedwait",
            program: "fatal_signal",
            arguments: &["sigtimedwait"],
            output: Output::Is("ended with 1015\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    tracer b: stop exit_group( exit0",
            ..Scenario::USUAL
        },
        Scenario {
            name: "namespace_init_stopped",
            program: "namespace_init",
            arguments: &["stop"],
            output: Output::Is("PID 1 is stopped: no\nended with 1009\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17*1-2
                    b: stop fork sig19 kill9 ~ group19?
                    c: stop kill9",
            ..Scenario::USUAL
        },
        Scenario {
            name: "namespace_init_faults",
            program: "namespace_init",
            arguments: &["fault"],
            output: Output::Is("PID 1 ended by signal 4\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    b: stop kill9 ~ sig4*",
            ..Scenario::USUAL
        },
        Scenario {
            name: "stopped_state",
            program: "process_state",
            arguments: &["stopped"],
            output: Output::Is("a stopped child: T\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17*1-2
                    b: stop sig19 kill9 ~ group19?",
            ..Scenario::USUAL
        },
        Scenario {
            name: "pidfd_and_wait",
            program: "pidfd_and_wait",
            // See the difference.
            without: &[Kind::Peer],
            short: "execve,exit_group,clone",
            long: "execve,exit_group,clone,%memory",
            output: Output::Is("the pidfd is readable, waitid(2) has a status: yes\n"),
            story: "a: execve( exec execve=0 clone( fork clone) clone( clone) exit_group( exit0 ~ sig17?
                    b: stop kill9",
            escaped: 1,
            ..Scenario::USUAL
        },
        Scenario {
            name: "tracer_pid",
            program: "process_state",
            arguments: &["tracer"],
            output: Output::Is("TracerPid: 0\n"),
            story: "a: execve( exec execve=0 exit_group( exit0",
            every_call: true,
            ..Scenario::USUAL
        },
        Scenario {
            name: "seccomp_state",
            program: "process_state",
            arguments: &["seccomp"],
            output: Output::Is("PR_GET_SECCOMP: 0\nSeccomp: 0\n"),
            story: "a: execve( exec execve=0 exit_group( exit0",
            notices_filters: true,
            every_call: true,
            ..Scenario::USUAL
        },
        Scenario {
            name: "untraced_clone_calls",
            program: "untraced_clone",
            arguments: &["calls"],
            short: "execve,geteuid",
            long: "!read,close,openat,write,exit_group,umask",
            output: Output::Is("parent\nchild: 1, geteuid(2): as asked\n"),
            story: "a: execve( exec execve=0 exit0 ~ sig17
                    supervisor b: geteuid(
                    stream b: geteuid(",
            escaped: 1,
            ..Scenario::USUAL
        },
        Scenario {
            name: "own_listener",
            program: "own_listener",
            output: Output::Is("a listener: allowed\n"),
            story: "a: execve( exec execve=0 exit_group( exit0",
            every_call: true,
            ..Scenario::USUAL
        },
        // No call that the first process makes while nobody answers is in the long sets of these.
        Scenario {
            name: "supervisor_held_handler",
            program: "supervisor_held",
            arguments: &["handler"],
            short: "execve,exit_group,getppid",
            long: "execve,exit_group,getppid,%memory",
            output: Output::Is("getppid(2): as asked\nended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    tracer b: stop getppid( getppid) sig10 exit_group( exit0
                    supervisor b: exit_group(
                    stream b: getppid( exit_group(",
            ..Scenario::USUAL
        },
        Scenario {
            name: "supervisor_held_sigreturn",
            program: "supervisor_held",
            arguments: &["sigreturn"],
            short: "execve,exit_group,rt_sigreturn",
            long: "execve,exit_group,rt_sigreturn,%memory",
            output: Output::Is("ended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    tracer b: stop sig10 rt_sigreturn( rt_sigreturn) sig10 rt_sigreturn( rt_sigreturn) exit_group( exit0
                    supervisor b: rt_sigreturn(
                    stream b: rt_sigreturn( rt_sigreturn( exit_group(",
            ..Scenario::USUAL
        },
        Scenario {
            name: "parent_death_signal",
            program: "process_state",
            arguments: &["parent-death"],
            output: Output::Is("PR_GET_PDEATHSIG: 0\n"),
            story: "a: execve( exec execve=0 exit_group( exit0",
            every_call: true,
            ..Scenario::USUAL
        },
];
