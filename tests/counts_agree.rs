//! Three mechanisms that have nothing in common count the same calls, each call by itself: ptrace(2),
//! user notification, and strace, which nobody here wrote.
//!
//! How often some calls are made depends on which process is the faster one, or on chance. They are
//! listed with the reason; every other call must be counted alike.

mod common;

use common::{PATH, modes};
use harness_mode::Job;
use harness_sys::launcher::{Launch, resolve};
use harness_sys::process;
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, compiled, in_own_process, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first is the reference.
const MODES: [&str; 3] = ["ptrace", "user-notify", "strace-c"];

/// Calls that never return, which `strace -c` counts none of.
const NEVER_RETURN: [&str; 2] = ["exit", "exit_group"];

/// A call whose number depends on timing or chance, and why.
type Varies = (&'static str, &'static str);

/// Whether all modes can run here.
fn can_run(what: &str) -> bool {
    MODES.iter().all(|mode| match modes::missing(mode) {
        None => true,
        Some((missing, why)) => {
            skip(missing, &format!("{what} under {mode}: {why}"));
            false
        }
    })
}

/// Calls by name.
type Counted = BTreeMap<String, u64>;

/// Every call of a program that must succeed, as a mode counts it.
fn calls(mode: &str, words: &[&str], directory: &Path) -> Counted {
    let room = tempfile::tempdir().expect("a directory");
    let (scratch, answer) = (room.path().join("scratch"), room.path().join("answer"));
    fs::create_dir(&scratch).expect("a directory");
    // A mode is for a process that does only this, and has one thread.
    in_own_process(|| {
        process::become_subreaper().expect("prctl(2)");
        let set = TraceSet::parse("all", Table::current()).expect("a trace set");
        let mode = harness_mode::find(mode).expect("a mode of the registry");
        mode.check().expect("it can run here");
        let environment = [("PATH".into(), PATH.into()), ("LC_ALL".into(), "C".into())];
        // By its path, as a peer starts it: bash(1) makes calls to find a path that it is not given.
        let program = resolve(OsStr::new(words[0]), Some(OsStr::new(PATH))).expect("a program");
        let program = program.as_os_str();
        let arguments = [program]
            .into_iter()
            .chain(words[1..].iter().map(OsStr::new));
        let mut launch = Launch::new(program, arguments, environment).expect("a program");
        launch.directory(directory).expect("a directory");
        let output = File::create(room.path().join("output")).expect("a file");
        for stream in [1, 2] {
            launch.descriptor(output.as_fd(), stream);
        }
        let mut job = Job {
            set: &set,
            log: None,
            scratch: Some(&scratch),
        };
        let outcome = mode.run(launch, &mut job).expect("it is run");
        assert_eq!(outcome.end, Some(harness_mode::End::Exited(0)));
        let calls = outcome.calls.expect("it counts calls by name").into_iter();
        let calls: Counted = calls.map(|(name, of)| (name, of.calls)).collect();
        fs::write(&answer, serde_json::to_vec(&calls).expect("JSON")).expect("a file");
    });
    serde_json::from_slice(&fs::read(&answer).expect("an answer")).expect("calls")
}

/// Compares what the modes count of a program; `prepare` makes its directory anew for each.
fn agree(what: &str, words: &[&str], varies: &[Varies], prepare: impl Fn(&Path)) {
    let counted = MODES.map(|mode| {
        let directory = tempfile::tempdir().expect("a directory");
        prepare(directory.path());
        calls(mode, words, directory.path())
    });
    let names: BTreeSet<&String> = counted.iter().flat_map(BTreeMap::keys).collect();
    let mut errors = Vec::new();
    let mut compared = 0;
    for name in names {
        let counts: Vec<u64> = counted
            .iter()
            .map(|calls| calls.get(name).copied().unwrap_or(0))
            .collect();
        if varies.iter().any(|(call, _)| *call == name.as_str()) {
            continue;
        }
        let alike = if NEVER_RETURN.contains(&name.as_str()) {
            &counts[..2]
        } else {
            &counts[..]
        };
        compared += counts[0];
        if alike.iter().any(|&count| count != counts[0]) {
            errors.push(format!("{name}: {}", described(&counts)));
        }
    }
    let all: u64 = counted[0].values().sum();
    println!("{what}: {compared} of {all} calls compared");
    assert!(errors.is_empty(), "{what}:\n{}", errors.join("\n"));
    assert!(compared > 0, "{what}: nothing was compared");
    for (call, why) in varies {
        let made = counted.iter().any(|calls| calls.contains_key(*call));
        assert!(made, "{what}: {call} is listed ({why}) and not made");
    }
}

fn described(counts: &[u64]) -> String {
    let each = MODES
        .iter()
        .zip(counts)
        .map(|(mode, count)| format!("{count} ({mode})"));
    each.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_pipeline_over_many_files() {
    let what = "calls of a pipeline";
    if !can_run(what) {
        return;
    }
    if !Path::new("/usr/share/doc").is_dir() {
        skip(
            Missing::Host,
            &format!("{what}: there is no /usr/share/doc"),
        );
        return;
    }
    let line = "ls -laR /usr/share/doc | sort | uniq -c | tail";
    agree(what, &["bash", "-c", line], PIPELINE, |_| {});
}

const PIPELINE: &[Varies] = &[(
    "read",
    "a reader of a pipe gets what is there, in one piece or in several",
)];

/// Two at once, so that they end in any order.
#[test]
fn a_parallel_build() {
    let what = "calls of a parallel build";
    if !can_run(what) || !harness_testing::installed("make", what) {
        return;
    }
    agree(what, &["make", "-s", "-j2"], BUILD, |directory| {
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("a file");
        let units: Vec<String> = (0..8).map(|i| format!("unit{i}")).collect();
        for unit in &units {
            let source = format!("#include <stdio.h>\nvoid {unit}(void) {{ puts(\"{unit}\"); }}\n");
            write(&format!("{unit}.c"), &source);
        }
        let declared = units.iter().map(|unit| format!("void {unit}(void);\n"));
        let called = units.iter().map(|unit| format!("{unit}();"));
        let (declared, called): (String, String) = (declared.collect(), called.collect());
        write(
            "main.c",
            &format!("{declared}int main(void) {{ {called} return 0; }}\n"),
        );
        let objects = units.iter().map(|unit| format!("{unit}.o"));
        let objects = objects.collect::<Vec<_>>().join(" ");
        write(
            "Makefile",
            &format!("program: main.o {objects}\n\tcc -o $@ $^\n%.o: %.c\n\tcc -c $<\n"),
        );
    });
}

/// A build that others know: GNU hello, unpacked in the directory that HELLO names.
#[test]
#[ignore = "needs the source of GNU hello: HELLO=/path/to/hello-2.10 cargo test --test counts_agree -- --ignored"]
fn gnu_hello() {
    let what = "calls of a parallel build of GNU hello";
    let source = std::env::var_os("HELLO").expect("HELLO names the unpacked source");
    if !can_run(what) || !harness_testing::installed("make", what) {
        return;
    }
    let varies = [BUILD, HEAP].concat();
    agree(what, &["make", "-s", "-j2"], &varies, |directory| {
        let copy = Path::new(&source).join(".");
        let run = |command: &mut Command| {
            let status = command.stdout(Stdio::null()).status().expect("it starts");
            assert!(status.success(), "{command:?}");
        };
        run(Command::new("cp").arg("-a").arg(&copy).arg(directory));
        run(Command::new("./configure").arg("-q").current_dir(directory));
    });
}

/// They differ from run to run under one mode, too.
const HEAP: &[Varies] = &[
    (
        "brk",
        "the compiler's heap begins at a random address, which decides how often it grows",
    ),
    ("mmap", "the same: what the heap has no room for is mapped"),
    ("munmap", "the same"),
];

const BUILD: &[Varies] = &[
    (
        "pselect6",
        "make(1) waits for a token of its job server, where the other job has it",
    ),
    ("read", "the same: it takes the token back"),
    ("write", "the same: it gives the token back"),
    (
        "rt_sigreturn",
        "two children that end at once make one SIGCHLD, or two",
    ),
    (
        "wait4",
        "make(1) asks until there is no child that has ended, so two that end at once take one call less",
    ),
    (
        "dup2",
        "make(1) gives a job a standard input of its own where the other job has the real one",
    ),
    ("close", "the same: it closes that input again"),
    (
        "prlimit64",
        "the same: posix_spawn(3) asks for RLIMIT_NOFILE for each dup2(2)",
    ),
    (
        "getrandom",
        "the C library draws the name of a temporary file again where it would be biased, one time in 22",
    ),
];

/// Calls by `int 0x80` have numbers of their own, some of which are other calls' of x86-64.
#[test]
fn a_program_with_i386_calls() {
    let what = "calls by int 0x80";
    if !can_run(what) {
        return;
    }
    let room = tempfile::tempdir().expect("a directory");
    let program = room.path().join("int80");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tracees/int80_calls.c");
    let flags = ["-std=gnu17", "-O1", "-o"].map(OsStr::new);
    let files = [program.as_os_str(), OsStr::new(source)];
    if !compiled(flags.into_iter().chain(files), what) {
        return;
    }
    let program = program.to_str().expect("UTF-8");
    let counted = calls(MODES[0], &[program], room.path());
    if !counted.contains_key("i386:getpid") {
        skip(
            Missing::Host,
            &format!("{what}: the kernel has no i386 entry (CONFIG_IA32_EMULATION)"),
        );
        return;
    }
    assert_eq!(counted["i386:getpid"], 1000);
    assert_eq!(counted["i386:write"], 10);
    assert_eq!(counted["getppid"], 100);
    agree(what, &[program], &[], |_| {});
}
