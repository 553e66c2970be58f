//! The supervisor on the live kernel, as an ordinary user may have it.

use harness_cbpf::Action;
use harness_filter::Options as FilterOptions;
use harness_notify::{Accepted, Error, Log, Options, Outcome, probe, supervise};
use harness_sys::launcher::{Launch, LaunchError, Start, Step};
use harness_sys::seccomp::{self, Insn, code};
use harness_sys::{Errno, Tid, process, wait};
use harness_syscalls::{Abi, Table, TraceSet};
use harness_testing::{Missing, compiled, in_own_process, skip};
use harness_tracer::End;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

const SIGSEGV: i32 = 11;

/// The program of a set, as the modes compile it.
fn notify_of(set: &str) -> Vec<Insn> {
    let set = TraceSet::parse(set, Table::current()).expect("a trace set");
    let options = FilterOptions::new(Action::UserNotif, Action::Allow);
    let compiler = harness_filter::find("linear").expect("a compiler");
    let program = compiler.compile(&set, &options).expect("a program");
    program.instructions().to_vec()
}

fn run(words: &[&str], set: &str, options: Options) -> Result<Outcome, Error> {
    run_logged(words, set, options, None)
}

fn run_logged(
    words: &[&str],
    set: &str,
    options: Options,
    log: Option<&mut dyn Log>,
) -> Result<Outcome, Error> {
    process::become_subreaper().expect("prctl(2)");
    let environment = [("PATH".into(), "/usr/bin:/bin".into())];
    let launch = Launch::new(
        OsStr::new(words[0]),
        words.iter().map(OsStr::new),
        environment,
    );
    let program = notify_of(set);
    let child = launch
        .expect("a program")
        .spawn(Start::UNTRACED.supervised(&program))?;
    supervise(child, options, log)
}

/// Each count, as `ABI:name`.
fn counts(outcome: &Outcome) -> Vec<(String, u64)> {
    let name = |abi: Abi, number| Table::current().name_of(abi, number).map(str::to_owned);
    let counts = outcome.counts.calls.iter();
    let mut counts: Vec<_> = counts
        .map(|(abi, number, count)| {
            let name = name(abi, number).unwrap_or_else(|| number.to_string());
            (format!("{abi}:{name}"), count.calls)
        })
        .collect();
    counts.sort();
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(outcome.counts.traced_events, all);
    let answered = outcome.counts.traced_events + outcome.counts.withdrawn;
    assert_eq!(outcome.counts.notifications, answered);
    counts
}

fn of(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = |&(name, count): &(&str, u64)| (name.to_owned(), count);
    expected.iter().map(owned).collect()
}

fn no_process_is_left() {
    assert_eq!(wait::any(), Err(Errno::ECHILD));
}

/// A program of `tests/tracees`; its directory is removed with the first of the two.
fn tracee(name: &str, flags: &[&str]) -> Option<(tempfile::TempDir, PathBuf)> {
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join(name);
    let source = format!("{}/tests/tracees/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let fixed = ["-O1", "-Wall", "-Wextra", "-pthread", "-o"].map(OsStr::new);
    let files = [program.as_os_str(), OsStr::new(&source)];
    let flags = flags.iter().map(OsStr::new);
    compiled(fixed.into_iter().chain(files).chain(flags), name).then_some((directory, program))
}

fn word(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// With and without synchronous wake-ups, where the kernel has them.
fn ways() -> Vec<Options> {
    let with = |sync| Options { sync };
    let mut ways = vec![with(false)];
    match probe(true) {
        Ok(_) => ways.push(with(true)),
        Err(error) => skip(Missing::Host, &format!("synchronous wake-ups: {error}")),
    }
    ways
}

#[test]
fn counts_are_exact_across_processes_and_threads() {
    let Some((_directory, program)) = tracee("forks_and_threads", &[]) else {
        return;
    };
    in_own_process(|| {
        for options in ways() {
            let outcome = run(&[word(&program)], "getppid,execve,exit_group", options);
            let outcome = outcome.expect("it is supervised");
            assert_eq!(outcome.end, End::Exited(7));
            let expected = [
                ("x86_64:execve", 1),
                ("x86_64:exit_group", 4),
                ("x86_64:getppid", 4 * 3 * 50),
            ];
            assert_eq!(counts(&outcome), of(&expected), "{options:?}");
            assert_eq!(outcome.facts.sync, options.sync);
            no_process_is_left();
        }
    });
}

/// From execve(2) on, which comes right after the listener is taken, to exit_group(2).
#[test]
fn every_call_of_a_program_is_seen() {
    let flags = ["-nostdlib", "-static", "-fno-stack-protector"];
    let Some((_directory, program)) = tracee("bare", &flags) else {
        return;
    };
    in_own_process(|| {
        for options in ways() {
            let outcome = run(&[word(&program)], "all", options).expect("it is supervised");
            assert_eq!(outcome.end, End::Exited(5));
            let expected = [
                ("x86_64:execve", 1),
                ("x86_64:exit_group", 1),
                ("x86_64:getppid", 3),
            ];
            assert_eq!(counts(&outcome), of(&expected));
            assert_eq!(outcome.counts.withdrawn, 0);
        }
    });
}

#[test]
fn calls_of_another_abi_are_told_apart() {
    let flags = ["-nostdlib", "-static", "-fno-stack-protector", "-DINT80"];
    let Some((_directory, program)) = tracee("bare", &flags) else {
        return;
    };
    in_own_process(|| {
        let outcome = run(&[word(&program)], "getpid", Options::default());
        let outcome = outcome.expect("it is supervised");
        if outcome.end == End::Killed(SIGSEGV) {
            skip(Missing::Host, "calls of i386: the kernel has none");
            return;
        }
        assert_eq!(counts(&outcome), of(&[("i386:getpid", 1)]));
    });
}

/// A signal can withdraw a notification, and the call that is begun again counts once.
#[test]
fn counts_are_exact_under_signals() {
    let Some((_directory, program)) = tracee("signalled", &[]) else {
        return;
    };
    in_own_process(|| {
        for words in [&[word(&program)][..], &[word(&program), "no-restart"]] {
            for options in ways() {
                let outcome = run(words, "getppid", options).expect("it is supervised");
                assert_eq!(outcome.end, End::Exited(0), "{words:?}");
                assert_eq!(counts(&outcome), of(&[("x86_64:getppid", 20_000)]));
            }
        }
    });
}

#[test]
fn a_listener_of_the_programs_own_is_refused() {
    let Some((_directory, program)) = tracee("own_listener", &[]) else {
        return;
    };
    in_own_process(|| {
        let outcome = run(&[word(&program)], "getppid", Options::default());
        let end = outcome.expect("it is supervised").end;
        assert_eq!(end, End::Exited(Errno::EBUSY as i32));
    });
}

#[test]
fn processes_that_are_killed_in_their_calls_end() {
    let Some((_directory, program)) = tracee("killed", &[]) else {
        return;
    };
    in_own_process(|| {
        for options in ways() {
            let outcome = run(&[word(&program)], "getppid", options).expect("it is supervised");
            assert_eq!(outcome.end, End::Exited(0));
            // How many calls the children made is chance; that each is in one of two counts is not.
            assert_eq!(counts(&outcome).len(), 1);
            no_process_is_left();
        }
    });
}

#[test]
fn a_tree_ends_with_its_last_orphan() {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = directory.path().join("mark");
    in_own_process(|| {
        let script = format!("(sleep 0.2; echo >{}) & exit 3", mark.display());
        let outcome = run(&["sh", "-c", &script], "exit_group", Options::default());
        let outcome = outcome.expect("it is supervised");
        assert_eq!(outcome.end, End::Exited(3));
        assert_eq!(counts(&outcome), of(&[("x86_64:exit_group", 3)]));
        assert!(mark.exists());
        assert!(outcome.wall.as_millis() >= 200);
    });
}

#[test]
fn a_program_that_cannot_be_executed_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "#!/no/such/interpreter\n").expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("permissions");
    in_own_process(|| {
        // All of its calls on the way to its end are in the set.
        let error = run(&[word(&file)], "all", Options::default()).expect_err("no interpreter");
        let Error::Launch(LaunchError::Child { step, errno, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!((step, errno), (Step::Exec, Errno::ENOENT));
        no_process_is_left();
    });
}

/// Keeps what it is told, and fails at the `last` call.
struct Calls {
    started: Option<Instant>,
    seen: Vec<Accepted>,
    last: usize,
}

impl Log for Calls {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.started = Some(now);
        Ok(())
    }

    fn accepted(&mut self, call: &Accepted) -> io::Result<()> {
        self.seen.push(*call);
        if self.seen.len() == self.last {
            return Err(io::Error::other("no room"));
        }
        Ok(())
    }
}

#[test]
fn a_log_is_told_of_every_call_in_order() {
    let Some((_directory, program)) = tracee("forks_and_threads", &[]) else {
        return;
    };
    in_own_process(|| {
        let mut log = Calls {
            started: None,
            seen: Vec::new(),
            last: usize::MAX,
        };
        let (words, set) = ([word(&program)], "getppid,execve");
        let outcome = run_logged(&words, set, Options::default(), Some(&mut log));
        let outcome = outcome.expect("it is supervised");
        let told = u64::try_from(log.seen.len()).expect("a number");
        assert_eq!(told, outcome.counts.traced_events);
        assert!(log.seen.is_sorted_by_key(|call| call.at));
        assert!(log.seen[0].at >= log.started.expect("it was told of the start"));
        let execve = 59; // arch/x86/entry/syscalls/syscall_64.tbl
        assert_eq!((log.seen[0].abi, log.seen[0].number), (Abi::X86_64, execve));
        let mut threads: Vec<Tid> = log.seen.iter().map(|call| call.tid).collect();
        threads.sort_unstable();
        threads.dedup();
        assert_eq!(threads.len(), 12);
    });
}

/// Whatever the error: here that of a log, in the middle of a tree.
#[test]
fn an_error_leaves_no_process() {
    in_own_process(|| {
        let mut log = Calls {
            started: None,
            seen: Vec::new(),
            last: 4,
        };
        let script = "sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000";
        let words = ["sh", "-c", script];
        let error = run_logged(&words, "execve", Options::default(), Some(&mut log));
        assert!(matches!(error, Err(Error::Log(_))), "{error:?}");
        no_process_is_left();
    });
}

const SECCOMP: u32 = 317;
const PIDFD_GETFD: u32 = 438;
const IOCTL: u32 = 16;
// uapi/linux/seccomp.h
const NOTIF_SEND: u32 = 0xc018_2101;
const NOTIF_SET_FLAGS: u32 = 0x4008_2104;
const WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// Lets a call fail whose second argument, its lower half, compares so: as on a kernel that has it not.
fn forbid(number: u32, comparison: u16, second: u32, errno: Errno) {
    const SECOND_ARGUMENT: u32 = 24;
    const ALLOW: u32 = 0x7fff_0000;
    const ERRNO: u32 = 0x0005_0000;
    let errno = u32::try_from(errno as i32).expect("a number");
    let program = [
        Insn::statement(code::LD_ABS, 0), // nr
        Insn::jump(code::JEQ_K, number, 0, 3),
        Insn::statement(code::LD_ABS, SECOND_ARGUMENT),
        Insn::jump(comparison, second, 0, 1),
        Insn::statement(code::RET_K, ERRNO | errno),
        Insn::statement(code::RET_K, ALLOW),
    ];
    seccomp::set_no_new_privs().expect("prctl(2)");
    seccomp::install(&program).expect("a filter");
}

#[test]
fn what_is_missing_is_found_by_trying_and_its_remedy_is_named() {
    for (number, comparison, second, errno, remedy) in [
        (SECCOMP, code::JSET_K, 1 << 3, Errno::EINVAL, "Linux 5.0"),
        (
            SECCOMP,
            code::JSET_K,
            1 << 3,
            Errno::EBUSY,
            "one listener only",
        ),
        (PIDFD_GETFD, code::JGE_K, 0, Errno::ENOSYS, "Linux 5.6"),
        (PIDFD_GETFD, code::JGE_K, 0, Errno::EPERM, "ptrace_scope"),
        (IOCTL, code::JEQ_K, NOTIF_SEND, Errno::EINVAL, "Linux 5.5"),
        (
            IOCTL,
            code::JEQ_K,
            NOTIF_SET_FLAGS,
            Errno::EINVAL,
            "Linux 6.6",
        ),
    ] {
        in_own_process(|| {
            forbid(number, comparison, second, errno);
            let error = probe(true).expect_err("it is forbidden");
            let found = error.remedy();
            assert!(found.contains(remedy), "{error}: {found}");
            no_process_is_left();
            let error = run(&["sleep", "1000"], "execve", Options { sync: true });
            assert_eq!(error.expect_err("it is forbidden").remedy(), found);
            no_process_is_left();
        });
    }
}

/// What is left out is said, and nothing else differs where no signal comes.
#[test]
fn a_kernel_without_killable_waits_is_supervised_too() {
    let Some((_directory, program)) = tracee("forks_and_threads", &[]) else {
        return;
    };
    in_own_process(|| {
        forbid(SECCOMP, code::JSET_K, WAIT_KILLABLE_RECV, Errno::EINVAL);
        let facts = probe(false).expect("it can be supervised");
        assert!(!facts.wait_killable);
        let outcome = run(&[word(&program)], "getppid", Options::default());
        let outcome = outcome.expect("it is supervised");
        assert!(!outcome.facts.wait_killable);
        assert_eq!(counts(&outcome), of(&[("x86_64:getppid", 600)]));
    });
}

/// There a signal ends the wait of a call that was received. It is begun again, notified of again,
/// and counts once.
#[test]
fn a_notification_that_a_signal_withdraws_does_not_count() {
    let Some((_directory, program)) = tracee("signalled", &[]) else {
        return;
    };
    in_own_process(|| {
        forbid(SECCOMP, code::JSET_K, WAIT_KILLABLE_RECV, Errno::EINVAL);
        for words in [&[word(&program)][..], &[word(&program), "no-restart"]] {
            let outcome = run(words, "getppid", Options::default()).expect("it is supervised");
            assert_eq!(outcome.end, End::Exited(0), "{words:?}");
            let counts = outcome.counts;
            assert!(counts.withdrawn > 5, "{counts:?}");
            assert_eq!(
                counts.notifications,
                counts.traced_events + counts.withdrawn
            );
            // A signal in the moment of the answer makes one count twice, which is rare.
            let twice = counts.traced_events - 20_000;
            assert!(twice <= counts.withdrawn / 5, "{counts:?}");
        }
    });
}
