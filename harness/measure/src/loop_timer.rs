//! Loop times for a benchmark that plans and estimates by itself, as those of
//! Criterion do: samples are taken and verified as in a session, and recorded
//! nowhere.

use crate::choice::choose_modes;
use crate::request::{Request, Size, Target};
use crate::runs::MOST_PADDING;
use crate::session::plan_modes;
use crate::startup::Startup;
use crate::subject::Subject;
use crate::verify::{self, Accepted};
use crate::wire::{Pace, Spec, Variables};
use crate::{Error, sampler};
use harness_record::Hooks;
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
use std::path::PathBuf;
use std::time::Duration;

/// A workload that times its own loop, under one mode.
pub struct LoopTimer<'a> {
    harness: PathBuf,
    request: Request,
    startup: Option<Startup>,
    rng: Rng,
    termination: &'a Termination,
}

impl<'a> LoopTimer<'a> {
    /// Prepares `workload` under `mode`, with the workload's own trace set and
    /// pinning. The binary `harness` is the workload, and takes the samples.
    /// Runs the workload that does nothing, and the probes of the mode; the
    /// process must have a single thread.
    ///
    /// # Errors
    /// [`Error`]: what cannot be measured, and why.
    pub fn new(
        harness: impl Into<PathBuf>,
        workload: &str,
        mode: &str,
        termination: &'a Termination,
    ) -> Result<Self, Error> {
        let harness = harness.into();
        sampler::prepare()?;
        let modes = choose_modes(&[mode.to_owned()], &[])?;
        plan_modes(&modes)?;
        Ok(Self {
            request: Request {
                targets: vec![Target::Workload(workload.to_owned())],
                modes,
                trace: None,
                runs: 1,
                warmup: 0,
                max_pressure: None,
                seed: 0,
                pin: None,
                hooks: Hooks::default(),
                ignore_failure: false,
                accept_variation: false,
                allow_loss: false,
                show_output: false,
                show_progress: false,
                size: Size::default(),
            },
            startup: Startup::measure(&harness, termination)?,
            harness,
            rng: Rng::new(0),
            termination,
        })
    }

    /// Runs so many operations, at least one, and returns how long the loop took
    /// by its own clock.
    ///
    /// # Errors
    /// [`Error::Sample`] where the run did anything but what it must;
    /// [`Error::Interrupted`].
    pub fn time(&mut self, operations: u64) -> Result<Duration, Error> {
        self.request.size.operations = Some(operations);
        let target = &self.request.targets[0];
        let subject = Subject::new(
            target,
            &self.request,
            &self.harness,
            self.startup.as_ref(),
            self.termination,
        )?;
        let io = |source| Error::Io {
            operation: "cannot make a directory for the run".to_owned(),
            source,
        };
        let directory = tempfile::tempdir().map_err(io)?;
        let mode = &*self.request.modes[0].mode;
        let name = mode.about().name.clone().into_owned();
        let scratch = if mode.writes_files() {
            Some(tempfile::tempdir().map_err(io)?)
        } else {
            None
        };
        let spec = Spec {
            mode: name.clone(),
            parameter: mode.parameter(),
            trace: subject.plan.trace.clone(),
            program: subject.program.clone(),
            arguments: subject.arguments.clone(),
            directory: Some(directory.path().to_owned()),
            environment_padding: u32::try_from(self.rng.below(MOST_PADDING)).unwrap_or(0),
            processors: subject.plan.placement.into(),
            executions: 1,
            times_itself: subject.plan.times_itself,
            show_output: false,
            scratch: scratch
                .as_ref()
                .map(|directory| directory.path().to_owned()),
            describe_filter: false,
            variables: Variables::Fixed,
            pace: Pace::AtOnce,
            log: None,
        };
        let done = sampler::run(&self.harness, &spec, self.termination)?;
        let failed = |reason| Error::Sample {
            workload: subject.plan.name.clone(),
            mode: name.clone(),
            reason,
        };
        let traced = mode.traced(&subject.set);
        verify::check(&done, 1, &subject, &traced, Accepted::default(), None).map_err(failed)?;
        let time = done.loop_ns.map(Duration::from_nanos);
        time.ok_or_else(|| failed("it does not time its loop".to_owned()))
    }
}
