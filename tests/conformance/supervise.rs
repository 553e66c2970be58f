//! A process of its own for each run: a subreaper that gives it a deadline, and
//! kills and names what it leaves.

use crate::scenario::End;
use harness_sys::{Tid, pid_namespace, process, wait};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The word that makes this binary a supervisor.
pub(crate) const WORD: &str = "__supervise";

const ENDING: &str = "ending";

/// How long a run may take; most take a twentieth of a second.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// How long one may take that is run by name only.
pub(crate) const LONG_DEADLINE: Duration = Duration::from_secs(180);

/// What must be left when the process that was started has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing.
    Nothing,
    /// What ends by itself, or is being killed.
    Ending,
}

/// What became of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Processes that were left, or that were there at the deadline.
    pub(crate) left: Vec<String>,
    /// Whether the deadline passed.
    pub(crate) hung: bool,
}

impl Ended {
    /// How the process that was started ended.
    pub(crate) fn end(&self) -> Option<End> {
        let killed = self.signal.map(End::Killed);
        self.exit_code.map(End::Exited).or(killed)
    }
}

/// Runs a program with its arguments in `directory`, with its streams in the
/// files `stdout` and `stderr` of `files`.
pub(crate) fn run(
    words: &[OsString],
    directory: &Path,
    files: &Path,
    left: Left,
    deadline: Duration,
) -> Ended {
    let own = std::env::current_exe().expect("this binary");
    let output = Command::new(own)
        .arg(WORD)
        .arg(files)
        .arg(match left {
            Left::Nothing => "nothing",
            Left::Ending => ENDING,
        })
        .arg(deadline.as_secs().to_string())
        .args(words)
        .env_clear()
        .env("PATH", crate::common::PATH)
        .current_dir(directory)
        .output()
        .expect("this binary can be executed");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "a supervisor failed: {error}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// What the process with the word does.
pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let [files, left, deadline, program, arguments @ ..] = words else {
        return ExitCode::FAILURE;
    };
    pid_namespace::check().expect("/proc");
    process::die_with_parent().expect("prctl");
    process::become_subreaper().expect("prctl");
    let left = if left == ENDING {
        Left::Ending
    } else {
        Left::Nothing
    };
    let deadline = deadline.to_str().and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(deadline.expect("seconds"));
    let files = Path::new(files);
    let stream = |name| File::create(files.join(name)).expect("a file for a stream");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stream("stdout"))
        .stderr(stream("stderr"))
        .process_group(0)
        .spawn()
        .expect("the program can be executed");
    let tid = Tid(i32::try_from(child.id()).expect("a process id"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait()));
    let mut ended = Ended {
        exit_code: None,
        signal: None,
        left: Vec::new(),
        hung: false,
    };
    if let Ok(status) = receiver.recv_timeout(until - Instant::now()) {
        let status = status.expect("a status");
        (ended.exit_code, ended.signal) = (status.code(), status.signal());
        ended.left = remaining(left, until);
    } else {
        ended.hung = true;
        ended.left = described(&[vec![tid], process::children()].concat());
    }
    process::kill_descendants();
    serde_json::to_writer(std::io::stdout().lock(), &ended).expect("standard output");
    ExitCode::SUCCESS
}

/// Children that are left, zombies included.
fn remaining(left: Left, until: Instant) -> Vec<String> {
    if left == Left::Nothing {
        return described(&process::children());
    }
    loop {
        while let Ok(Some(_)) = wait::poll() {}
        let children = process::children();
        if children.is_empty() || Instant::now() > until {
            return described(&children);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// These processes and all below them, in a line each.
fn described(processes: &[Tid]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut next: Vec<i32> = processes.iter().map(|process| process.0).collect();
    while let Some(process) = next.pop() {
        let read = |file: &str| {
            let text = std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&text).replace(['\0', '\n'], " ")
        };
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let task = task.file_name();
            let task = task.to_string_lossy();
            let children = read(&format!("task/{task}/children"));
            next.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<i32>().ok()),
            );
            let stat = read(&format!("task/{task}/stat"));
            let state = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.chars().next());
            lines.push(format!(
                "process {process}, thread {task}: state {}, call {}, {}",
                state.unwrap_or('?'),
                read(&format!("task/{task}/syscall")),
                read("cmdline")
            ));
        }
        if lines.len() > 100 {
            break;
        }
    }
    lines.sort();
    lines.dedup();
    lines
}
