//! The process that attaches for one window.
//!
//! The harness executes itself with a hidden word and hands over a `Spec`, a
//! line of JSON. The new process answers, a line each, that it has attached and,
//! in the end, what it saw. It detaches when its standard input ends: when the
//! harness says so, and also when the harness is killed. Whatever becomes of the
//! tracer itself, the kernel detaches what it leaves.

use super::interrupted;
use crate::Error;
use harness_mode::{AttachError, Mode, TracerAccount, Watcher};
use harness_record::Counts;
use harness_sys::signals::Termination;
use harness_sys::{Tid, files, process, rusage};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::running::{Process, Tree};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::io::{BufRead, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The hidden word.
pub const WORD: &str = "__attach";

/// How long a tracer that is to attach, or to detach, is waited for before it is
/// killed. It gives up by itself long before.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to attach to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    mode: String,
    /// What [`Mode::parameter`] says of it.
    parameter: Option<Vec<u8>>,
    pid: i32,
    start_time: u64,
    /// The harness, which may descend from that process.
    harness: i32,
    trace: String,
}

impl Spec {
    pub(super) fn new(mode: &dyn Mode, tree: Tree, trace: &str) -> Self {
        Self {
            mode: mode.about().name.clone().into_owned(),
            parameter: mode.parameter(),
            pid: tree.root.id.0,
            start_time: tree.root.start_time,
            harness: tree.without.0,
            trace: trace.to_owned(),
        }
    }
}

/// What the tracer says.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// All threads are traced.
    Attached,
    /// It has detached.
    Done(Done),
    /// It could not attach, or failed; it has detached.
    Failed { gone: bool, why: String },
}

/// What the tracer saw.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) ended: bool,
    pub(super) counted_ns: u64,
    pub(super) attaching_ns: u64,
    pub(super) detaching_ns: u64,
    pub(super) unstopped: Option<u32>,
    pub(super) processes: u32,
    pub(super) left_alone: Vec<String>,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) cpu_ns: Option<u64>,
}

/// Whether the tracer has attached.
pub(super) enum Attached {
    Yes(Tracing),
    ProcessEnded,
}

/// The tracer of a window. Dropped before it has detached, it is told to.
pub(super) struct Tracing {
    pid: i32,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    received: Vec<u8>,
}

impl Tracing {
    pub(super) fn start(binary: &Path, spec: &Spec) -> Result<Self, Error> {
        let mut child = Command::new(binary)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Io {
                operation: format!("cannot execute {}", binary.display()),
                source,
            })?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no pipes"));
        };
        let mut line = serde_json::to_vec(spec).map_err(|error| failed(&error.to_string()))?;
        line.push(b'\n');
        // An early death shows as an answer that is missing.
        let _ = stdin.write_all(&line);
        Ok(Self {
            pid: spec.pid,
            child,
            stdin: Some(stdin),
            stdout,
            received: Vec::new(),
        })
    }

    /// Waits until it has attached; where it does not in time, it is killed, so that
    /// the kernel lets go of the process.
    pub(super) fn attached(mut self, termination: &Termination) -> Result<Attached, Error> {
        match self.next(PATIENCE, Some(termination))? {
            Some(Message::Attached) => Ok(Attached::Yes(self)),
            Some(Message::Done(_) | Message::Failed { gone: true, .. }) => {
                Ok(Attached::ProcessEnded)
            }
            Some(Message::Failed { why, .. }) => Err(Error::AttachFailed(why)),
            None => {
                let _ = self.child.kill();
                Err(Error::AttachFailed(format!(
                    "cannot attach to process {}: its threads were not traced within {} s, and it goes on untraced: try again",
                    self.pid,
                    PATIENCE.as_secs()
                )))
            }
        }
    }

    /// Waits for a time; whether the process that is traced ended before.
    pub(super) fn ends_within(
        &mut self,
        length: Duration,
        termination: &Termination,
    ) -> Result<bool, Error> {
        match self.next(length, Some(termination))? {
            None => Ok(false),
            Some(Message::Failed { gone: false, why }) => Err(Error::AttachFailed(why)),
            Some(_) => Ok(true),
        }
    }

    /// Has it detach, and say what it saw.
    pub(super) fn finish(mut self) -> Result<Done, Error> {
        self.stdin = None;
        match self.next(PATIENCE, None)? {
            Some(Message::Done(done)) => Ok(done),
            Some(Message::Failed { gone: true, .. }) => Ok(Done {
                ended: true,
                ..Done::default()
            }),
            Some(Message::Failed { why, .. }) => Err(Error::AttachFailed(why)),
            Some(Message::Attached) | None => Err(failed("it did not detach in time")),
        }
    }

    /// Its next message; `None` where `limit` has passed before. A signal is an error.
    fn next(
        &mut self,
        limit: Duration,
        termination: Option<&Termination>,
    ) -> Result<Option<Message>, Error> {
        let io = |source| Error::Io {
            operation: "cannot talk to the tracer".to_owned(),
            source,
        };
        let deadline = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let message = serde_json::from_slice(&line);
                return message
                    .map(Some)
                    .map_err(|error| failed(&error.to_string()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let stdout = self.stdout.as_fd();
            let signals = termination.map_or(stdout, AsFd::as_fd);
            let ready = files::wait_readable_within([signals, stdout], Some(left));
            let [signalled, answered] = ready.map_err(|errno| io(errno.into()))?;
            if answered {
                let read = self.stdout.read(&mut buffer).map_err(io)?;
                if read == 0 {
                    let end = self.child.wait();
                    let end = end.map_or_else(|error| error.to_string(), |end| end.to_string());
                    return Err(failed(&format!("its process ended early ({end})")));
                }
                self.received.extend_from_slice(&buffer[..read]);
            } else if signalled {
                termination.map_or(Ok(()), interrupted)?;
            } else {
                return Ok(None);
            }
        }
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends when it has detached.
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn failed(why: &str) -> Error {
    Error::AttachFailed(format!("the tracer failed: {why}"))
}

/// What the process with the hidden word does.
#[must_use]
pub fn main() -> ExitCode {
    // The terminal's keys are for the harness, which then has this process detach.
    if process::new_session().is_err() {
        return ExitCode::FAILURE;
    }
    let answer = match read_spec() {
        Ok(spec) => trace(&spec),
        Err(why) => Message::Failed { gone: false, why },
    };
    say(&answer);
    ExitCode::SUCCESS
}

fn read_spec() -> Result<Spec, String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let read = read.map_err(|error| error.to_string());
    let spec = read.and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()));
    spec.map_err(|error| format!("{WORD} is for the harness's own use: {error}"))
}

fn say(message: &Message) {
    let mut out = std::io::stdout().lock();
    // Where the harness is gone nobody reads it.
    if serde_json::to_writer(&mut out, message).is_ok() {
        let _ = out.write_all(b"\n").and_then(|()| out.flush());
    }
}

fn trace(spec: &Spec) -> Message {
    let failed = |why| Message::Failed { gone: false, why };
    let set = match TraceSet::parse(&spec.trace, Table::current()) {
        Ok(set) => set,
        Err(error) => return failed(error.to_string()),
    };
    let mode = match harness_mode::open(&spec.mode, spec.parameter.as_deref()) {
        Ok(mode) => mode,
        Err(why) => return failed(why),
    };
    let watcher = match mode.watcher() {
        Ok(Watcher::By(watcher)) => watcher,
        Ok(Watcher::Nobody) => return failed(format!("mode {} watches nothing", spec.mode)),
        Err(why) => return failed(format!("mode {} cannot attach: {why}", spec.mode)),
    };
    let tree = Tree {
        root: Process {
            id: Tid(spec.pid),
            start_time: spec.start_time,
        },
        without: Tid(spec.harness),
    };
    let (first, last) = (Cell::new(Duration::ZERO), Cell::new(Duration::ZERO));
    let mut attached = || {
        first.set(rusage::thread_time());
        say(&Message::Attached);
    };
    let finished = || {
        let over = input_ended();
        last.set(rusage::thread_time());
        over
    };
    match watcher.watch(tree, &set, &mut attached, &finished) {
        Ok(window) => Message::Done(Done {
            ended: window.ended,
            counted_ns: super::nanoseconds(window.wall),
            attaching_ns: super::nanoseconds(window.attaching),
            detaching_ns: super::nanoseconds(window.detaching),
            unstopped: window.unstopped.map(to_u32),
            processes: to_u32(window.processes),
            left_alone: window.left_alone,
            counts: window.counts,
            cpu_ns: (window.tracer == TracerAccount::ThisProcess)
                .then(|| super::nanoseconds(last.get().saturating_sub(first.get()))),
        }),
        Err(error) => Message::Failed {
            gone: matches!(error, AttachError::ProcessEnded(_)),
            why: error.to_string(),
        },
    }
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Whether the harness has closed its end of standard input, or is gone.
fn input_ended() -> bool {
    let stdin = std::io::stdin();
    let ready = files::wait_readable_within([stdin.as_fd()], Some(Duration::ZERO));
    ready.is_ok_and(|[ended]| ended)
}
