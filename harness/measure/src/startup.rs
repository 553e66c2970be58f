//! What starting one program image of the harness's own costs in calls, and
//! what reading the clock costs.
//!
//! A workload states its own calls exactly; loader, libc and language runtime
//! add some for each program image, and how many depends on the machine. So does
//! whether the vDSO reads the clock or the kernel has to be called (vdso(7)). So
//! the workload that does nothing is traced once, and its calls are the first;
//! the workload that reads the clock is traced once, and what it makes more is the second.

use crate::Error;
use crate::sampler;
use crate::wire::Spec;
use harness_mode::Mode;
use harness_sys::signals::Termination;
use harness_workloads::Statement;
use std::collections::BTreeMap;
use std::path::Path;

/// Calls by native name.
pub(crate) type Calls = BTreeMap<String, u64>;

/// What this machine adds to the calls that a workload states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    /// Of one program image.
    image: Calls,
    /// Of one reading of the clock.
    clock_reading: Calls,
}

impl Startup {
    /// Traces both workloads of the binary `harness`; `None` where no mode that counts every call
    /// can run.
    pub(crate) fn measure(
        harness: &Path,
        termination: &Termination,
    ) -> Result<Option<Self>, Error> {
        let mut modes = harness_mode::registry().iter();
        let counting = modes.find(|mode| mode.about().counts_every_call && mode.check().is_ok());
        let Some(mode) = counting else {
            return Ok(None);
        };
        let image = calls_of("noop", &**mode, harness, termination)?;
        let clock = calls_of("clock", &**mode, harness, termination)?;
        Self::of(image, clock).map(Some)
    }

    /// From what the workloads `noop` and `clock` were seen to do.
    fn of(image: Calls, clock: Calls) -> Result<Self, Error> {
        if let Some(name) = (image.iter()).find(|(name, count)| clock.get(*name) < Some(count)) {
            return Err(Error::Isolated(format!(
                "the workload that reads the clock made fewer calls of {} than the one that does nothing, so what a \
                 program image costs is not known: try again",
                name.0
            )));
        }
        let more = |(name, count): (String, u64)| {
            let more = count - image.get(&name).copied().unwrap_or(0);
            (more > 0).then_some((name, more))
        };
        Ok(Self {
            clock_reading: clock.into_iter().filter_map(more).collect(),
            image,
        })
    }

    /// All calls of an execution: those the workload states, the start-up of
    /// every program image, and every reading of the clock.
    pub(crate) fn all_calls(&self, statement: &Statement) -> Calls {
        let mut all = Calls::new();
        let mut add = |calls: &Calls, times: u64| {
            for (name, count) in calls {
                if count * times > 0 {
                    *all.entry(name.clone()).or_default() += count * times;
                }
            }
        };
        add(&self.image, statement.execs);
        add(&self.clock_reading, statement.clock_readings);
        for (&name, count) in &statement.calls {
            *all.entry(name.to_owned()).or_default() += count;
        }
        all
    }

    /// Calls of one program image.
    pub(crate) fn per_image(&self) -> u64 {
        self.image.values().sum()
    }

    /// Calls of one reading of the clock.
    pub(crate) fn per_clock_reading(&self) -> u64 {
        self.clock_reading.values().sum()
    }
}

/// The calls of a workload that takes no option, in one execution.
fn calls_of(
    workload: &str,
    mode: &dyn Mode,
    harness: &Path,
    termination: &Termination,
) -> Result<Calls, Error> {
    let words = harness_workloads::words(workload, Vec::new());
    let spec = Spec::beforehand(mode, "all", harness, words);
    let done = sampler::run(harness, &spec, termination)?;
    match done.exit_code {
        Some(0) => {
            let calls = done.calls.into_iter();
            Ok(calls.map(|(name, of)| (name, of.calls)).collect())
        }
        _ => Err(Error::Isolated(format!(
            "the workload {workload} failed: {}",
            done.stderr.trim()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(calls: &[(&str, u64)]) -> Calls {
        let owned = calls.iter().map(|&(name, count)| (name.to_owned(), count));
        owned.collect()
    }

    #[test]
    fn every_program_image_adds_its_start_up() {
        let statement = Statement {
            calls: [("openat", 10), ("getppid", 5)].into(),
            execs: 3,
            ..Statement::default()
        };
        let startup = Startup {
            image: calls(&[("openat", 4), ("execve", 1)]),
            ..Startup::default()
        };
        let expected = calls(&[("execve", 3), ("getppid", 5), ("openat", 22)]);
        assert_eq!(startup.all_calls(&statement), expected);
    }

    /// On a machine whose vDSO reads the clock, and on one where that is a call.
    #[test]
    fn every_reading_of_the_clock_adds_what_it_costs_here() {
        let statement = Statement {
            calls: [("getppid", 5)].into(),
            execs: 1,
            clock_readings: 2,
            ..Statement::default()
        };
        let image = calls(&[("execve", 1), ("openat", 4)]);
        let by_vdso = Startup::of(image.clone(), image.clone()).expect("no fewer calls");
        assert_eq!(by_vdso.per_clock_reading(), 0);
        let expected = calls(&[("execve", 1), ("getppid", 5), ("openat", 4)]);
        assert_eq!(by_vdso.all_calls(&statement), expected);

        let mut clock = image.clone();
        clock.insert("clock_gettime".to_owned(), 1);
        let by_call = Startup::of(image.clone(), clock).expect("no fewer calls");
        assert_eq!(by_call.per_clock_reading(), 1);
        assert_eq!(by_call.per_image(), 5);
        let mut expected = expected;
        expected.insert("clock_gettime".to_owned(), 2);
        assert_eq!(by_call.all_calls(&statement), expected);

        assert!(Startup::of(image, Calls::new()).is_err());
    }
}
