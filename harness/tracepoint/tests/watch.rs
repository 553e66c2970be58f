//! A running process is observed without noticing it: exactly the calls that it makes while it is watched are
//! counted, of all its threads and descendants.
//!
//! The process is a C program (`phases.c`) that makes a known number of calls when it is told to.

use harness_sys::bpf;
use harness_sys::{Tid, process, procfs};
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, compiled, skip};
use harness_tracepoint::{Error, Level, Options, Tracked, Watched, probe, watch};
use harness_tracer::running::{Process, Tree};
use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// `CALLS` of `phases.c`: those of a task in a phase, of each of the two kinds.
const CALLS: u64 = 50;

/// The compiled program; `None` where there is no C compiler.
fn program() -> Option<PathBuf> {
    static COMPILED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let path = COMPILED.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("phases");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/phases.c");
        let flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"];
        let words = flags.iter().map(ToString::to_string);
        let words = words.chain([path.display().to_string(), source.to_owned()]);
        compiled(words, "a process to watch").then_some(path)
    });
    path.clone()
}

/// The program, while it runs.
struct Phases {
    child: Child,
    stdin: RefCell<ChildStdin>,
    stdout: RefCell<BufReader<ChildStdout>>,
}

impl Phases {
    /// Says what is skipped where programs cannot be loaded, or there is no compiler.
    fn start(word: &str, what: &str) -> Option<Self> {
        if let Err(error) = probe(Options::new(Level::Time)) {
            let missing = if process::effective_user() == 0 {
                Missing::Host
            } else {
                Missing::Root
            };
            skip(missing, &format!("{what}: {error}"));
            return None;
        }
        let mut child = Command::new(program()?)
            .arg(word)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let stdin = RefCell::new(child.stdin.take().expect("a pipe"));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let phases = Self {
            child,
            stdin,
            stdout: RefCell::new(stdout),
        };
        assert_eq!(phases.answer(), "ready");
        Some(phases)
    }

    fn tree(&self) -> Tree {
        let id = Tid(self.child.id().cast_signed());
        Tree {
            root: Process::find(id).expect("it runs"),
            without: process::own(),
        }
    }

    fn say(&self, word: &str) {
        writeln!(self.stdin.borrow_mut(), "{word}").expect("a pipe");
    }

    fn answer(&self) -> String {
        let mut line = String::new();
        let read = self.stdout.borrow_mut().read_line(&mut line);
        read.expect("an answer");
        line.trim_end().to_owned()
    }

    /// How many tasks made calls.
    fn phase(&self) -> u64 {
        self.say("phase");
        self.answer().parse().expect("a number")
    }

    /// Nobody traces a thread of it by ptrace(2), or has stopped it.
    fn is_left_alone(&self) {
        for id in self.tree().processes() {
            for thread in procfs::threads(id) {
                let Ok(status) = procfs::status(thread) else {
                    continue;
                };
                assert_eq!(status.tracer(), None, "{thread}");
                let state = status.get("State").unwrap_or_default();
                assert!(!state.starts_with(['t', 'T']), "{thread}: {state}");
            }
        }
    }

    /// How often its thread in epoll_wait(2) was stopped for a moment.
    fn end(mut self) -> String {
        self.say("end");
        let said = self.answer();
        self.child.wait().expect("its end");
        said
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        // Its group, as it leads one.
        let _ = process::kill_group(Tid(self.child.id().cast_signed()));
        let _ = self.child.wait();
    }
}

fn set() -> TraceSet {
    TraceSet::parse("getppid,getpgid", Table::current()).expect("two calls")
}

/// Watches while `attached` runs.
fn during(phases: &Phases, level: Level, mut attached: impl FnMut()) -> Watched {
    let options = Options::new(level);
    let tree = phases.tree();
    watch(
        tree,
        options,
        Tracked::Program,
        &set(),
        &mut attached,
        &|| true,
    )
    .expect("watched")
}

/// By number: calls and errors.
fn counts(watched: &Watched) -> Vec<(u32, u64, u64)> {
    let calls = watched.calls.iter();
    let mut counts: Vec<_> = calls
        .map(|call| (call.number, call.totals.calls, call.totals.errors))
        .collect();
    counts.sort_unstable();
    counts
}

// arch/x86/entry/syscalls/syscall_64.tbl
const GETPPID: u32 = 110;
const GETPGID: u32 = 121;

#[test]
fn exactly_the_calls_of_the_window_are_counted() {
    let Some(phases) = Phases::start("work", "the calls of a running process") else {
        return;
    };
    phases.phase();
    for level in [
        Level::Count,
        Level::Errors,
        Level::Time,
        Level::Histogram,
        Level::Stream,
    ] {
        let tasks = Cell::new(0);
        let watched = during(&phases, level, || {
            phases.is_left_alone();
            tasks.set(phases.phase() + phases.phase());
        });
        let calls = tasks.get() * CALLS;
        assert_eq!(tasks.get(), 2 * 6, "two threads, three more, and a child");
        let errors = if level == Level::Count { 0 } else { calls };
        assert_eq!(
            counts(&watched),
            [(GETPPID, calls, 0), (GETPGID, calls, errors)],
            "{level:?}"
        );
        for call in &watched.calls {
            let timed = call.totals.total_ns > 0;
            assert_eq!(timed, level >= Level::Time, "{level:?}");
            let in_buckets: u64 = call.totals.latency.iter().sum();
            let expected = if level >= Level::Histogram { calls } else { 0 };
            assert_eq!(in_buckets, expected, "{level:?}");
        }
        assert_eq!(watched.processes, 3);
        assert_eq!(watched.lost.total(), 0);
        assert!(watched.left_alone.is_empty() && !watched.ended);
        assert_eq!(phases.phase(), 6, "it goes on");
    }
    assert_eq!(phases.end(), "interrupted 0");
}

/// The programs come at any moment of its growth, and no task is missed: each makes its calls afterwards.
#[test]
fn no_task_that_is_made_meanwhile_is_missed() {
    for delay in (0..10).map(|tenth| Duration::from_millis(tenth * 15)) {
        let what = "a tree that grows while it is attached to";
        let Some(phases) = Phases::start("grow", what) else {
            return;
        };
        phases.say("grow");
        std::thread::sleep(delay);
        let tasks = Cell::new(0);
        let watched = during(&phases, Level::Errors, || {
            phases.say("stop");
            phases.answer();
            tasks.set(phases.phase());
        });
        assert!(tasks.get() > 5, "it has grown: {}", tasks.get());
        let calls = tasks.get() * CALLS;
        assert_eq!(
            counts(&watched),
            [(GETPPID, calls, 0), (GETPGID, calls, calls)],
            "{delay:?}"
        );
        assert_eq!(phases.end(), "interrupted 0");
    }
}

/// What else runs on the machine belongs to no tree.
#[test]
fn nobody_else_is_counted() {
    let what = "the calls of others";
    let (Some(phases), Some(other)) = (Phases::start("work", what), Phases::start("work", what))
    else {
        return;
    };
    let watched = during(&phases, Level::Errors, || {
        other.phase();
    });
    assert_eq!(counts(&watched), []);
}

#[test]
fn its_end_is_seen() {
    let Some(mut phases) = Phases::start("work", "the end of a process") else {
        return;
    };
    let tree = phases.tree();
    let asked = Cell::new(0);
    let mut attached = || phases.say("end");
    let finished = || {
        asked.set(asked.get() + 1);
        asked.get() > 1000
    };
    let options = Options::new(Level::Time);
    let watched = watch(
        tree,
        options,
        Tracked::Program,
        &set(),
        &mut attached,
        &finished,
    );
    assert!(watched.expect("watched").ended);
    phases.child.wait().expect("its end");
    let again = watch(
        tree,
        options,
        Tracked::Program,
        &set(),
        &mut || panic!("it is not there"),
        &finished,
    );
    assert!(matches!(again, Err(Error::Process(_))), "{again:?}");
}

/// The links of this process, of which some are another test's: their ids, from proc_pid_fdinfo(5).
fn own_links() -> Vec<u32> {
    let files = std::fs::read_dir("/proc/self/fdinfo").expect("/proc");
    let texts = files
        .flatten()
        .filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let id = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("link_id:"));
        line.and_then(|id| id.trim().parse().ok())
    };
    texts.filter_map(id).collect()
}

/// Whatever was attached for a window is gone after it.
#[test]
fn nothing_stays_attached() {
    let Some(phases) = Phases::start("work", "what stays attached") else {
        return;
    };
    let attached = RefCell::new(Vec::new());
    during(&phases, Level::Time, || {
        attached.replace(own_links());
    });
    let attached = attached.into_inner();
    assert!(attached.len() >= 4, "{attached:?}");
    // Those of other tests go, too; the kernel frees after a grace period of RCU.
    let gone = (0..30_000).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        let now = bpf::link_ids().expect("ids");
        attached.iter().all(|id| !now.contains(id))
    });
    assert!(gone, "{attached:?}");
}
