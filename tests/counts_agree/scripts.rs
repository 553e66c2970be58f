//! Random programs: scripts of `tests/tracees/script.c`, whose calls the script determines.
//!
//! `HARNESS_SCRIPTS_SEED` and `HARNESS_SCRIPTS` repeat a program that was counted differently, whose
//! message has both, or make more of them.

use crate::common::number;
use crate::counting::{self, Counted, Differs, REFERENCE, Under, compare};
use harness_stats::random::Rng;
use harness_testing::{Missing, compiled, skip};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing that a program can do.
struct Operation {
    letter: char,
    /// Whether it has a script of its own, which another task runs.
    nests: bool,
    /// Whether it makes tasks.
    tasks: bool,
    /// What it calls at least, and how many of that fail. Of a call that stands here in any row, all
    /// calls of a program do.
    makes: &'static [(&'static str, u64, u64)],
    differs: &'static [Differs],
}

const USUAL: Operation = Operation {
    letter: ' ',
    nests: false,
    tasks: false,
    makes: &[],
    differs: &[],
};

/// The thread that calls pause(2) is killed in it.
const KILLED_IN_PAUSE: &[Differs] = &[
    Differs {
        under: Under::Strace,
        call: "pause",
        calls: -1,
        errors: 0,
        why: "it counts a call when it returns",
    },
    Differs {
        under: Under::Tracepoints,
        call: "pause",
        calls: 0,
        errors: 1,
        why: "a call that SIGKILL ends returns, with ERESTARTNOHAND, to sys_exit, and no further: a tracer is not told",
    },
];

const fn not_counted(call: &'static str) -> Differs {
    Differs {
        under: Under::Strace,
        call,
        calls: -1,
        errors: -1,
        why: "strace -c leaves out numbers that it has no name for",
    }
}

/// Of the letter that denies mkdir(2) to the script that it runs; there the letter `M` stands for `m`.
const FILTERED: char = 'D';
const DENIED: char = 'M';

const OPERATIONS: &[Operation] = &[
    Operation {
        letter: 'g',
        makes: &[("getppid", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'c',
        makes: &[("uname", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'n', // openat(2): ENOENT
        ..USUAL
    },
    Operation {
        letter: 'b', // close(2): EBADF
        ..USUAL
    },
    Operation {
        letter: 'l',
        makes: &[("lseek", 1, 1)], // EBADF
        ..USUAL
    },
    Operation {
        letter: 'y', // prctl(2): EINVAL
        ..USUAL
    },
    Operation {
        letter: 'm',
        makes: &[("mkdir", 1, 1)], // ENOENT
        ..USUAL
    },
    Operation {
        letter: DENIED,
        makes: &[("mkdir", 1, 1)], // EACCES
        differs: &[Differs {
            under: Under::AfterOwnFilters,
            call: "mkdir",
            calls: -1,
            errors: -1,
            why: "the program's own filter denies it before anybody else is told of it",
        }],
        ..USUAL
    },
    Operation {
        letter: 'q', // execve(2): ENOENT
        ..USUAL
    },
    Operation {
        letter: 'u', // 9999: ENOSYS
        makes: &[("1023", 1, 1)],
        differs: &[not_counted("1023")],
        ..USUAL
    },
    Operation {
        letter: 'U', // -1, which has the bit of x32, too: ENOSYS
        makes: &[("x32:1023", 1, 1)],
        differs: &[not_counted("x32:1023")],
        ..USUAL
    },
    Operation {
        letter: 'x', // 9999 with the bit of x32: ENOSYS
        makes: &[("x32:1023", 1, 1)],
        differs: &[not_counted("x32:1023")],
        ..USUAL
    },
    Operation {
        letter: 'i',
        makes: &[("i386:getpid", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'I',
        makes: &[("i386:close", 1, 1)], // EBADF
        ..USUAL
    },
    Operation {
        letter: 'p',
        makes: &[("pipe2", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 's', // a signal to itself, which it handles
        makes: &[("tgkill", 1, 0), ("rt_sigreturn", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'S', // the same within sigsuspend(2), whose EINTR rt_sigreturn(2) restores
        makes: &[
            ("tgkill", 1, 0),
            ("rt_sigsuspend", 1, 1),
            ("rt_sigreturn", 1, 1),
        ],
        ..USUAL
    },
    Operation {
        letter: 'f', // fork(2), and waits
        nests: true,
        tasks: true,
        makes: &[("fork", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'F', // clone(2) of a process, waited for at the end
        nests: true,
        tasks: true,
        ..USUAL
    },
    Operation {
        letter: 't', // clone(2) of a thread, and waits
        nests: true,
        tasks: true,
        ..USUAL
    },
    Operation {
        letter: 'T', // the same, waited for at the end
        nests: true,
        tasks: true,
        ..USUAL
    },
    Operation {
        letter: 'v', // vfork(2), and the child executes the program
        nests: true,
        tasks: true,
        makes: &[("vfork", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'V', // vfork(2), and the child exits
        tasks: true,
        makes: &[("vfork", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'e', // fork(2), and the child executes the program
        nests: true,
        tasks: true,
        makes: &[("fork", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'X', // the same by a second thread, while the first one waits in pause(2)
        nests: true,
        tasks: true,
        makes: &[("fork", 1, 0), ("pause", 1, 0)],
        differs: KILLED_IN_PAUSE,
    },
    Operation {
        letter: 'K', // exit_group(2) by a second thread, while the first one waits in pause(2)
        tasks: true,
        makes: &[("fork", 1, 0), ("pause", 1, 0)],
        differs: KILLED_IN_PAUSE,
        ..USUAL
    },
    Operation {
        letter: 'k', // SIGKILL of a child that waits in pause(2)
        tasks: true,
        makes: &[("fork", 1, 0), ("pause", 1, 0), ("kill", 1, 0)],
        differs: KILLED_IN_PAUSE,
        ..USUAL
    },
    Operation {
        letter: 'a', // a child sends itself SIGTERM, which it does not handle
        tasks: true,
        makes: &[("fork", 1, 0), ("kill", 1, 0)],
        ..USUAL
    },
    Operation {
        letter: 'A', // a child sends itself SIGKILL
        tasks: true,
        makes: &[("fork", 1, 0), ("kill", 1, 0)],
        differs: &[Differs {
            under: Under::Strace,
            call: "kill",
            calls: -1,
            errors: 0,
            why: "it counts a call when it returns, which it does not to who is dead",
        }],
        ..USUAL
    },
    Operation {
        letter: 'z', // a child stops itself, and is continued
        tasks: true,
        makes: &[("fork", 1, 0), ("kill", 2, 0)],
        ..USUAL
    },
    Operation {
        letter: FILTERED,
        nests: true,
        tasks: true,
        makes: &[("fork", 1, 0)],
        ..USUAL
    },
];

/// By which one task waits for another.
const WAITING: [&str; 2] = ["sched_yield", "pread64"];

const LONGEST: usize = 7;
const DEEPEST: u32 = 3;

/// A script of the operations whose letters `allowed` has, with at most `tasks` that make tasks.
fn script(
    rng: &mut Rng,
    allowed: &dyn Fn(&Operation) -> bool,
    tasks: &mut u32,
    depth: u32,
    denied: bool,
) -> String {
    let mut script = String::new();
    for _ in 0..=rng.index(LONGEST) {
        let possible = OPERATIONS.iter().filter(|operation| {
            let deep = operation.nests && depth == DEEPEST;
            operation.letter != DENIED
                && allowed(operation)
                && !deep
                && (*tasks > 0 || !operation.tasks)
        });
        let possible: Vec<_> = possible.collect();
        let operation = possible[rng.index(possible.len())];
        let letter = match operation.letter {
            'm' if denied => DENIED,
            letter => letter,
        };
        script.push(letter);
        *tasks -= u32::from(operation.tasks);
        if operation.nests {
            let denied = denied || letter == FILTERED;
            let inner = self::script(rng, allowed, tasks, depth + 1, denied);
            let _ = write!(script, "({inner})");
        }
    }
    script
}

/// How often a script does something.
fn times(script: &str, operation: &Operation) -> u64 {
    script.matches(operation.letter).count() as u64
}

/// What of a script's operations a mode must count differently, and how often.
fn differs(script: &str, mode: &str, call: &str) -> Vec<(i64, &'static Differs)> {
    let mut differences = Vec::new();
    for operation in OPERATIONS {
        let times = i64::try_from(times(script, operation)).expect("a few");
        let of_call = |by: &&Differs| by.call == call && by.under.includes(mode);
        let of_operation = operation.differs.iter().filter(of_call);
        differences.extend(of_operation.map(|by| (times, by)));
    }
    differences.retain(|(times, _)| *times > 0);
    differences
}

/// What the reference counted of the calls that the script determines, where it is something else.
fn unlike_the_script(script: &str, (mode, counted): &Counted) -> Vec<String> {
    let total = |of: &dyn Fn(&(&str, u64, u64)) -> u64, call: &str| -> u64 {
        let of_operation = |operation: &Operation| {
            let calls = operation.makes.iter().filter(|(name, ..)| *name == call);
            times(script, operation) * calls.map(of).sum::<u64>()
        };
        OPERATIONS.iter().map(of_operation).sum()
    };
    let mut names: Vec<&str> = OPERATIONS
        .iter()
        .flat_map(|operation| operation.makes.iter().map(|makes| makes.0))
        .collect();
    names.sort_unstable();
    names.dedup();
    let unlike = names.into_iter().filter_map(|call| {
        let (calls, errors) = (total(&|makes| makes.1, call), total(&|makes| makes.2, call));
        let counted = counting::of(counted, call);
        (counted != (calls, Some(errors))).then(|| {
            format!(
                "{call}: the script makes {calls} with {errors} errors, {mode} counts {counted:?}"
            )
        })
    });
    unlike.collect()
}

/// The interpreter of scripts, compiled into a directory.
fn interpreter(directory: &Path, what: &str) -> Option<PathBuf> {
    let program = directory.join("script");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tracees/script.c");
    let flags = [
        "-std=gnu17",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pthread",
        "-o",
    ];
    let files = [program.as_os_str(), OsStr::new(source)];
    compiled(flags.map(OsStr::new).into_iter().chain(files), what).then_some(program)
}

/// Whose counts of every program are compared, where not those of all modes are.
const ALWAYS: [&str; 3] = [REFERENCE, "strace-c", "ebpf"];

/// Counts `programs` random programs: each under every mode, or under one in turn beside those of `ALWAYS`.
fn random_programs(programs: u64, every_mode: bool) {
    let what = "calls of random programs";
    let room = tempfile::tempdir().expect("a directory");
    let Some(modes) = counting::available(&["seccomp-linear"], what) else {
        return;
    };
    let Some(program) = interpreter(room.path(), what) else {
        return;
    };
    let ended = Command::new(&program)
        .arg("iI")
        .status()
        .expect("it starts");
    let has_i386 = ended.signal().is_none();
    if !has_i386 {
        let why = "the kernel has no i386 entry (CONFIG_IA32_EMULATION)";
        skip(Missing::Host, &format!("{what} by int 0x80: {why}"));
    }
    let allowed = |operation: &Operation| has_i386 || !"iI".contains(operation.letter);
    let always = |mode: &&'static str| ALWAYS.contains(mode);
    let (always, others): (Vec<_>, Vec<_>) = modes.iter().copied().partition(always);
    let first = number("HARNESS_SCRIPTS_SEED", 1);
    let (mut calls, mut errors) = (0, 0);
    let mut unlike = Vec::new();
    for seed in first..first + programs {
        let script = script(&mut Rng::new(seed), &allowed, &mut 20, 0, false);
        let words = [program.to_str().expect("UTF-8"), &script];
        let turn = usize::try_from(seed).unwrap_or(0) % others.len().max(1);
        let in_turn = others.iter().enumerate();
        let in_turn = in_turn.filter(|(at, _)| every_mode || *at == turn);
        let modes = always.iter().chain(in_turn.map(|(_, mode)| mode));
        let counted: Vec<_> = modes
            .map(|mode| counting::count(mode, &words, room.path()))
            .collect();
        let compared = compare(
            &counted,
            |call| WAITING.contains(&call),
            |mode, call| differs(&script, mode, call),
        );
        calls += compared.calls;
        errors += compared.errors;
        let lines = [compared.unlike, unlike_the_script(&script, &counted[0])].concat();
        if !lines.is_empty() {
            unlike.push(format!(
                "HARNESS_SCRIPTS_SEED={seed} HARNESS_SCRIPTS=1: {script}\n  {}",
                lines.join("\n  ")
            ));
        }
    }
    println!("{programs} programs under {modes:?}: {calls} calls with {errors} errors compared");
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
    assert!(calls > 0 && errors > 0, "nothing was compared");
}

#[test]
fn random_programs_are_counted_alike() {
    random_programs(number("HARNESS_SCRIPTS", 40), false);
}

#[test]
#[ignore = "takes minutes: cargo test --test counts_agree -- --ignored two_hundred --nocapture"]
fn two_hundred_random_programs() {
    random_programs(200, true);
}
