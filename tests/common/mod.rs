//! What the integration tests share: running the binary and reading its answer.

#![allow(dead_code, reason = "every test program uses a part of it")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// What every program is searched in.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The harness, with a directory of its own to work in.
pub(crate) struct Harness {
    directory: tempfile::TempDir,
}

impl Harness {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn output(&self, words: &[&str]) -> Output {
        self.command(words)
            .output()
            .expect("the harness can be executed")
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

/// Whether a command can be executed; says what is skipped where it cannot.
pub(crate) fn installed(command: &str, what: &str) -> bool {
    let found = Command::new(command).arg("-V").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {what}: {command} is not installed");
    }
    found
}
