//! Takes the samples of a plan, one after the other.

mod given_up;
mod known;
mod observations;

use crate::binaries::Binaries;
use crate::calls::CallsTaken;
use crate::event_log::SampleLog;
use crate::order;
use crate::pressure::{Others, Pressure};
use crate::progress::Progress;
use crate::request::Request;
use crate::row::{Context, row};
use crate::subject::Subject;
use crate::verify::{self, Accepted, Reference};
use crate::wire::{Done, Pace, Spec, Variables};
use crate::{Error, hook, sampler};
use harness_mode::{Mode, Role, Traced};
use harness_record::{
    Load, LoggedRun, MOST_OTHERS, Plan, Sample, SampleWriter, Side, Slot, StopLog,
};
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
pub(crate) use known::{Arm, Known};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A sample of a loop lasts at least this long: shorter ones are repeated.
const SHORTEST_LOOP_NS: u64 = 100_000_000;
/// But not more often than this.
const MOST_EXECUTIONS: u64 = 64;
/// Upper end of the environment's random padding, bytes: a page, over which the
/// initial stack moves.
pub(crate) const MOST_PADDING: u64 = 4096;

/// What a run is for.
const WARMING_UP: &str = "warming up";
const MEASURING: &str = "measuring";

/// Keeps the padding's random numbers apart from those of the order.
const PADDING_STREAM: u64 = 0x7061_6464_696e_6721;

/// The runs of a plan as they are made.
pub(crate) struct Runs<'a> {
    request: &'a Request,
    binaries: &'a Binaries,
    termination: &'a Termination,
    writer: SampleWriter,
    progress: Progress,
    rng: Rng,
    started: Instant,
    samples: Vec<Sample>,
    calls: CallsTaken,
    others: Others,
    /// Of the samples of the present subject.
    load: Load,
    escaped: BTreeMap<String, u64>,
    no_new_privs: bool,
    /// What the modes had to say of their runs.
    remarks: BTreeSet<String>,
    not_alternating: bool,
    log: Option<StopLog>,
    warm_ups: u64,
}

/// What all runs came to.
pub(crate) struct Taken {
    /// Every sample.
    pub(crate) samples: Vec<Sample>,
    /// What each of them counted of each call.
    pub(crate) calls: CallsTaken,
    /// What a reader must know of them, a sentence each.
    pub(crate) observations: Vec<String>,
}

impl<'a> Runs<'a> {
    /// `slots` are those that the progress bar counts.
    pub(crate) fn new<'s>(
        request: &'a Request,
        binaries: &'a Binaries,
        slots: impl IntoIterator<Item = &'s Slot>,
        termination: &'a Termination,
        writer: SampleWriter,
    ) -> Self {
        let slots = slots.into_iter();
        let slots = slots.map(|slot| (slot.workload.clone(), slot.mode.clone()));
        Self {
            request,
            binaries,
            termination,
            writer,
            progress: Progress::new(slots, request.show_progress),
            rng: Rng::new(request.seed ^ PADDING_STREAM),
            started: Instant::now(),
            samples: Vec::new(),
            calls: CallsTaken::default(),
            others: Others::default(),
            load: Load::default(),
            escaped: BTreeMap::new(),
            no_new_privs: false,
            remarks: BTreeSet::new(),
            not_alternating: false,
            log: None,
            warm_ups: 0,
        }
    }

    /// Has every stop of the runs written down.
    pub(crate) fn log_stops(&mut self, log: Option<StopLog>) {
        self.log = log;
    }

    /// Has the progress bar say something that a reader should do something about, until the first
    /// sample says what holds then.
    pub(crate) fn remark(&mut self, text: Option<String>) {
        self.progress.remark(text);
    }

    /// The samples taken so far.
    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What was taken.
    pub(crate) fn finish(self) -> Taken {
        self.progress.finish();
        let observations = self.observations();
        Taken {
            samples: self.samples,
            calls: self.calls,
            observations,
        }
    }

    /// Makes all runs of one subject, with the hooks around them.
    pub(crate) fn subject(&mut self, subject: &Subject, plan: &Plan) -> Result<(), Error> {
        let hooks = &self.request.hooks;
        self.hook("setup", hooks.setup.as_deref())?;
        let modes = plan.modes.iter().filter(|mode| mode.available);
        let arms = modes.map(|mode| Arm {
            mode: mode.name.clone(),
            side: None,
        });
        let slots = plan.order.iter();
        let slots = slots.filter(|slot| slot.workload == subject.plan.name);
        let result = self
            .warm_up(subject, arms.collect())
            .and_then(|mut known| self.slots(subject, slots, &mut known));
        // Also after a failure; which is then what is reported.
        let cleaned = self.hook("cleanup", hooks.cleanup.as_deref());
        result.and(cleaned)
    }

    /// Makes the uncounted runs of one subject.
    pub(crate) fn warm_up(
        &mut self,
        subject: &Subject,
        mut arms: Vec<Arm>,
    ) -> Result<Known, Error> {
        let mut known = Known::default();
        // Two harnesses say of themselves whether they can alternate.
        let rounds = subject.plan.warmup.unwrap_or(self.request.warmup);
        let rounds = rounds.max(u32::from(self.binaries.are_two()));
        // What was said of the subject before; the first has what was said of the start.
        if std::mem::take(&mut self.load) != Load::default() {
            self.progress.remark(None);
        }
        // The first run sets how all must end, which the untraced one should.
        arms.sort_by_key(|arm| self.role(arm) != Role::Control);
        for _ in 0..rounds {
            for arm in &arms {
                if known.given_up.contains_key(arm) {
                    continue;
                }
                let done = match self.warm_up_once(subject, arm, &mut known) {
                    Ok(done) => done,
                    Err(failure) => {
                        self.interrupted()?;
                        self.give_up(arm, failure, false, &mut known)?;
                        continue;
                    }
                };
                known.executions.insert(arm.clone(), repetitions(&done));
                if !done.alternates {
                    known.cannot_alternate.insert(arm.clone());
                }
                if let Some(filter) = done.filter {
                    known.filters.insert(arm.clone(), filter);
                }
            }
        }
        Ok(known)
    }

    fn warm_up_once(
        &mut self,
        subject: &Subject,
        arm: &Arm,
        known: &mut Known,
    ) -> Result<Done, Error> {
        let (done, _) = self.take(subject, arm, 1, WARMING_UP)?;
        let verdict = self.judge(subject, arm, 1, &done, &mut known.reference);
        self.conclude(subject, arm, verdict.err())?;
        Ok(done)
    }

    /// Makes counted runs of one subject, those that stand together alternately;
    /// ends at the first that does not count, unless its arm is given up.
    pub(crate) fn slots<'s>(
        &mut self,
        subject: &Subject,
        slots: impl IntoIterator<Item = &'s Slot>,
        known: &mut Known,
    ) -> Result<(), Error> {
        let slots: Vec<&Slot> = slots.into_iter().collect();
        for together in order::together(&slots) {
            let arms: Vec<Arm> = together.iter().map(|slot| Arm::of(slot)).collect();
            if arms.iter().any(|arm| known.cannot_alternate.contains(arm)) {
                self.not_alternating = true;
                for (slot, arm) in together.iter().zip(arms) {
                    self.group(subject, &[slot], &[arm], known)?;
                }
            } else if let ([slot], [arm]) = (together, &arms[..]) {
                if self.is_left_out(subject, slot, arm, known)? {
                    continue;
                }
                let before = self.samples.len();
                if let Err(failure) = self.group(subject, together, &arms, known) {
                    let recorded = self.samples.len() > before;
                    self.give_up(arm, failure, recorded, known)?;
                }
            } else {
                self.group(subject, together, &arms, known)?;
            }
        }
        Ok(())
    }

    /// Makes the runs of slots that stand together.
    fn group(
        &mut self,
        subject: &Subject,
        slots: &[&Slot],
        arms: &[Arm],
        known: &mut Known,
    ) -> Result<(), Error> {
        let executions = known.executions(arms);
        let taken = self.take_alternately(subject, arms, executions, MEASURING)?;
        for ((slot, arm), taken) in slots.iter().zip(arms).zip(taken) {
            // Of what was cut short by the failure of another there is nothing to say.
            let Some((done, context)) = taken else {
                continue;
            };
            let verdict = self.judge(subject, arm, executions, &done, &mut known.reference);
            if verdict.is_err() {
                // Where a signal to all processes at once ended it, nothing failed.
                self.interrupted()?;
            }
            let has_tracer = self.role(arm) == Role::Tracer;
            let index = self.samples.len() as u64;
            let sample = row(index, slot, &done, &context, has_tracer, verdict.err());
            self.writer.append(&sample)?;
            self.weigh(subject, &sample);
            let failure = sample.error.clone();
            self.calls.add(&sample, done.calls);
            self.samples.push(sample);
            self.conclude(subject, arm, failure)?;
        }
        Ok(())
    }

    fn role(&self, arm: &Arm) -> Role {
        let mode = self.request.mode(&arm.mode);
        mode.map_or(Role::Tracer, |mode| mode.about().role)
    }

    /// Says on the bar what disturbs, as soon as it can be told.
    fn weigh(&mut self, subject: &Subject, sample: &Sample) {
        self.load.add(sample);
        let cpus = subject.plan.cpus.len();
        let others = self.load.others_beyond(cpus, MOST_OTHERS);
        self.progress.remark(others.map(|share| {
            let percent = share * 100.0;
            format!("others use {percent:.0} % of the CPU time: end them")
        }));
    }

    /// What follows a run whose row is safe. A failure of the run itself is
    /// what is reported, whatever comes after.
    fn conclude(&self, subject: &Subject, arm: &Arm, failure: Option<String>) -> Result<(), Error> {
        let concluded = self.hook("conclude", self.request.hooks.conclude.as_deref());
        if let Some(reason) = failure {
            return Err(failed(subject, arm, reason));
        }
        concluded?;
        self.interrupted()
    }

    /// One run, with the hook before it.
    fn take(
        &mut self,
        subject: &Subject,
        arm: &Arm,
        executions: u32,
        what: &str,
    ) -> Result<(Done, Context), Error> {
        let taken = self.take_alternately(subject, std::slice::from_ref(arm), executions, what)?;
        let taken = taken.into_iter().flatten().next();
        taken.ok_or_else(|| Error::Isolated("it gave no answer".to_owned()))
    }

    /// One run of each arm, alternating where there are several, with the hook
    /// before each; `None` for one that ended because another did.
    fn take_alternately(
        &mut self,
        subject: &Subject,
        arms: &[Arm],
        executions: u32,
        what: &str,
    ) -> Result<Vec<Option<(Done, Context)>>, Error> {
        for _ in arms {
            self.hook("prepare", self.request.hooks.prepare.as_deref())?;
        }
        self.interrupted()?;
        // Removed when all have ended.
        let mut directories = Vec::new();
        let mut specs = Vec::new();
        for arm in arms {
            self.progress.start(&subject.plan.name, &arm.mode, what);
            let (spec, directory) = self.spec(subject, arm, executions, what)?;
            tracing::debug!(?spec, "executing");
            directories.extend(directory);
            specs.push((
                self.binaries.of(arm.side),
                Spec {
                    pace: if arms.len() > 1 {
                        Pace::Alternating
                    } else {
                        Pace::AtOnce
                    },
                    ..spec
                },
            ));
        }
        let started = Instant::now();
        let started_ns = nanoseconds(self.started);
        let cpus = &subject.plan.cpus;
        let before = Pressure::now(cpus);
        let done = match &specs[..] {
            [(binary, spec)] => {
                sampler::run(binary, spec, self.termination).map(|done| vec![Some(done)])
            }
            several => sampler::run_alternately(several, self.termination),
        };
        let done = done.or_else(|error| self.interrupted().and(Err(error)))?;
        let after = Pressure::now(cpus);
        let others_ns = self.others.between(before, after, cpus.len());
        let wall_ns = |done: &Option<Done>| done.as_ref().map_or(0, |done| done.wall_ns);
        let all_ns: u64 = done.iter().map(wall_ns).sum();
        let took = started.elapsed();
        let taken = arms
            .iter()
            .zip(specs)
            .zip(done)
            .map(|((arm, (_, spec)), done)| {
                // Of what was stolen from all of them, each has its share.
                let share = wall_ns(&done) as f64 / all_ns.max(1) as f64;
                let share_of = |ns| portion(ns, wall_ns(&done), all_ns);
                let context = Context {
                    padding: spec.environment_padding,
                    started_ns,
                    steal_ns: after.steal_since(before).map(share_of),
                    cpu_pressure_ns: after.cpu_since(before).map(share_of),
                    others_cpu_ns: others_ns.map(share_of),
                    lifetime_ns: share_of(after.time_since(before)),
                };
                self.note(subject, arm, done.as_ref()?, took.mul_f64(share), what);
                Some((done?, context))
            });
        Ok(taken.collect())
    }

    /// What an arm is to do, and the directories it does it in.
    fn spec(
        &mut self,
        subject: &Subject,
        arm: &Arm,
        executions: u32,
        what: &str,
    ) -> Result<(Spec, Vec<TempDir>), Error> {
        let io = |source| Error::Io {
            operation: "cannot make a directory for the run".to_owned(),
            source,
        };
        let directory = if subject.own {
            Some(tempfile::tempdir().map_err(io)?)
        } else {
            None
        };
        let log = self.log.clone().map(|file| SampleLog {
            file,
            run: LoggedRun {
                workload: subject.plan.name.clone(),
                mode: arm.mode.clone(),
                warm_up: what == WARMING_UP,
                run: match what {
                    WARMING_UP => self.warm_ups,
                    _ => self.samples.len() as u64,
                },
                execution: 0,
            },
        });
        self.warm_ups += u64::from(what == WARMING_UP);
        let mode = self.request.mode(&arm.mode);
        let scratch = if mode.is_some_and(Mode::writes_files) {
            Some(tempfile::tempdir().map_err(io)?)
        } else {
            None
        };
        let path = |directory: Option<&TempDir>| directory.map(|at| at.path().to_owned());
        let spec = Spec {
            mode: arm.mode.clone(),
            parameter: mode.and_then(Mode::parameter),
            trace: subject.plan.trace.clone(),
            program: subject.program.clone(),
            arguments: subject.arguments.clone(),
            directory: path(directory.as_ref()),
            environment_padding: u32::try_from(self.rng.below(MOST_PADDING)).unwrap_or(0),
            processors: subject.plan.placement.into(),
            executions,
            times_itself: subject.plan.times_itself,
            show_output: self.request.show_output,
            scratch: path(scratch.as_ref()),
            describe_filter: self.binaries.are_two() && what == WARMING_UP,
            variables: if subject.own {
                Variables::Fixed
            } else {
                Variables::Callers
            },
            pace: Pace::AtOnce,
            log,
        };
        Ok((spec, [directory, scratch].into_iter().flatten().collect()))
    }

    /// Says what was done, and keeps what a reader must know of it.
    fn note(&mut self, subject: &Subject, arm: &Arm, done: &Done, took: Duration, what: &str) {
        let (name, mode) = (&subject.plan.name, &arm.mode);
        tracing::info!(
            "{what} {name} under {mode}: {} executions, {:.3} s",
            done.executions,
            took.as_secs_f64()
        );
        self.progress.done(name, mode, took, what == MEASURING);
        if done.escaped > 0 {
            *self.escaped.entry(mode.to_owned()).or_default() += done.escaped;
        }
        self.no_new_privs |= done.no_new_privs;
        let remarks = done.remarks.iter();
        self.remarks
            .extend(remarks.map(|remark| format!("{mode}: {remark}")));
    }

    /// Verifies a run; the first one that is in order sets how all must end.
    fn judge(
        &self,
        subject: &Subject,
        arm: &Arm,
        executions: u32,
        done: &Done,
        reference: &mut Option<Reference>,
    ) -> Result<(), String> {
        let mode = self.request.mode(&arm.mode);
        let traced = mode.map_or(Traced::OwnRule, |mode| mode.traced(&subject.set));
        let accepted = Accepted {
            failure: self.request.ignore_failure,
            loss: self.request.allow_loss,
        };
        verify::check(
            done,
            executions,
            subject,
            &traced,
            accepted,
            reference.as_ref(),
        )?;
        if !done.end_unknown {
            reference.get_or_insert_with(|| Reference {
                mode: arm.mode.clone(),
                exit_code: done.exit_code,
                signal: done.signal,
            });
        }
        Ok(())
    }

    /// Runs a hook. A signal to the whole terminal ends it too, and is then
    /// what the measurement ends from.
    fn hook(&self, name: &'static str, command: Option<&str>) -> Result<(), Error> {
        hook::run(name, command, self.termination)
            .or_else(|error| self.interrupted().and(Err(error)))
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
}

fn failed(subject: &Subject, arm: &Arm, reason: String) -> Error {
    let side = match arm.side {
        None => "",
        Some(Side::Base) => " of base",
        Some(Side::Head) => " of head",
    };
    Error::Sample {
        workload: subject.plan.name.clone(),
        mode: arm.mode.clone() + side,
        reason,
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// `part` of `whole` of `ns`; nothing of nothing.
fn portion(ns: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(ns) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
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
}
