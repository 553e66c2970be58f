//! strace as an oracle for what every tracer changes: nobody here wrote it.

use crate::case::Subject;
use crate::programs::Programs;
use crate::scenario::{Kind, Output};
use crate::supervise::Left;
use harness_testing::{installed, skip};
use std::ffi::OsString;

/// How it is asked to trace.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// The modes that change the same.
    kind: Kind,
    words: &'static [&'static str],
}

/// Both of its ways to trace.
pub(crate) const WAYS: &[Way] = &[
    Way {
        name: "beside-strace",
        kind: Kind::EveryCall,
        words: &[],
    },
    Way {
        name: "beside-strace-seccomp-bpf",
        kind: Kind::Filtered,
        words: &["--seccomp-bpf"],
    },
];

/// Runs a scenario under strace and compares output and end with those of the modes of the
/// same kind.
///
/// # Errors
/// What it did else.
pub(crate) fn check(way: &Way, subject: &Subject, programs: &Programs) -> Result<(), String> {
    let scenario = subject.scenario;
    let what = format!("{} under {}", scenario.name, way.name);
    if !installed("strace", &what) {
        return Ok(());
    }
    if let Some((missing, why)) = subject.missing(programs) {
        skip(missing, &format!("{what}: {why}"));
        return Ok(());
    }
    let room = subject.room(programs);
    let options = ["-f", "-o", "/dev/null", "-e", scenario.short];
    let mut words: Vec<OsString> = ["strace"]
        .iter()
        .chain(way.words)
        .chain(&options)
        .map(OsString::from)
        .collect();
    words.push(subject.program(&room, programs).into_os_string());
    words.extend(scenario.arguments.iter().map(OsString::from));
    let ended = subject.supervise(&room, words, Left::Ending);
    let (output, end) = scenario.expected(way.kind);
    let out = std::fs::read_to_string(room.work().join("out")).unwrap_or_default();
    let alike = ended.end() == Some(end)
        && !ended.hung
        && matches!(output, Output::Is(text) if text == out);
    if alike {
        Ok(())
    } else {
        Err(format!(
            "{what} it must end with {end} and write {output:?}; it ended with {:?} (hung: {}) and wrote\n{out}\n{}",
            ended.end(),
            ended.hung,
            room.text("stderr")
        ))
    }
}
