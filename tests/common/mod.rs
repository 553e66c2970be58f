//! What the integration tests share: running the binary and reading its answer.

#![allow(dead_code, reason = "every test program uses a part of it")]

pub(crate) mod modes;
pub(crate) mod policies;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Exit codes: an error, a wrong command line.
pub(crate) const FAIL: i32 = 1;
pub(crate) const USAGE: i32 = 2;

/// What every program is searched in.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The harness, with a directory of its own to work in.
pub(crate) struct Harness {
    directory: tempfile::TempDir,
}

impl Harness {
    pub(crate) fn new() -> Self {
        // Tests find and kill processes by their numbers in /proc.
        harness_sys::pid_namespace::check().unwrap_or_else(|why| panic!("{why}"));
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        // Cargo's own variables would have programs search its directories.
        command.env_clear().env("PATH", PATH);
        command.current_dir(self.directory()).args(words);
        command
    }

    /// The same for one that is to take signals: a caller in the background may
    /// ignore SIGINT, and so would the harness.
    pub(crate) fn interruptible(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO_BIN_EXE_harness")]);
        command.env_clear().env("PATH", PATH);
        command.current_dir(self.directory()).args(words);
        command
    }

    pub(crate) fn output(&self, words: &[&str]) -> Output {
        self.command(words)
            .output()
            .expect("the harness can be executed")
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn stdout(&self, words: &[&str]) -> Vec<u8> {
        let output = self.output(words);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{words:?}: {stderr}");
        output.stdout
    }

    /// What `harness filter show` prints.
    pub(crate) fn show(&self, words: &[&str]) -> Vec<u8> {
        self.stdout(&[&["filter", "show"], words].concat())
    }

    /// A file in its directory.
    pub(crate) fn write(&self, file: &str, contents: &[u8]) {
        std::fs::write(self.directory().join(file), contents).expect("a file");
    }

    /// A measurement that must succeed, as `run.json` has it.
    pub(crate) fn record(&self, words: &[&str]) -> Value {
        let output = self.output(&[&["run", "--format", "json"], words].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "harness run {words:?}: {}: {stderr}",
            output.status
        );
        serde_json::from_slice(&output.stdout).expect("JSON on standard output")
    }
}

/// The row of `results[]` for a workload and mode.
pub(crate) fn row<'a>(record: &'a Value, workload: &str, mode: &str) -> &'a Value {
    let rows = record["results"].as_array().expect("results");
    let found = rows
        .iter()
        .find(|row| row["workload"] == workload && row["mode"] == mode);
    found.unwrap_or_else(|| panic!("no row for {workload} under {mode}"))
}

/// A number from the environment.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else {
        return default;
    };
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("{variable}={text}: give a number"))
}

/// What a program wrote.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An error: nothing on standard output, no panic, and all that must be said; in one line where it is not clap's.
pub(crate) fn one_clear_line(output: &Output, code: i32, words: &[&str], parts: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{words:?}");
    assert!(!stderr.contains("panicked"), "{words:?}: {stderr}");
    if !stderr.starts_with("error: ") {
        assert_eq!(stderr.lines().count(), 1, "{words:?}: {stderr}");
    }
    for part in parts {
        assert!(
            stderr.contains(part),
            "{words:?}: {part:?} is not in: {stderr}"
        );
    }
}

/// Waits for something that another process does.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
