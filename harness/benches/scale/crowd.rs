//! The programs that are traced: many processes or threads, of which one makes
//! calls, or all do.
//!
//! Each says on descriptor 3 how long its calls took.

use harness_sys::calls;
use harness_sys::spawn::fork;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) const WORD: &str = "__crowd";

/// Where a program reports.
pub(crate) const REPORT: i32 = 3;

/// Calls of the one that makes them.
const CALLS: u32 = 4_000;

/// Calls of a thread.
const CALLS_OF_A_THREAD: u32 = 1_000;

/// Who makes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// The first process; the others wait in read(2).
    First,
    /// The youngest process; the others wait.
    Last,
    /// Every process, all at once.
    All,
    /// Every process, all at once, calls sched_yield(2): each call switches to
    /// another process.
    Switch,
    /// Each of as many processes, one after the other, which exits at once.
    Short,
    /// Every thread of one process.
    Threads,
}

impl Work {
    const ALL: [Self; 6] = [
        Self::First,
        Self::Last,
        Self::All,
        Self::Switch,
        Self::Short,
        Self::Threads,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::All => "all",
            Self::Switch => "switch",
            Self::Short => "short",
            Self::Threads => "threads",
        }
    }

    pub(crate) fn find(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|work| work.name() == name);
        found.unwrap_or_else(|| panic!("no work {name}"))
    }
}

/// `WORK SIZE`.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let [work, size] = words else {
        panic!("{WORD} takes a work and a size")
    };
    let size = size.parse().expect("a number");
    match Work::find(work) {
        Work::First => one(size, false),
        Work::Last => one(size, true),
        Work::All => all(size, make_calls),
        Work::Switch => all(size, switch),
        Work::Short => short(size),
        Work::Threads => threads(size),
    }
    ExitCode::SUCCESS
}

/// Time, calls of getppid(2), other calls in that time.
fn report(time: Duration, calls: u64, others: u64) {
    let line = format!("{} {calls} {others}\n", time.as_nanos());
    calls::write_inherited(REPORT, line.as_bytes()).expect("the report");
}

fn make_calls(count: u32) {
    for _ in 0..count {
        let _ = calls::getppid();
    }
}

fn switch(count: u32) {
    for _ in 0..count {
        std::thread::yield_now();
    }
}

fn timed_calls() {
    let started = Instant::now();
    make_calls(CALLS);
    report(started.elapsed(), u64::from(CALLS), 0);
}

fn channel() -> (PipeReader, PipeWriter) {
    pipe().expect("pipe2(2)")
}

/// Waits until every process that could write has closed its end.
fn wait_for_end(mut reader: PipeReader) {
    let _ = reader.read(&mut [0]);
}

/// Reads as many bytes; how many calls that took.
fn await_bytes(reader: &mut PipeReader, count: u32) -> u64 {
    let mut buffer = [0; 4096];
    let (mut left, mut reads) = (count as usize, 0);
    while left > 0 {
        left -= reader.read(&mut buffer).expect("read(2)");
        reads += 1;
    }
    reads
}

fn wait_for_children(count: u32) {
    for _ in 0..count {
        let (_, status) = calls::wait4(-1).expect("wait4(2)");
        assert!(status.success());
    }
}

/// Whether this is a new child.
fn is_child() -> bool {
    fork().expect("clone(2)").is_none()
}

/// `size` processes, this one included; the first or the last makes calls.
fn one(size: u32, last: bool) {
    let (mut ready, mut is_ready) = channel();
    let (end, ends) = channel();
    for _ in 1..size {
        if is_child() {
            drop(ends);
            is_ready.write_all(&[0]).expect("write(2)");
            wait_for_end(end);
            calls::exit_group(0);
        }
    }
    await_bytes(&mut ready, size - 1);
    settle();
    if last && size > 1 {
        if is_child() {
            timed_calls();
            calls::exit_group(0);
        }
        wait_for_children(1);
    } else {
        timed_calls();
    }
    drop(ends);
    wait_for_children(size - 1);
}

/// Those that have said that they are ready are on their way into read(2).
fn settle() {
    std::thread::sleep(Duration::from_millis(20));
}

/// `size` processes under this one, which all make calls at once.
fn all(size: u32, make: fn(u32)) {
    let each = (2 * CALLS / size).max(10);
    let (mut ready, mut is_ready) = channel();
    let (go, start) = channel();
    let (end, ends) = channel();
    for _ in 0..size {
        if is_child() {
            drop((start, ends));
            is_ready.write_all(&[0]).expect("write(2)");
            wait_for_end(go);
            make(each);
            is_ready.write_all(&[0]).expect("write(2)");
            wait_for_end(end);
            calls::exit_group(0);
        }
    }
    await_bytes(&mut ready, size);
    settle();
    let started = Instant::now();
    drop(start);
    let own = await_bytes(&mut ready, size);
    // A child's: the return of a read(2), a write(2), and the next read(2).
    let others = 2 * u64::from(size) + own + 1;
    report(started.elapsed(), u64::from(size) * u64::from(each), others);
    drop(ends);
    wait_for_children(size);
}

/// `count` processes, one after the other.
fn short(count: u32) {
    let started = Instant::now();
    for _ in 0..count {
        if is_child() {
            calls::exit_group(0);
        }
        wait_for_children(1);
    }
    // clone(2), wait4(2) and exit_group(2).
    report(started.elapsed(), 0, 3 * u64::from(count));
}

/// `count` threads, which all make calls at once.
fn threads(count: u32) {
    let (go, start) = channel();
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let go = go.try_clone().expect("dup(2)");
            std::thread::spawn(move || {
                wait_for_end(go);
                make_calls(CALLS_OF_A_THREAD);
            })
        })
        .collect();
    settle();
    let started = Instant::now();
    drop(start);
    for thread in threads {
        thread.join().expect("a thread that ends");
    }
    let calls = u64::from(count) * u64::from(CALLS_OF_A_THREAD);
    report(started.elapsed(), calls, 0);
}
