//! Runs the workloads through the example binary, which `cargo test` builds.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn program_path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/workload");
    assert!(
        path.exists(),
        "{} is not built: run `cargo test -p harness-workloads`",
        path.display()
    );
    path
}

/// The example binary.
pub(crate) fn program() -> Command {
    Command::new(program_path())
}

/// Whether the oracle is there; says so where it is not.
pub(crate) fn strace_installed() -> bool {
    harness_testing::installed("strace", "the calls of the workloads")
}

/// What strace counted in one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traced {
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) errors: u64,
    pub(crate) tasks: u64,
}

impl Traced {
    /// Runs `workload` with `words` under a full strace, one file a task.
    ///
    /// Its standard input is `report`, or empty.
    pub(crate) fn of(workload: &str, words: &[String], report: Option<&File>) -> Self {
        Self::preloaded(None, workload, words, report)
    }

    /// As [`Traced::of`], with a shared object that the loader puts before all others.
    pub(crate) fn preloaded(
        object: Option<&Path>,
        workload: &str,
        words: &[String],
        report: Option<&File>,
    ) -> Self {
        let stdin = report.map_or(Stdio::null(), |file| file.try_clone().unwrap().into());
        let directory = tempfile::tempdir().unwrap();
        let status = Command::new("strace")
            .args(["-ff", "-qq", "-s0", "-e", "signal=none", "-o"])
            .arg(directory.path().join("task"))
            .args(object.map(|path| format!("-ELD_PRELOAD={}", path.display())))
            .arg("--")
            .arg(program_path())
            .args(["__workload", workload])
            .args(words)
            .stdin(stdin)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{workload} {words:?}: {status}");
        let mut traced = Self {
            calls: BTreeMap::new(),
            errors: 0,
            tasks: 0,
        };
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            traced.tasks += 1;
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for line in text.lines() {
                let (call, _) = line.split_once('(').unwrap_or_else(|| panic!("{line:?}"));
                *traced.calls.entry(call.to_owned()).or_insert(0) += 1;
                traced.errors += u64::from(line.contains(" = -1 E"));
            }
        }
        traced
    }
}

/// All that is in a file.
pub(crate) fn content(file: &File) -> String {
    let mut file = file.try_clone().unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}
