//! What starting one program image of the harness's own costs in calls.
//!
//! A workload states its own calls exactly; loader, libc and language runtime
//! add some for each program image, and how many depends on the machine. So the
//! workload that does nothing is traced once, and its calls are that number.

use crate::Error;
use crate::isolated::Spec;
use crate::sampler;
use crate::subject;
use harness_sys::signals::Termination;
use harness_workloads::Statement;
use std::collections::BTreeMap;
use std::path::Path;

/// Calls by native name.
pub(crate) type Calls = BTreeMap<String, u64>;

/// Traces the workload of the binary `harness` that does nothing; `None` where
/// mode `ptrace` cannot run.
pub(crate) fn measure(harness: &Path, termination: &Termination) -> Result<Option<Calls>, Error> {
    let countable = harness_mode::find("ptrace", None).is_some_and(|mode| mode.check().is_ok());
    if !countable {
        return Ok(None);
    }
    let spec = Spec::beforehand(
        "ptrace",
        "all",
        harness,
        subject::own_words("noop", Vec::new()),
    );
    let done = sampler::run(harness, &spec, termination)?;
    match done.exit_code {
        Some(0) => Ok(Some(done.calls)),
        _ => Err(Error::Isolated(format!(
            "the workload that does nothing failed: {}",
            done.stderr.trim()
        ))),
    }
}

/// All calls of an execution: those the workload states, and the start-up of
/// every program image.
pub(crate) fn all_calls(statement: &Statement, startup: &Calls) -> Calls {
    let mut all: Calls = startup
        .iter()
        .map(|(name, count)| (name.clone(), count * statement.execs))
        .collect();
    for (&name, count) in &statement.calls {
        *all.entry(name.to_owned()).or_default() += count;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_image_adds_its_start_up() {
        let statement = Statement {
            calls: [("openat", 10), ("getppid", 5)].into(),
            execs: 3,
            ..Statement::default()
        };
        let startup = [("openat".to_owned(), 4), ("execve".to_owned(), 1)].into();
        let expected = [
            ("execve".to_owned(), 3),
            ("getppid".to_owned(), 5),
            ("openat".to_owned(), 22),
        ]
        .into();
        assert_eq!(all_calls(&statement, &startup), expected);
    }
}
