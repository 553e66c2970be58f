//! Programs that people run, and what of their calls depends on timing or chance.

use crate::counting::{self, REFERENCE, compare};
use harness_testing::{Missing, compiled, skip};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A call whose number depends on timing or chance, and why.
type Varies = (&'static str, &'static str);

/// Compares what the modes count of a program; `prepare` makes its directory anew for each.
fn agree(what: &str, words: &[&str], varies: &[Varies], prepare: impl Fn(&Path)) {
    let Some(modes) = counting::available(&["user-notify"], what) else {
        return;
    };
    let counted: Vec<_> = modes
        .iter()
        .map(|mode| {
            let directory = tempfile::tempdir().expect("a directory");
            prepare(directory.path());
            counting::count(mode, words, directory.path())
        })
        .collect();
    let is_listed = |call: &str| varies.iter().any(|(listed, _)| *listed == call);
    let compared = compare(&counted, is_listed, |_, _| Vec::new());
    let all: u64 = counted[0].1.values().map(|of| of.calls).sum();
    let (calls, errors) = (compared.calls, compared.errors);
    println!("{what}: {calls} of {all} calls compared, with {errors} errors, under {modes:?}");
    let unlike = compared.unlike.join("\n");
    assert!(unlike.is_empty(), "{what}:\n{unlike}");
    assert!(calls > 0, "{what}: nothing was compared");
    for (call, why) in varies {
        let made = counted.iter().any(|(_, calls)| calls.contains_key(*call));
        assert!(made, "{what}: {call} is listed ({why}) and not made");
    }
}

/// Compiles a program of `tests/tracees`, with further words for the compiler.
fn tracee(name: &str, flags: &[&str], directory: &Path, what: &str) -> Option<PathBuf> {
    let program = directory.join(name);
    let tracees = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tracees");
    let source = tracees.join(name).with_extension("c");
    let usual = ["-std=gnu17", "-O1", "-o"].map(OsStr::new).into_iter();
    let words = usual
        .chain([program.as_os_str(), source.as_os_str()])
        .chain(flags.iter().map(OsStr::new));
    compiled(words, what).then_some(program)
}

#[test]
fn a_pipeline_over_many_files() {
    let what = "calls of a pipeline";
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
    if !harness_testing::installed("make", what) {
        return;
    }
    let varies = [BUILD, HEAP].concat();
    agree(what, &["make", "-s", "-j2"], &varies, |directory| {
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
    if !harness_testing::installed("make", what) {
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
    let room = tempfile::tempdir().expect("a directory");
    let Some(program) = tracee("int80_calls", &[], room.path(), what) else {
        return;
    };
    let program = program.to_str().expect("UTF-8");
    let (_, counted) = counting::count(REFERENCE, &[program], room.path());
    if !counted.contains_key("i386:getpid") {
        skip(
            Missing::Host,
            &format!("{what}: the kernel has no i386 entry (CONFIG_IA32_EMULATION)"),
        );
        return;
    }
    assert_eq!(counted["i386:getpid"].calls, 1000);
    assert_eq!(counted["i386:write"].calls, 10);
    assert_eq!(counted["getppid"].calls, 100);
    agree(what, &[program], &[], |_| {});
}

/// Its execve(2) begins by one ABI and returns by the other.
#[test]
fn an_i386_program() {
    let what = "calls of an i386 program";
    let room = tempfile::tempdir().expect("a directory");
    let flags = ["-m32", "-static", "-nostdlib", "-ffreestanding"];
    let flags = [&flags[..], &["-fno-stack-protector", "-fno-pic", "-no-pie"]].concat();
    let Some(program) = tracee("i386_program", &flags, room.path(), what) else {
        return;
    };
    if Command::new(&program).status().is_err() {
        let why = "the kernel executes no i386 program (CONFIG_IA32_EMULATION)";
        skip(Missing::Host, &format!("{what}: {why}"));
        return;
    }
    let program = program.to_str().expect("UTF-8");
    let (_, counted) = counting::count(REFERENCE, &[program], room.path());
    let made = |name: &str| counted.get(name).map(|of| (of.calls, of.errors));
    assert_eq!(made("execve"), Some((1, Some(0))));
    assert_eq!(made("i386:getpid"), Some((100, Some(0))));
    assert_eq!(made("i386:close"), Some((10, Some(10))));
    assert_eq!(made("i386:fork"), Some((3, Some(0))));
    assert_eq!(made("i386:exit_group"), Some((4, Some(0))));
    agree(what, &[program], &[], |_| {});
}

/// Fifty threads that make their calls at once.
#[test]
fn a_threaded_program() {
    let what = "calls of fifty threads";
    let room = tempfile::tempdir().expect("a directory");
    let Some(program) = tracee("thread_calls", &["-pthread"], room.path(), what) else {
        return;
    };
    let program = program.to_str().expect("UTF-8");
    agree(what, &[program, "50", "100"], THREADS, |_| {});
}

const THREADS: &[Varies] = &[(
    "futex",
    "a thread waits for another where that is not there yet, and wakes whoever waits",
)];

/// Directories, links, and names that are not there.
#[test]
fn a_listing_of_a_tree() {
    let what = "calls of a listing of a tree";
    let command = "ls -laR . no-such-file; true";
    agree(what, &["sh", "-c", command], &[], |directory| {
        for number in 0..40 {
            let below = directory.join(format!("{}/{}", number % 5, number % 7));
            fs::create_dir_all(&below).expect("a directory");
            fs::write(below.join(format!("file{number}")), "text").expect("a file");
            let link = below.join(format!("link{number}"));
            std::os::unix::fs::symlink("no/such", link).expect("a link");
        }
    });
}
