//! Programs that make a tracer's life hard do under every mode what they do
//! untraced: the same output, the same end, nothing left behind.
//!
//! The programs are Python scripts, as nothing else here can fork, execute from
//! a thread and install a filter of its own without a line of C.

mod common;

use common::{Harness, installed, row};

/// A script whose output and exit code do not depend on who traces it.
struct Case {
    name: &'static str,
    code: i32,
    script: &'static str,
}

const CASES: [Case; 8] = [
    Case {
        name: "exec from a thread that is not the leader",
        code: 5,
        script: r"
import os, sys, threading, time
if len(sys.argv) > 1:
    print('executed', threading.get_native_id() == os.getpid())
    sys.stdout.flush()
    os._exit(5)
for _ in range(8):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
threading.Thread(target=lambda: os.execv(sys.executable, [sys.executable, __file__, 'again'])).start()
time.sleep(60)
",
    },
    Case {
        name: "exit_group while threads are blocked in calls",
        code: 7,
        script: r"
import os, threading
r, w = os.pipe()
for _ in range(32):
    threading.Thread(target=os.read, args=(r, 1), daemon=True).start()
os._exit(7)
",
    },
    Case {
        name: "every signal is delivered once",
        code: 0,
        script: r"
import os, signal
seen = []
numbers = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]
for n in numbers:
    signal.signal(n, lambda n, frame: seen.append(n))
for n in numbers:
    os.kill(os.getpid(), n)
print(seen == numbers, len(seen))
",
    },
    Case {
        name: "SIGSTOP stops, SIGCONT goes on",
        code: 0,
        script: r"
import os, signal, time
child = os.fork()
if child == 0:
    time.sleep(0.3)
    os._exit(3)
os.kill(child, signal.SIGSTOP)
pid, status = os.waitpid(child, os.WUNTRACED)
print(os.WIFSTOPPED(status), os.WSTOPSIG(status))
state = open(f'/proc/{child}/stat').read().rsplit(')', 1)[1].split()[0]
print(state in 'Tt')
os.kill(child, signal.SIGCONT)
pid, status = os.waitpid(child, 0)
print(os.WEXITSTATUS(status))
",
    },
    Case {
        name: "an orphan in a session of its own is traced to its end",
        code: 0,
        script: r"
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.2)
        print('orphan', os.getsid(0) != os.getpid())
",
    },
    Case {
        name: "calls that do not exist, and executions that fail",
        code: 0,
        script: r"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number in (1000, -1, 0x40000000 | 39, 0x40000000 | 1000):
    print(number, libc.syscall(number), ctypes.get_errno())
for path in ('/no/such/file', '/etc/passwd', '/etc'):
    try:
        os.execv(path, [path])
    except OSError as error:
        print(path, error.errno)
",
    },
    Case {
        name: "filters of its own: one that refuses, one that asks for a tracer",
        code: 0,
        script: r"
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
class Insn(ctypes.Structure):
    _fields_ = [('code', ctypes.c_uint16), ('jt', ctypes.c_uint8), ('jf', ctypes.c_uint8), ('k', ctypes.c_uint32)]
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_uint16), ('filter', ctypes.POINTER(Insn))]
GETPPID, GETEUID = 110, 107
program = (Insn * 6)(Insn(0x20, 0, 0, 0), Insn(0x15, 0, 1, GETPPID), Insn(0x06, 0, 0, 0x7ff00007),
                     Insn(0x15, 0, 1, GETEUID), Insn(0x06, 0, 0, 0x0005004d), Insn(0x06, 0, 0, 0x7fff0000))
print(libc.prctl(38, 1, 0, 0, 0), libc.prctl(22, 2, ctypes.byref(Program(6, program)), 0, 0))
for number in (GETPPID, GETEUID):
    print(libc.syscall(number), ctypes.get_errno())
",
    },
    Case {
        name: "two hundred short processes, and threads among them",
        code: 0,
        script: r"
import os, threading
for _ in range(100):
    if os.fork() == 0:
        os._exit(0)
    if os.fork() == 0:
        threads = [threading.Thread(target=os.getppid) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os._exit(0)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(200)]
print(codes.count(0))
",
    },
];

/// A short set that holds none of the calls that matter above but the refused
/// ones, and a long one.
const SETS: [&str; 3] = ["getppid", "%process,%signal,%file,geteuid", "!getppid"];

#[test]
fn programs_do_under_every_mode_what_they_do_untraced() {
    if !installed("python3", "programs that make a tracer's life hard") {
        return;
    }
    for case in &CASES {
        let mut untraced = None;
        for mode in ["none", "ptrace", "seccomp-linear", "seccomp-bitmap"] {
            for set in SETS {
                let harness = Harness::new();
                std::fs::write(harness.directory().join("script.py"), case.script)
                    .expect("a script");
                let words = [
                    "--ignore-failure",
                    "--modes",
                    mode,
                    "--trace",
                    set,
                    "--runs",
                    "1",
                    "--warmup",
                    "0",
                    "--output",
                    "r",
                ];
                let command = [
                    "--",
                    "/bin/sh",
                    "-c",
                    "exec timeout 20 python3 script.py > out",
                ];
                let record = harness.record(&[&words[..], &command].concat());
                let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"))
                    .expect("samples");
                let output =
                    std::fs::read_to_string(harness.directory().join("out")).expect("output");
                let seen = (output, column(&samples, "exit_code"));
                assert_eq!(
                    seen.1,
                    case.code.to_string(),
                    "{} under {mode} --trace {set}: {}",
                    case.name,
                    seen.0
                );
                assert_eq!(row(&record, "command", mode)["samples"], 1);
                assert_eq!(
                    record["warnings"].as_array().map(Vec::len),
                    Some(warnings(mode, &record)),
                    "{}",
                    case.name
                );
                let expected = untraced.get_or_insert_with(|| seen.clone());
                assert_eq!(*expected, seen, "{} under {mode} --trace {set}", case.name);
            }
        }
    }
}

/// An ordinary user is told of `no_new_privs` under a filter, and nothing else.
fn warnings(mode: &str, record: &serde_json::Value) -> usize {
    usize::from(mode.starts_with("seccomp") && record["environment"]["cap_sys_admin"] == false)
}

/// The value of a column in the only row.
fn column(samples: &str, name: &str) -> String {
    let mut lines = samples.lines().map(|line| line.split(','));
    let (header, row) = (
        lines.next().expect("a header"),
        lines.next().expect("a row"),
    );
    header
        .zip(row)
        .find(|(column, _)| *column == name)
        .expect("the column")
        .1
        .to_owned()
}

/// Threads that are killed before their first stop, by exit_group(2), execve(2)
/// or SIGKILL while a sibling makes them, have not escaped.
#[test]
fn threads_killed_at_birth_have_not_escaped() {
    if !installed("python3", "threads killed at birth") {
        return;
    }
    let script = r"
import os, signal, sys, threading, time, _thread
if len(sys.argv) > 1:
    os._exit(0)
def make():
    while True:
        try: _thread.start_new_thread(time.sleep, (0,))
        except RuntimeError: pass
for turn in range(60):
    child = os.fork()
    if child == 0:
        sys.setswitchinterval(1e-4)
        for _ in range(3): threading.Thread(target=make, daemon=True).start()
        time.sleep(0.0003 * (turn % 7))
        if turn % 3 == 0: os._exit(3)
        if turn % 3 == 1: os.execv('/bin/true', ['true'])
        time.sleep(60)
    if turn % 3 == 2:
        time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (3, 0, -9)[turn % 3]
";
    for mode in ["ptrace", "seccomp-linear"] {
        let warnings = warnings_of(script, mode);
        assert!(!warnings.contains("not traced"), "{mode}: {warnings}");
    }
}

/// The warnings of one run of a Python script.
fn warnings_of(script: &str, mode: &str) -> String {
    let harness = Harness::new();
    std::fs::write(harness.directory().join("script.py"), script).expect("a script");
    let words = ["--modes", mode, "--trace", "connect", "--runs", "1"];
    let command = ["--warmup", "0", "--", "python3", "script.py"];
    let record = harness.record(&[&words[..], &command].concat());
    record["warnings"].to_string()
}

/// A child made with CLONE_UNTRACED cannot be followed; that is said.
#[test]
fn children_that_escape_are_reported() {
    if !installed("python3", "children that escape a tracer") {
        return;
    }
    let waited_for = r"
import ctypes, os
libc = ctypes.CDLL(None)
child = libc.syscall(56, 0x00800000 | 17, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
";
    let left_alone = r"
import ctypes, os, time
libc = ctypes.CDLL(None)
child = libc.syscall(56, 0x00800000 | 17, 0, 0, 0, 0)
if child == 0:
    time.sleep(0.3)
    os._exit(0)
";
    for script in [waited_for, left_alone] {
        for mode in ["ptrace", "seccomp-linear"] {
            let warnings = warnings_of(script, mode);
            assert!(
                warnings.contains("1 processes were not traced (CLONE_UNTRACED)"),
                "{mode}: {warnings}"
            );
        }
    }
}
