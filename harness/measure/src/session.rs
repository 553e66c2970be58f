//! Takes the samples of a plan, one after the other.

use crate::isolated::{self, Done, Processors, Spec};
use crate::pressure::Pressure;
use crate::progress::Progress;
use crate::request::Request;
use crate::subject::Subject;
use crate::verify::{self, Reference};
use crate::{Error, environment, hook, nearest, order, startup};
use harness_mode::{Mode, SeccompFile, Unavailable};
use harness_record::{
    Environment, FilterSummary, ModePlan, Pin, Plan, RecordDirectory, Sample, SampleStatus,
    SampleWriter, Slot,
};
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
use harness_sys::{affinity, process};
use harness_syscalls::{Table, TraceSet};
use std::collections::BTreeMap;
use std::time::Instant;

/// A measurement that can be taken: everything that can be checked before the
/// first run has been.
pub struct Session {
    request: Request,
    subjects: Vec<Subject>,
    plan: Plan,
    environment: Environment,
    warnings: Vec<String>,
}

/// What a measurement came to.
#[derive(Debug)]
pub struct Finished {
    /// Every sample taken, failed ones included.
    pub samples: Vec<Sample>,
    /// What a reader must know, a sentence each.
    pub warnings: Vec<String>,
    /// Why it ended before its plan did.
    pub error: Option<Error>,
}

/// A sample of a loop lasts at least this long: shorter ones are repeated.
const SHORTEST_LOOP_NS: u64 = 100_000_000;
/// But not more often than this.
const MOST_EXECUTIONS: u64 = 64;
/// Upper end of the environment's random padding, bytes: a page, over which the
/// initial stack moves.
const MOST_PADDING: u64 = 4096;

impl Session {
    /// Checks a request and plans it. Runs the workload that does nothing, and
    /// the probes of the modes; the process must have a single thread.
    ///
    /// # Errors
    /// [`Error`]: what cannot be measured, and why.
    pub fn new(request: Request, termination: &Termination) -> Result<Self, Error> {
        // An orphan of a run that had to be killed must come here to be killed too.
        let io = |source| Error::Io {
            operation: "prctl(PR_SET_CHILD_SUBREAPER)".to_owned(),
            source,
        };
        process::become_subreaper().map_err(|errno| io(errno.into()))?;
        let modes = choose_modes(request.modes.as_deref(), request.filter.as_ref())?;
        let startup = if request.targets.iter().any(Subject::has_statement) {
            startup::measure(termination)?
        } else {
            None
        };
        let subjects = request
            .targets
            .iter()
            .map(|target| Subject::new(target, &request, startup.as_ref()));
        let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>()?;
        let mut rng = Rng::new(request.seed);
        let available: Vec<&str> = modes
            .iter()
            .filter(|mode| mode.available)
            .map(|mode| mode.name.as_str())
            .collect();
        let allowed = allowed_processors()?;
        let mut order = Vec::new();
        for subject in &subjects {
            Processors::choose(subject.plan.pin, &allowed)?;
            order.extend(order::slots(
                &subject.plan.name,
                &available,
                request.runs,
                &mut rng,
            ));
        }
        let filters = filters(&subjects, &available, request.filter.as_ref())?;
        let warnings = warnings(&subjects, &available, allowed.len());
        let plan = Plan {
            seed: request.seed,
            runs: request.runs,
            warmup: request.warmup,
            ignore_failure: request.ignore_failure,
            workloads: subjects
                .iter()
                .map(|subject| subject.plan.clone())
                .collect(),
            modes,
            hooks: request.hooks.clone(),
            order,
            filters,
        };
        Ok(Self {
            environment: environment::read(),
            request,
            subjects,
            plan,
            warnings,
        })
    }

    /// What will be measured, in which order.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What a reader must know already now.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Takes every sample of the plan, and appends each to the record's file as
    /// it is taken. Ends early at the first sample that does not count.
    ///
    /// # Errors
    /// [`Error::Record`] where the file cannot be made; any later error is in
    /// [`Finished::error`].
    pub fn run(
        self,
        directory: &RecordDirectory,
        termination: &Termination,
    ) -> Result<Finished, Error> {
        let slots = self
            .plan
            .order
            .iter()
            .map(|slot| (slot.workload.clone(), slot.mode.clone()));
        let mut run = Run {
            session: &self,
            termination,
            writer: directory.sample_writer()?,
            progress: Progress::new(slots, self.request.show_progress),
            rng: Rng::new(self.request.seed ^ PADDING_STREAM),
            started: Instant::now(),
            samples: Vec::new(),
            escaped: BTreeMap::new(),
            no_new_privs: false,
        };
        let error = self
            .subjects
            .iter()
            .try_for_each(|subject| run.subject(subject))
            .err();
        run.progress.finish();
        let mut warnings = self.warnings.clone();
        warnings.extend(run.observations());
        Ok(Finished {
            samples: run.samples,
            warnings,
            error,
        })
    }
}

/// Keeps the padding's random numbers apart from those of the order.
const PADDING_STREAM: u64 = 0x7061_6464_696e_6721;

/// One execution of a [`Session`].
struct Run<'a> {
    session: &'a Session,
    termination: &'a Termination,
    writer: SampleWriter,
    progress: Progress,
    rng: Rng,
    started: Instant,
    samples: Vec<Sample>,
    escaped: BTreeMap<String, u64>,
    no_new_privs: bool,
}

impl Run<'_> {
    fn subject(&mut self, subject: &Subject) -> Result<(), Error> {
        let hooks = &self.session.request.hooks;
        hook::run("setup", hooks.setup.as_deref())?;
        let result = self.runs(subject);
        // Also after a failure; which is then what is reported.
        let cleaned = hook::run("cleanup", hooks.cleanup.as_deref());
        result.and(cleaned)
    }

    fn runs(&mut self, subject: &Subject) -> Result<(), Error> {
        let plan = &self.session.plan;
        let slots: Vec<&Slot> = plan
            .order
            .iter()
            .filter(|slot| slot.workload == subject.plan.name)
            .collect();
        let mut reference = None;
        let mut executions = BTreeMap::new();
        // A loop's length must be known before samples of it can be made long enough.
        let warmup = if subject.plan.times_itself {
            plan.warmup.max(1)
        } else {
            plan.warmup
        };
        for _ in 0..warmup {
            for mode in plan.modes.iter().filter(|mode| mode.available) {
                let (done, _) = self.one(subject, &mode.name, 1, &mut reference, "warming up")?;
                executions.insert(mode.name.clone(), repetitions(&done));
            }
        }
        for slot in slots {
            let count = executions.get(&slot.mode).copied().unwrap_or(1);
            let sample = self.sample(subject, slot, count, &mut reference)?;
            self.writer.append(&sample)?;
            let failure = sample.error.clone();
            self.samples.push(sample);
            if let Some(reason) = failure {
                return Err(failed(subject, &slot.mode, reason));
            }
        }
        Ok(())
    }

    fn sample(
        &mut self,
        subject: &Subject,
        slot: &Slot,
        executions: u32,
        reference: &mut Option<Reference>,
    ) -> Result<Sample, Error> {
        let started_ns = nanoseconds(self.started);
        let before = Pressure::now();
        let (done, context) = self.take(subject, &slot.mode, executions, "measuring")?;
        let after = Pressure::now();
        let verdict = self.judge(subject, &slot.mode, executions, &done, reference);
        let stops = done.stops.as_ref();
        Ok(Sample {
            index: self.samples.len() as u64,
            workload: slot.workload.clone(),
            mode: slot.mode.clone(),
            block: slot.block,
            pass: slot.pass,
            status: if verdict.is_ok() {
                SampleStatus::Ok
            } else {
                SampleStatus::Failed
            },
            error: verdict.err(),
            executions: done.executions,
            exit_code: done.exit_code,
            signal: done.signal,
            wall_ns: done.wall_ns,
            loop_ns: done.loop_ns,
            user_ns: done.tracees.user_ns,
            sys_ns: done.tracees.sys_ns,
            tracer_user_ns: done.tracer.user_ns,
            tracer_sys_ns: done.tracer.sys_ns,
            tracee_voluntary: done.tracees.voluntary,
            tracee_involuntary: done.tracees.involuntary,
            tracer_voluntary: done.tracer.voluntary,
            tracer_involuntary: done.tracer.involuntary,
            stops_total: stops.map(isolated::Stops::total),
            stops_syscall_enter: stops.map(|stops| stops.syscall_enter),
            stops_syscall_exit: stops.map(|stops| stops.syscall_exit),
            stops_seccomp: stops.map(|stops| stops.seccomp),
            stops_event: stops.map(|stops| stops.event),
            stops_signal: stops.map(|stops| stops.signal),
            stops_group: stops.map(|stops| stops.group),
            syscalls: done.syscalls,
            traced_events: done.traced_events,
            tracees: done.tracees_seen,
            max_rss_kib: done.max_rss_kib,
            env_padding_bytes: context.padding,
            steal_ns: after.steal_since(before),
            cpu_pressure_ns: after.cpu_since(before),
            started_ns,
        })
    }

    /// One run that must do what it should.
    fn one(
        &mut self,
        subject: &Subject,
        mode: &str,
        executions: u32,
        reference: &mut Option<Reference>,
        what: &str,
    ) -> Result<(Done, Context), Error> {
        let (done, context) = self.take(subject, mode, executions, what)?;
        match self.judge(subject, mode, executions, &done, reference) {
            Ok(()) => Ok((done, context)),
            Err(reason) => Err(failed(subject, mode, reason)),
        }
    }

    /// One run with its hooks.
    fn take(
        &mut self,
        subject: &Subject,
        mode: &str,
        executions: u32,
        what: &str,
    ) -> Result<(Done, Context), Error> {
        let hooks = &self.session.request.hooks;
        hook::run("prepare", hooks.prepare.as_deref())?;
        self.interrupted()?;
        self.progress.start(&subject.plan.name, mode, what);
        let io = |source| Error::Io {
            operation: "cannot make a directory for the run".to_owned(),
            source,
        };
        let directory = if subject.own {
            Some(tempfile::tempdir().map_err(io)?)
        } else {
            None
        };
        let padding = u32::try_from(self.rng.below(MOST_PADDING)).unwrap_or(0);
        let started = Instant::now();
        let spec = Spec {
            mode: mode.to_owned(),
            trace: subject.plan.trace.clone(),
            program: subject.program.clone(),
            arguments: subject.arguments.clone(),
            directory: directory
                .as_ref()
                .map(|directory| directory.path().to_owned()),
            environment_padding: padding,
            processors: Processors::choose(subject.plan.pin, &allowed_processors()?)?,
            executions,
            times_itself: subject.plan.times_itself,
            show_output: self.session.request.show_output,
            filter: self
                .session
                .request
                .filter
                .as_ref()
                .map(|file| file.program().to_bytes()),
        };
        tracing::debug!(?spec, "executing");
        let done = isolated::run(&spec, self.termination)?;
        tracing::info!(
            "{what} {} under {mode}: {} executions, {:.3} s",
            subject.plan.name,
            done.executions,
            started.elapsed().as_secs_f64()
        );
        self.progress.done(
            &subject.plan.name,
            mode,
            started.elapsed(),
            what == "measuring",
        );
        hook::run("conclude", hooks.conclude.as_deref())?;
        self.interrupted()?;
        if done.escaped > 0 {
            *self.escaped.entry(mode.to_owned()).or_default() += done.escaped;
        }
        self.no_new_privs |= done.no_new_privs;
        Ok((done, Context { padding }))
    }

    /// Verifies a run; the first one that is in order sets how all must end.
    fn judge(
        &self,
        subject: &Subject,
        mode: &str,
        executions: u32,
        done: &Done,
        reference: &mut Option<Reference>,
    ) -> Result<(), String> {
        let session = self.session;
        let ignore_failure = session.request.ignore_failure;
        let traces_set =
            harness_mode::find(mode, session.request.filter.as_ref()).is_none_or(Mode::traces_set);
        verify::check(
            done,
            executions,
            subject,
            traces_set,
            ignore_failure,
            reference.as_ref(),
        )?;
        reference.get_or_insert_with(|| Reference {
            mode: mode.to_owned(),
            exit_code: done.exit_code,
            signal: done.signal,
        });
        Ok(())
    }

    fn interrupted(&self) -> Result<(), Error> {
        let io = |source| Error::Io {
            operation: "cannot read signals".to_owned(),
            source,
        };
        match self.termination.take().map_err(|errno| io(errno.into()))? {
            Some(signal) => Err(Error::Interrupted(signal)),
            None => Ok(()),
        }
    }

    /// What the runs showed that a reader must know.
    fn observations(&self) -> Vec<String> {
        let mut observations: Vec<String> = self
            .escaped
            .iter()
            .map(|(mode, count)| {
                format!(
                    "under {mode} {count} processes were not traced (CLONE_UNTRACED): their calls are missing, and calls \
                     that a filter of the mode traces failed with ENOSYS in them"
                )
            })
            .collect();
        if self.no_new_privs {
            observations.push(
                "the seccomp modes set no_new_privs, as this user has no CAP_SYS_ADMIN: set-user-ID programs then run \
                 without their privileges"
                    .to_owned(),
            );
        }
        observations
    }
}

/// What a run was made with that its outcome does not say.
struct Context {
    padding: u32,
}

fn failed(subject: &Subject, mode: &str, reason: String) -> Error {
    Error::Sample {
        workload: subject.plan.name.clone(),
        mode: mode.to_owned(),
        reason,
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Executions that make a sample of a loop long enough.
fn repetitions(done: &Done) -> u32 {
    let Some(loop_ns) = done.loop_ns else {
        return 1;
    };
    let count = SHORTEST_LOOP_NS
        .div_ceil(loop_ns.max(1))
        .min(MOST_EXECUTIONS);
    u32::try_from(count).unwrap_or(1)
}

/// The modes asked for, or all; one asked for by name must be able to run.
fn choose_modes(
    names: Option<&[String]>,
    file: Option<&SeccompFile>,
) -> Result<Vec<ModePlan>, Error> {
    let Some(names) = names else {
        return Ok(harness_mode::modes(file)
            .map(|mode| mode_plan(mode, mode.check()))
            .collect());
    };
    match (
        file.is_some(),
        names.iter().any(|name| name == SeccompFile::NAME),
    ) {
        (true, false) => return Err(Error::FilterUnused),
        (false, true) => return Err(Error::NoFilter),
        _ => {}
    }
    let mut modes: Vec<ModePlan> = Vec::new();
    for name in names {
        let mode = harness_mode::find(name, file).ok_or_else(|| Error::UnknownMode {
            name: name.clone(),
            nearest: nearest(name, harness_mode::modes(file).map(Mode::name)),
        })?;
        mode.check().map_err(|why| Error::Unavailable {
            mode: name.clone(),
            why,
        })?;
        if !modes.iter().any(|known| known.name == *name) {
            modes.push(mode_plan(mode, Ok(())));
        }
    }
    Ok(modes)
}

fn mode_plan(mode: &dyn Mode, check: Result<(), Unavailable>) -> ModePlan {
    ModePlan {
        name: mode.name().to_owned(),
        available: check.is_ok(),
        unavailable_reason: check.err().map(|why| why.to_string()),
        traces_set: mode.traces_set(),
    }
}

/// The seccomp programs of the modes for each trace set, by `MODE SET`.
fn filters(
    subjects: &[Subject],
    modes: &[&str],
    file: Option<&SeccompFile>,
) -> Result<Vec<harness_record::FilterPlan>, Error> {
    let mut filters = Vec::new();
    for subject in subjects {
        let text = &subject.plan.trace;
        let set = TraceSet::parse(text, Table::current());
        let set = set.map_err(|source| Error::TraceSet {
            text: text.clone(),
            source,
        })?;
        for mode in modes
            .iter()
            .filter_map(|name| harness_mode::find(name, file))
        {
            let filter = mode.filter(&set).map_err(|source| Error::Filter {
                mode: mode.name().to_owned(),
                source,
            })?;
            if let Some(filter) = filter {
                filters.push(harness_record::FilterPlan {
                    workload: subject.plan.name.clone(),
                    mode: mode.name().to_owned(),
                    filter: FilterSummary {
                        compiler: filter.origin.to_owned(),
                        instructions: u32::try_from(filter.program.len()).unwrap_or(u32::MAX),
                        cacheable: filter.cacheable(),
                    },
                });
            }
        }
    }
    Ok(filters)
}

fn warnings(subjects: &[Subject], modes: &[&str], processors: usize) -> Vec<String> {
    let traced = modes.iter().any(|&mode| mode != "none");
    let unpinned = subjects
        .iter()
        .filter(|subject| subject.single_process && subject.plan.pin != Pin::SameCore);
    let names: Vec<&str> = unpinned.map(|subject| subject.plan.name.as_str()).collect();
    if !traced || processors < 2 || names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "the pinning decides the result of {}: a stop between two processors costs up to ten times one on the same \
         processor (--pin same-core)",
        names.join(", ")
    )]
}

fn allowed_processors() -> Result<Vec<u32>, Error> {
    let io = |source| Error::Io {
        operation: "sched_getaffinity(2)".to_owned(),
        source,
    };
    affinity::allowed().map_err(|errno| io(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_loops_are_repeated() {
        let done = |loop_ns| Done {
            loop_ns,
            ..Done::default()
        };
        assert_eq!(repetitions(&done(None)), 1);
        assert_eq!(repetitions(&done(Some(700_000_000))), 1);
        assert_eq!(repetitions(&done(Some(10_700_000))), 10);
        assert_eq!(repetitions(&done(Some(0))), 64);
    }

    #[test]
    fn unknown_modes_are_refused_with_the_nearest() {
        let error = choose_modes(Some(&["seccomp-liner".to_owned()]), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean seccomp-linear"), "{error}");
    }
}
