//! Plans a measurement: checks everything that can be checked before the first run.

use crate::binaries::{Binaries, own_binary};
use crate::calls::CallsTaken;
use crate::choice::Choice;
use crate::request::Request;
use crate::runs::Runs;
use crate::startup::Startup;
use crate::subject::{Subject, check_size};
use crate::{Error, environment, order, processors, sampler};
use harness_mode::{Facts, Mechanism, Mode, Role, Traced, Unavailable};
use harness_record::{
    Environment, FilterSummary, ModePlan, Pin, Plan, RecordDirectory, Relation, Sample, StopLog,
    counted,
};
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
use harness_syscalls::Arch;
use std::collections::BTreeSet;

/// A measurement that can be taken: everything that can be checked before the
/// first run has been.
pub struct Session {
    pub(crate) request: Request,
    pub(crate) subjects: Vec<Subject>,
    plan: Plan,
    environment: Environment,
    warnings: Vec<String>,
}

/// What a measurement came to.
#[derive(Debug)]
pub struct Finished {
    /// Every sample taken, failed ones included.
    pub samples: Vec<Sample>,
    /// What each of them counted of each call.
    pub calls: CallsTaken,
    /// What a reader must know, a sentence each.
    pub warnings: Vec<String>,
    /// Why it ended before its plan did.
    pub error: Option<Error>,
}

impl Session {
    /// Checks a request and plans it. Runs the workload that does nothing, and
    /// the probes of the modes; the process must have a single thread.
    ///
    /// # Errors
    /// [`Error`]: what cannot be measured, and why.
    pub fn new(request: Request, termination: &Termination) -> Result<Self, Error> {
        sampler::prepare()?;
        let mut modes = plan_modes(&request.modes)?;
        if request.pin == Some(Pin::Split) {
            leave_out_wrappers(&request.modes, &mut modes)?;
        }
        check_size(&request)?;
        let own = own_binary()?;
        let startup = if request.targets.iter().any(Subject::has_statement) {
            Startup::measure(&own, termination)?
        } else {
            None
        };
        let subjects = request
            .targets
            .iter()
            .map(|target| Subject::new(target, &request, &own, startup.as_ref(), termination));
        let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>()?;
        for (plan, choice) in modes.iter_mut().zip(&request.modes) {
            (plan.traces_set, plan.traces_own_set) = traced(&*choice.mode, &subjects);
        }
        let mut rng = Rng::new(request.seed);
        let available: Vec<&str> = modes
            .iter()
            .filter(|mode| mode.available)
            .map(|mode| mode.name.as_str())
            .collect();
        let mut order = Vec::new();
        for subject in &subjects {
            order.extend(order::slots(
                &subject.plan.name,
                &available,
                request.runs,
                &mut rng,
            ));
        }
        let filters = filters(&subjects, &available, &request)?;
        let any_tracer = modes
            .iter()
            .any(|mode| mode.available && mode.role() == Role::Tracer);
        let mut warnings = warnings(&subjects, any_tracer, processors::allowed()?.len());
        warnings.extend(absent_calls(&subjects));
        let plan = Plan {
            seed: request.seed,
            runs: request.runs,
            warmup: subjects
                .iter()
                .filter_map(|subject| subject.plan.warmup)
                .max()
                .unwrap_or(request.warmup),
            max_pressure: request.max_pressure,
            ignore_failure: request.ignore_failure,
            accept_variation: request.accept_variation,
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
    /// it is taken, and each stop of their tracees to `log`, if there is one. Ends
    /// early at the first sample that does not count.
    ///
    /// # Errors
    /// [`Error::Record`] where the file cannot be made; any later error is in
    /// [`Finished::error`].
    pub fn run(
        self,
        directory: &RecordDirectory,
        log: Option<StopLog>,
        termination: &Termination,
    ) -> Result<Finished, Error> {
        let writer = directory.sample_writer()?;
        let binaries = Binaries::own()?;
        let slots = &self.plan.order;
        let mut runs = Runs::new(&self.request, &binaries, slots, termination, writer);
        runs.log_stops(log);
        let busy = self.environment.busy_at_start();
        runs.remark(busy.map(|threads| {
            let threads = counted(threads.into(), "runnable thread");
            format!("{threads} of other processes at the start")
        }));
        let error = self
            .subjects
            .iter()
            .try_for_each(|subject| runs.subject(subject, &self.plan))
            .err();
        let taken = runs.finish();
        let mut warnings = self.warnings;
        warnings.extend(taken.observations);
        Ok(Finished {
            samples: taken.samples,
            calls: taken.calls,
            warnings,
            error,
        })
    }
}

/// What the plan says of the modes; one asked for by name must be able to run.
pub(crate) fn plan_modes(choices: &[Choice]) -> Result<Vec<ModePlan>, Error> {
    let plan = |choice: &Choice| match choice.mode.check() {
        Err(why) if choice.required => Err(Error::Unavailable {
            mode: choice.mode.about().name.clone().into_owned(),
            why,
        }),
        checked => Ok(mode_plan(&*choice.mode, checked)),
    };
    choices.iter().map(plan).collect()
}

/// Leaves out the modes that cannot be pinned apart from the program; one asked for by name must not
/// be among them.
fn leave_out_wrappers(choices: &[Choice], modes: &mut [ModePlan]) -> Result<(), Error> {
    for (choice, plan) in choices.iter().zip(modes) {
        if choice.mode.about().mechanism != Mechanism::Peer || !plan.available {
            continue;
        }
        let error = Error::CannotSplit(plan.name.clone());
        if choice.required {
            return Err(error);
        }
        plan.available = false;
        plan.unavailable_reason = Some(error.to_string());
    }
    Ok(())
}

/// Whether what a mode traces is what each subject's trace set asks for, or else other sets.
fn traced(mode: &dyn Mode, subjects: &[Subject]) -> (bool, bool) {
    let traced = |subject: &Subject| mode.traced(&subject.set);
    let is_asked = |subject: &Subject| match traced(subject) {
        Traced::Nothing => true,
        Traced::Set(set) => set == subject.set,
        Traced::OwnRule => false,
    };
    let asked = subjects.iter().all(is_asked);
    let mut traced = subjects.iter().map(traced);
    (
        asked,
        !asked && traced.all(|traced| traced != Traced::OwnRule),
    )
}

/// What a plan says of a mode that was checked.
pub(crate) fn mode_plan(mode: &dyn Mode, checked: Result<Facts, Unavailable>) -> ModePlan {
    let about = mode.about();
    ModePlan {
        name: about.name.clone().into_owned(),
        available: checked.is_ok(),
        unavailable_reason: checked.as_ref().err().map(ToString::to_string),
        traces_set: true,
        traces_own_set: false,
        role: Some(about.role),
        colour: Some(about.colour),
        capabilities: Some(about.capabilities),
        facts: checked.unwrap_or_default(),
    }
}

/// The seccomp programs of the modes for each trace set, by `MODE SET`.
fn filters(
    subjects: &[Subject],
    modes: &[&str],
    request: &Request,
) -> Result<Vec<harness_record::FilterPlan>, Error> {
    let mut filters = Vec::new();
    for subject in subjects {
        let set = &subject.set;
        for mode in modes.iter().filter_map(|name| request.mode(name)) {
            let name = &mode.about().name;
            let filter = mode.filter(set).map_err(|source| Error::Filter {
                mode: name.clone().into_owned(),
                source,
            })?;
            if let Some(filter) = filter {
                let cacheable = filter.cacheable();
                filters.push(harness_record::FilterPlan {
                    workload: subject.plan.name.clone(),
                    mode: name.clone().into_owned(),
                    filter: FilterSummary {
                        compiler: filter.origin.to_owned(),
                        instructions: u32::try_from(filter.program.len()).unwrap_or(u32::MAX),
                        cacheable: cacheable.is_all(),
                        allowed_calls: Some(cacheable.allowed),
                        cached_calls: Some(cacheable.cached),
                    },
                });
            }
        }
    }
    Ok(filters)
}

/// What the trace sets name that this machine does not have, once a set.
fn absent_calls(subjects: &[Subject]) -> BTreeSet<String> {
    let absent = subjects
        .iter()
        .filter_map(|subject| subject.set.absent_from(Arch::NATIVE));
    absent.collect()
}

fn warnings(subjects: &[Subject], traced: bool, processors: usize) -> Vec<String> {
    let names = |wanted: &dyn Fn(&Subject) -> bool| {
        let names = subjects.iter().filter(|subject| wanted(subject));
        let names: Vec<&str> = names.map(|subject| subject.plan.name.as_str()).collect();
        Some(names.join(", ")).filter(|names| traced && !names.is_empty())
    };
    let apart = names(&|subject| {
        processors > 1 && subject.plan.times_itself && subject.plan.pin != Pin::SameCpu
    });
    let siblings = names(&|subject| {
        let placement = subject.plan.placement;
        placement.is_some_and(|placement| placement.relation == Relation::Siblings)
    });
    let apart = apart.map(|names| {
        format!(
            "{names}: not bound to one CPU, which decides the result: a stop between two CPUs costs up to ten times one \
             on the same (--pin same-cpu)"
        )
    });
    let siblings = siblings.map(|names| {
        format!(
            "{names}: --pin split found no two cores, so tracer and tracees run on siblings, hardware threads of one core \
             that slow each other down; allow the harness CPUs of another core (taskset(1)), or use --pin same-cpu"
        )
    });
    apart.into_iter().chain(siblings).collect()
}
