//! The scenarios. To add one: a program in `tests/tracees`, and a row here. What it does
//! under some modes and not untraced stands in `differences`, with the scenarios that
//! are there to show it.

use crate::differences;
use crate::scenario::{End, Kind, Output, Scenario, Way};

const USUAL: Scenario = Scenario::USUAL;

/// Modes without stops of their own.
const NOTHING_STOPS: &[Kind] = &[
    Kind::Untraced,
    Kind::FilterAlone,
    Kind::Notified,
    Kind::Streamed,
    Kind::Peer,
];

/// The program finds whom it kills by counting generations from its tracer or, where it has none, from
/// its parent: a peer may be either. `faults` kills peers, too.
const COUNTED_FROM_ITS_TRACER: &[Kind] = &[Kind::Peer];

/// Every scenario.
pub(crate) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(differences::SCENARIOS)
}

const SCENARIOS: &[Scenario] = &[
        Scenario {
            name: "exec",
            program: "exec",
            output: Output::Is("first\nsecond\n"),
            end: End::Exited(3),
            story: "a: execve( exec execve=0 execve( exec execve=0 exit_group( exit3",
            every_call: true,
            ..USUAL
        },
        Scenario {
            // With every call, the first ones included: those that a mode's own start could hide.
            name: "first_calls",
            program: "exec",
            long: "all",
            output: Output::Is("first\nsecond\n"),
            end: End::Exited(3),
            story: "a: execve( exec execve=0 execve( exec execve=0 exit_group( exit3",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "fork_exit",
            program: "fork_exit",
            end: End::Exited(1),
            story: "a: execve( exec execve=0 fork exit_group( exit1 ~ sig17?
                    b: stop exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "thread_bursts",
            program: "thread_bursts",
            arguments: &["15"],
            output: Output::Is("15 bursts\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ clone*372
                    others: stop*372 exit0*372",
            ..USUAL
        },
        Scenario {
            name: "thousand_thread_bursts",
            program: "thread_bursts",
            arguments: &["1000"],
            output: Output::Is("1000 bursts\n"),
            long: "execve,exit_group,%desc",
            story: "a: execve( exec execve=0 exit_group( exit0 ~ clone*24800
                    others: stop*24800 exit0*24800",
            ignored: true,
            ..USUAL
        },
        Scenario {
            name: "vfork_exec",
            program: "vfork_exec",
            short: "execve,exit_group,vfork,wait4",
            output: Output::Is("child\nparent: 5\n"),
            story: "a: execve( exec execve=0 vfork( vfork vfork) wait4( wait4) exit_group( exit0 ~ sig17
                    b: stop execve( exec execve=0 exit_group( exit5",
            ..USUAL
        },
        Scenario {
            name: "posix_spawn",
            program: "spawn",
            arguments: &["posix_spawn"],
            output: Output::Is("child\nparent: 5\n"),
            story: "a: execve( exec execve=0 vfork exit_group( exit0 ~ sig17
                    b: stop execve( exec execve=0 exit_group( exit5",
            ..USUAL
        },
        Scenario {
            name: "clone3_vm_vfork",
            program: "spawn",
            arguments: &["clone3"],
            short: "execve,exit,exit_group,clone3",
            output: Output::Is("parent: 6\n"),
            story: "a: execve( exec execve=0 clone3( vfork clone3) exit_group( exit0 ~ sig17
                    b: stop exit( exit6",
            ..USUAL
        },
        Scenario {
            name: "exec_from_thread_leader_exited",
            program: "exec_from_thread",
            arguments: &["exit"],
            short: "execve,exit_group,exit",
            output: Output::Is("executed by the leader: yes\n"),
            end: End::Exited(4),
            story: "a: execve( exec execve=0 clone clone clone exit( exec execve=0 exit_group( exit4
                    b: stop exit0
                    c: stop exit0
                    d: stop execve(",
            ..USUAL
        },
        Scenario {
            name: "exec_from_thread_leader_in_sigsuspend",
            program: "exec_from_thread",
            arguments: &["sigsuspend"],
            short: "execve,exit_group,rt_sigsuspend",
            output: Output::Is("executed by the leader: yes\n"),
            end: End::Exited(4),
            story: "a: execve( exec execve=0 clone clone clone rt_sigsuspend( exec execve=0 exit_group( exit4
                    b: stop exit0
                    c: stop exit0
                    d: stop execve(",
            ..USUAL
        },
        Scenario {
            name: "exec_from_thread_leader_in_nanosleep",
            program: "exec_from_thread",
            arguments: &["nanosleep"],
            short: "execve,exit_group,nanosleep",
            output: Output::Is("executed by the leader: yes\n"),
            end: End::Exited(4),
            story: "a: execve( exec execve=0 clone clone clone nanosleep( exec execve=0 exit_group( exit4
                    b: stop exit0
                    c: stop exit0
                    d: stop execve(",
            ..USUAL
        },
        Scenario {
            name: "exec_beside_busy_leader",
            program: "exec_beside_busy_leader",
            arguments: &["20"],
            short: "execve,exit_group,getppid",
            output: Output::Is("executed by the leader: yes\n"),
            end: End::Exited(5),
            story: "a: execve( exit_group( exit5 ~ clone*20 exec*21 execve=0*21 getppid(* getppid)*
                    others: stop*20 execve(*20",
            ..USUAL
        },
        Scenario {
            name: "two_execs",
            program: "two_execs",
            arguments: &["12"],
            output: Output::Is("won: 12\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*12 sig17*12
                    others: stop*36 clone* execve(* exec*12 execve=0*12 exit_group(*12 exit8*12 exit0*12",
            ..USUAL
        },
        Scenario {
            name: "leader_exits",
            program: "leader_exits",
            short: "execve,exit_group,exit,getppid",
            output: Output::Is("the leader is gone, the process has an id: yes\n"),
            end: End::Exited(6),
            story: "a: execve( exec execve=0 clone exit( exit6
                    b: stop getppid( getppid) exit_group( exit6",
            ..USUAL
        },
        Scenario {
            name: "exit_group_blocked",
            program: "exit_group_blocked",
            output: Output::Is("all are blocked\n"),
            end: End::Exited(9),
            story: "a: execve( exec execve=0 exit_group( exit9 ~ clone*16
                    others: stop*16 exit9*16",
            ..USUAL
        },
        Scenario {
            name: "killed_at_each_stop",
            program: "everything",
            way: Way::KilledAtEachStop,
            without: NOTHING_STOPS,
            short: "execve,getppid,exit_group,vfork,kill",
            long: "execve,getppid,exit_group,vfork,kill,wait4,rt_sigaction,munmap",
            ..USUAL
        },
        Scenario {
            name: "killed_anywhere",
            program: "killed_anywhere",
            arguments: &["26"],
            output: Output::Is("killed: 26\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*26 sig17*26
                    others: stop* sig10* sig17* fork* vfork* clone* execve(* exec* execve)* exit_group(* exit0* kill9*",
            ..USUAL
        },
        Scenario {
            name: "killed_at_birth",
            program: "killed_at_birth",
            arguments: &["12"],
            output: Output::Is("ended as they must: 12\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*12 sig17*12
                    others: stop* clone* execve(*4 exec*4 execve=0*4 exit_group(*8 exit0* exit3* kill9*",
            ..USUAL
        },
        Scenario {
            name: "stop_cont",
            program: "stop_cont",
            output: Output::Is(
                "ticks while stopped: 0\nticks while stopped: 0\nticks while stopped: 0\nended with 3\n",
            ),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17*1-7
                    others: stop*20 clone*4 sig19*3 group19*15 sig18*3 exit_group( exit3 exit0*4",
            ..USUAL
        },
        Scenario {
            name: "exec_stopped",
            program: "exec_stopped",
            arguments: &["12"],
            output: Output::Is("right: 12\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*12 sig17*
                    others: stop* clone* sig19* group19* sig18* execve(*12 exec*12 execve=0*12 exit_group(*12 exit12*12 exit0*12",
            ..USUAL
        },
        Scenario {
            name: "vfork_stopped",
            program: "vfork_stopped",
            short: "execve,exit_group,vfork",
            output: Output::Is("before its child executes: D\nstopped: 1\nended with 12\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17*1-3
                    b: stop vfork( vfork vfork) sig19 group19 stop sig18 exit_group( exit12 ~ sig17
                    c: stop execve( exec execve=0 exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "sigtraps",
            program: "sigtraps",
            output: Output::Is("raise: 1, code -6\nint3: 2, code 128\nby default: 1005\n"),
            story: "a: execve( exec execve=0 sig5 sig5 fork exit_group( exit0 ~ sig17
                    b: stop sig5 kill5",
            ..USUAL
        },
        Scenario {
            name: "all_signals",
            program: "all_signals",
            output: Output::Is("once: 62, unchanged: 62\n"),
            story: "a: execve( exec execve=0 sig1 sig2 sig3 sig4 sig5 sig6 sig7 sig8 sig10 sig11 sig12 sig13 sig14 sig15 \
                    sig16 sig17 stop sig18 sig20 sig21 sig22 sig23 sig24 sig25 sig26 sig27 sig28 sig29 sig30 sig31 sig32 \
                    sig33 sig34 sig35 sig36 sig37 sig38 sig39 sig40 sig41 sig42 sig43 sig44 sig45 sig46 sig47 sig48 \
                    sig49 sig50 sig51 sig52 sig53 sig54 sig55 sig56 sig57 sig58 sig59 sig60 sig61 sig62 sig63 sig64 \
                    exit_group( exit0",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "restart_syscall",
            program: "restart_syscall",
            short: "execve,exit_group,nanosleep,restart_syscall",
            output: Output::Is("interrupted: yes, time is left: yes\nended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17 nanosleep(* nanosleep)*
                    tracer b: stop nanosleep( nanosleep=-516 sig28 restart_syscall( restart_syscall=-516 sig10 exit_group( exit0
                    supervisor b: nanosleep( exit_group(
                    stream b: nanosleep( exit_group(",
            ..USUAL
        },
        Scenario {
            name: "sa_restart",
            program: "sa_restart",
            short: "execve,exit_group,read",
            output: Output::Is("read 1: x\nended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17 read(* read)*
                    b: stop read( read=-512 sig10 read( read=1 exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "signal_storm",
            program: "signal_storm",
            arguments: &["100"],
            short: "execve,exit_group,getppid",
            output: Output::Is("getppid(2): 1000 as asked, signals: 100\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ getppid(*1000 getppid)*1000 sig14*100",
            ..USUAL
        },
        Scenario {
            name: "supervisor_held_restart",
            program: "supervisor_held",
            arguments: &["restart"],
            short: "execve,exit_group,getppid",
            long: "execve,exit_group,getppid,%memory",
            output: Output::Is("getppid(2): as asked\nended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    b: stop getppid( getppid) sig10 exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "supervisor_held_kill",
            program: "supervisor_held",
            arguments: &["kill"],
            short: "execve,exit_group,getppid",
            long: "execve,exit_group,getppid,%memory",
            output: Output::Is("ended with 1009\n"),
            // A call that was not received is not counted.
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    tracer b: stop getppid( getppid) kill9
                    stream b: getppid(",
            ..USUAL
        },
        Scenario {
            name: "failing_exec",
            program: "failing_exec",
            output: Output::Is("ENOENT\nEACCES\nE2BIG\nENOEXEC\n"),
            story: "a: execve( exec execve=0 execve( execve=-2 execve( execve=-13 execve( execve=-7 \
                    execve( execve=-8 exit_group( exit0",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "unknown_numbers",
            program: "unknown_numbers",
            short: "execve,exit_group,getpid",
            output: Output::Is(
                "1000: -38\n-1: -38\nx32 39: -38\nx32 1000: -38\nupper half: its process id\n\
                 i386 20: its process id\ni386 1000: -38\ni386 -1: -38\n",
            ),
            story: "a: execve( exec execve=0 i386:getpid( i386:getpid) getpid( getpid) getpid( getpid) x32:getpid( x32:getpid=-38 \
                    getpid( getpid) getpid( getpid) getpid( getpid) getpid( getpid) i386:getpid( i386:getpid) \
                    getpid( getpid) getpid( getpid) getpid( getpid) exit_group( exit0",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "untraced_clone_waited_for",
            program: "untraced_clone",
            arguments: &["waited-for"],
            short: "execve",
            long: "!read,close,openat,write,exit_group,umask",
            output: Output::Is("parent\nchild: 1\n"),
            story: "a: execve( exec execve=0 exit0 ~ sig17",
            escaped: 1,
            ..USUAL
        },
        Scenario {
            name: "untraced_clone_left_alone",
            program: "untraced_clone",
            arguments: &["left-alone"],
            short: "execve",
            long: "!read,close,openat,write,exit_group,umask",
            output: Output::Is("parent\nchild: 0\n"),
            story: "a: execve( exec execve=0 exit0
                    others: exit0",
            escaped: 1,
            ..USUAL
        },
        Scenario {
            name: "forged_sigchld",
            program: "forged_sigchld",
            output: Output::Is("told of the end of process 1\n"),
            story: "a: execve( exec execve=0 sig17 exit_group( exit0",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "clone_flags",
            program: "clone_flags",
            output: Output::Is("CLONE_PTRACE: 2\nCLONE_PARENT: has the parent's parent: yes\n"),
            story: "a: execve( exec execve=0 fork fork exit_group( exit0 ~ sig17
                    b: stop exit_group( exit2
                    c: stop exit_group( exit3",
            ..USUAL
        },
        Scenario {
            name: "own_filter_errno",
            program: "own_filter",
            arguments: &["errno"],
            short: "execve,exit_group,geteuid",
            output: Output::Is("errno\ngeteuid(2): EXFULL\n"),
            story: "ptrace a: execve( exec execve=0 geteuid( geteuid=-54 exit_group( exit0
                    filter a: execve( exec execve=0 exit_group( exit0
                    stream a: execve( exit_group(",
            ..USUAL
        },
        Scenario {
            name: "own_filter_trace",
            program: "own_filter",
            arguments: &["trace"],
            short: "execve,exit_group,geteuid",
            output: Output::Is("trace\ngeteuid(2): ENOSYS\n"),
            story: "ptrace a: execve( exec execve=0 geteuid( geteuid=-38 exit_group( exit0
                    filter a: execve( exec execve=0 geteuid( exit_group( exit0
                    stream a: execve( exit_group(",
            ..USUAL
        },
        Scenario {
            name: "own_filter_trap",
            program: "own_filter",
            arguments: &["trap"],
            output: Output::Is("trap\nsignal 31, code 1, call 107\n"),
            end: End::Killed(31),
            story: "a: execve( exec execve=0 sig31 sig31 kill31",
            ..USUAL
        },
        Scenario {
            name: "own_filter_kill_process",
            program: "own_filter",
            arguments: &["kill-process"],
            output: Output::Is("kill-process\n"),
            end: End::Killed(31),
            story: "a: execve( exec execve=0 kill31 ~ clone?
                    b: stop kill31",
            ..USUAL
        },
        Scenario {
            name: "own_filter_kill_thread",
            program: "own_filter",
            arguments: &["kill-thread"],
            output: Output::Is("kill-thread\nthe process went on\n"),
            story: "a: execve( exec execve=0 clone exit_group( exit0
                    b: stop kill31",
            ..USUAL
        },
        Scenario {
            name: "strict_mode",
            program: "own_filter",
            arguments: &["strict"],
            output: Output::Is("strict\nin strict mode\n"),
            end: End::Killed(9),
            story: "ptrace a: execve( exec execve=0 kill9
                    filter a: execve( exec execve=0 exit_group( exit0
                    stream a: execve(",
            notices_filters: true,
            ..USUAL
        },
        Scenario {
            name: "calls_ptrace",
            program: "calls_ptrace",
            short: "execve,exit_group,ptrace",
            output: Output::Is("PTRACE_TRACEME: allowed\nPTRACE_SEIZE: allowed\nended with 1009\n"),
            story: "a: execve( exec execve=0 fork fork ptrace( ptrace=-1 exit_group( exit0 ~ sig17*2
                    b: stop ptrace( ptrace=-1 exit_group( exit0
                    c: stop kill9",
            ..USUAL
        },
        Scenario {
            name: "set_user_id_as_root",
            program: "set_user_id",
            arguments: &["./privileged"],
            way: Way::SetUserId,
            output: Output::Is("executing\nrights of the file's owner\n"),
            story: "a: execve( exec execve=0 execve( exec execve=0 exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "set_user_id_as_nobody",
            program: "set_user_id",
            arguments: &["./privileged"],
            way: Way::SetUserIdAsNobody,
            output: Output::Is("executing\nrights of the file's owner\n"),
            story: "a: execve( exec execve=0 execve( exec execve=0 exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "kills_tracer",
            program: "kills_tracer",
            arguments: &["0"],
            way: Way::KillsTracer,
            without: COUNTED_FROM_ITS_TRACER,
            ..USUAL
        },
        Scenario {
            name: "kills_guardian",
            program: "kills_tracer",
            arguments: &["1"],
            way: Way::KillsTracer,
            without: COUNTED_FROM_ITS_TRACER,
            ..USUAL
        },
        Scenario {
            name: "kills_harness",
            program: "kills_tracer",
            arguments: &["2"],
            way: Way::KillsHarness,
            without: COUNTED_FROM_ITS_TRACER,
            ..USUAL
        },
        Scenario {
            name: "orphan",
            program: "orphan",
            output: Output::Is("orphan: leads its session: no\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17?
                    b: stop fork exit_group( exit0 ~ sig17?
                    c: stop exit_group( exit7",
            ..USUAL
        },
        Scenario {
            name: "zombies",
            program: "zombies",
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17?
                    b: stop fork fork fork exit_group( exit7 ~ sig17*1-3
                    c: stop exit_group( exit1
                    d: stop exit_group( exit2
                    e: stop exit_group( exit3",
            ..USUAL
        },
        Scenario {
            name: "beside_unknown_child",
            program: "exec",
            way: Way::BesideUnknownChild,
            output: Output::Is("first\nsecond\n"),
            end: End::Exited(3),
            story: "a: execve( exec execve=0 execve( exec execve=0 exit_group( exit3",
            // Of what the harness leaves alone, whatever the mode.
            without: &[Kind::Peer],
            ..USUAL
        },
        Scenario {
            name: "transparency",
            program: "transparency",
            arguments: &["an argument", ""],
            output: Output::AsUntraced,
            story: "a: execve( exec execve=0 exit_group( exit0",
            every_call: true,
            ..USUAL
        },
        Scenario {
            name: "untraced_calls",
            program: "untraced_calls",
            long: "!umask,getppid",
            // It stops twice at each of them.
            without: &[Kind::EveryCall],
            output: Output::Is("ended with 0\n"),
            story: "a: execve( exec execve=0 fork exit_group( exit0 ~ sig17
                    b: stop exit_group( exit0",
            ..USUAL
        },
        Scenario {
            name: "thread_calls",
            program: "thread_calls",
            arguments: &["50", "100"],
            short: "execve,exit_group,getppid",
            output: Output::Is("50 threads, 100 calls each\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ clone*50
                    others: stop*50 getppid(*5000 getppid)*5000 exit0*50",
            ..USUAL
        },
        Scenario {
            name: "many_thread_calls",
            program: "thread_calls",
            arguments: &["200", "1000"],
            short: "execve,exit_group,getppid",
            long: "execve,exit_group,getppid,%desc",
            output: Output::Is("200 threads, 1000 calls each\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ clone*200
                    others: stop*200 getppid(*200000 getppid)*200000 exit0*200",
            ignored: true,
            ..USUAL
        },
        Scenario {
            name: "processes",
            program: "processes",
            arguments: &["100", "400"],
            output: Output::Is("alive at once: 100, in a row: 400\n"),
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*500 sig17*
                    others: stop*500 exit_group(*500 exit1*100 exit2*400",
            ..USUAL
        },
        Scenario {
            name: "many_processes",
            program: "processes",
            arguments: &["2000", "10000"],
            output: Output::Is("alive at once: 2000, in a row: 10000\n"),
            long: "execve,exit_group,wait4",
            story: "a: execve( exec execve=0 exit_group( exit0 ~ fork*12000 sig17*
                    others: stop*12000 exit_group(*12000 exit1*2000 exit2*10000",
            ignored: true,
            ..USUAL
        },
];
