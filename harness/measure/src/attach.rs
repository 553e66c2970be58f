//! A process that is running already, in windows with and without a tracer.
//!
//! The windows stand in the order of runs: blocks of a permutation and its
//! reverse. What the process does in one is read from proc(5) at its two ends,
//! in the same way whether it is traced or not; `tracing` has the process that
//! attaches and detaches, `account` what is read, `counter` what a command of the
//! user's counts.

mod account;
mod counter;
mod described;
mod tracing;

pub use tracing::{WORD, main};

use crate::binaries::own_binary;
use crate::choice::Choice;
use crate::progress::Progress;
use crate::session::mode_plan;
use crate::{Error, environment, order};
use account::Account;
use counter::Reading;
use described::{Foreign, describe, observations};
use harness_mode::{Facts, Mode, Watcher};
use harness_record::{
    AttachPlan, AttachedProcess, CONTROL, Environment, ModePlan, Slot, TracerWindow, Window,
    control,
};
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
use harness_sys::{Tid, files, pid_namespace, process};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::running::{FindError, Process, Tree};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Attached, Spec, Tracing};

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct AttachRequest {
    /// The process.
    pub pid: i32,
    /// Length of a window.
    pub window: Duration,
    /// The modes, in the order in which they are reported.
    pub modes: Vec<Choice>,
    /// Trace set; `None` is `connect`.
    pub trace: Option<String>,
    /// A shell command that prints a counter of what the process does.
    pub rate_command: Option<String>,
    /// Windows of each mode; at least 1.
    pub runs: u32,
    /// Seed of the order.
    pub seed: u64,
    /// Whether a progress bar is drawn, if standard error is a terminal.
    pub show_progress: bool,
}

/// The trace set where none is given, as for a command.
const DEFAULT_TRACE: &str = "connect";

/// A measurement that can be taken: everything that can be checked before the
/// first window has been.
pub struct Attaching {
    tree: Tree,
    described: AttachedProcess,
    plan: AttachPlan,
    environment: Environment,
    binary: PathBuf,
    modes: Vec<Arc<dyn Mode>>,
    show_progress: bool,
}

/// What a measurement came to.
#[derive(Debug)]
pub struct Watched {
    /// Every whole window.
    pub windows: Vec<Window>,
    /// What a reader must know, a sentence each.
    pub warnings: Vec<String>,
    /// Whether the process ended before the plan did.
    pub process_ended: bool,
    /// Why it ended before its plan did otherwise.
    pub error: Option<Error>,
}

impl Attaching {
    /// Checks a request and plans it. Runs the probes of the modes, and attaches
    /// once, as whether that is allowed is found out by trying; the calling
    /// process must have a single thread.
    ///
    /// # Errors
    /// [`Error`]: what cannot be measured, and why.
    pub fn new(request: AttachRequest, termination: &Termination) -> Result<Self, Error> {
        pid_namespace::check()?;
        let modes = plan_modes(&request.modes)?;
        let trace = request.trace.unwrap_or_else(|| DEFAULT_TRACE.to_owned());
        if let Err(source) = TraceSet::parse(&trace, Table::current()) {
            let text = trace;
            return Err(Error::TraceSet { text, source });
        }
        let process = Process::find(Tid(request.pid))?;
        let tree = Tree {
            root: process,
            without: process::own(),
        };
        let available = modes.iter().filter(|mode| mode.available);
        let available: Vec<&str> = available.map(|mode| mode.name.as_str()).collect();
        let order = order::slots(
            &request.pid.to_string(),
            &available,
            request.runs,
            &mut Rng::new(request.seed),
        );
        let binary = own_binary()?;
        let attaches = |mode: &&Arc<dyn Mode>| {
            let name = &*mode.about().name;
            name != CONTROL && available.contains(&name)
        };
        let chosen = request.modes.iter().map(|choice| &choice.mode);
        let attaching: Vec<Arc<dyn Mode>> = chosen.filter(attaches).cloned().collect();
        for mode in &attaching {
            let trial = Tracing::start(&binary, &Spec::new(&**mode, tree, &trace))?;
            match trial.attached(termination)? {
                Attached::Yes(trial) => {
                    trial.finish()?;
                }
                Attached::ProcessEnded => return Err(FindError::NoProcess(process.id).into()),
            }
        }
        if let Some(command) = &request.rate_command {
            Reading::take(command, termination)?;
        }
        Ok(Self {
            described: describe(tree),
            environment: environment::read(),
            binary,
            modes: attaching,
            show_progress: request.show_progress,
            plan: AttachPlan {
                seed: request.seed,
                runs: request.runs,
                window_ns: nanoseconds(request.window),
                trace,
                rate_command: request.rate_command,
                modes,
                order,
            },
            tree,
        })
    }

    /// The process, as it is now.
    #[must_use]
    pub fn process(&self) -> &AttachedProcess {
        &self.described
    }

    /// What will be measured, in which order.
    #[must_use]
    pub fn plan(&self) -> &AttachPlan {
        &self.plan
    }

    /// Where.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Takes every window of the plan, and shows `each` all that there are after
    /// each. Ends early where the process does, and leaves it untraced however
    /// it ends.
    pub fn run(
        &self,
        termination: &Termination,
        mut each: impl FnMut(&[Window]) -> Result<(), Error>,
    ) -> Watched {
        let slots = self.plan.order.iter();
        let slots = slots.map(|slot| (slot.workload.clone(), slot.mode.clone()));
        let mut progress = Progress::new(slots, self.show_progress);
        let started = Instant::now();
        let mut watched = Watched {
            windows: Vec::new(),
            warnings: Vec::new(),
            process_ended: false,
            error: None,
        };
        let mut foreign = Foreign::default();
        // Without it the end of the process is seen at the end of a window.
        let end = process::descriptor(self.tree.root.id).ok();
        for slot in &self.plan.order {
            progress.start(&slot.workload, &slot.mode, "watching process");
            let began = Instant::now();
            match self.window(slot, started, end.as_ref(), &mut foreign, termination) {
                Ok(Some(window)) => watched.windows.push(window),
                Ok(None) => {
                    watched.process_ended = true;
                    break;
                }
                Err(error) => {
                    watched.error = Some(error);
                    break;
                }
            }
            progress.done(&slot.workload, &slot.mode, began.elapsed(), true);
            if let Err(error) = each(&watched.windows) {
                watched.error = Some(error);
                break;
            }
        }
        progress.finish();
        watched.warnings = observations(&watched.windows, foreign);
        watched
    }

    /// One window; `None` where the process ended before its end.
    fn window(
        &self,
        slot: &Slot,
        started: Instant,
        end: Option<&OwnedFd>,
        foreign: &mut Foreign,
        termination: &Termination,
    ) -> Result<Option<Window>, Error> {
        let mut tracing = None;
        let mut modes = self.modes.iter();
        if let Some(mode) = modes.find(|mode| mode.about().name == slot.mode) {
            let spec = Spec::new(&**mode, self.tree, &self.plan.trace);
            match Tracing::start(&self.binary, &spec)?.attached(termination)? {
                Attached::Yes(attached) => tracing = Some(attached),
                Attached::ProcessEnded => return Ok(None),
            }
        }
        let rate = self.plan.rate_command.as_deref();
        let read = || rate.map(|command| Reading::take(command, termination));
        let first = read().transpose()?;
        let Some(before) = Account::read(self.tree, None) else {
            return Ok(None);
        };
        let length = Duration::from_nanos(self.plan.window_ns);
        let ended = match &mut tracing {
            Some(tracing) => tracing.ends_within(length, termination)?,
            None => pause(length, end, termination)?,
        };
        if ended {
            return Ok(None);
        }
        let Some(after) = Account::read(self.tree, Some(&before)) else {
            return Ok(None);
        };
        let last = read().transpose()?;
        let counted = rate.zip(first.zip(last));
        let counted = counted.map(|(command, (first, last))| last.since(first, command));
        let tracer = match tracing.map(Tracing::finish).transpose()? {
            None => None,
            Some(done) if done.ended => return Ok(None),
            Some(done) => Some(TracerWindow {
                counted_ns: done.counted_ns,
                attaching_ns: done.attaching_ns,
                detaching_ns: done.detaching_ns,
                unstopped: done.unstopped,
                processes: Some(done.processes),
                left_alone: done.left_alone,
                counts: done.counts,
                cpu_ns: done.cpu_ns,
            }),
        };
        let change = after.since(&before);
        *foreign = (*foreign).max(Foreign {
            count: change.foreign,
            of: (after.processes() as u64)
                .saturating_sub(1)
                .max(change.foreign),
        });
        Ok(Some(Window {
            mode: slot.mode.clone(),
            block: slot.block,
            pass: slot.pass,
            started_ns: nanoseconds(before.at.duration_since(started)),
            window_ns: nanoseconds(after.at.duration_since(before.at)),
            cpu_ns: change.cpu_ns,
            read_write_calls: change.read_write_calls,
            voluntary_switches: change.voluntary,
            involuntary_switches: change.involuntary,
            threads: u32::try_from(after.threads()).unwrap_or(u32::MAX),
            processes: Some(u32::try_from(after.processes()).unwrap_or(u32::MAX)),
            rate_command: counted.transpose()?,
            tracer,
        }))
    }
}

/// Which of the modes can be used on a running process; one asked for by name must be able to. The
/// control is always among them.
fn plan_modes(choices: &[Choice]) -> Result<Vec<ModePlan>, Error> {
    let mut modes: Vec<ModePlan> = Vec::new();
    let mut attaches = false;
    let mut unavailable = None;
    for choice in choices {
        let mode = &*choice.mode;
        let name = || mode.about().name.clone().into_owned();
        let watcher = match mode.watcher() {
            Err(why) if choice.required => {
                let mode = name();
                return Err(Error::CannotAttach { mode, why });
            }
            Err(why) => {
                modes.push(mode_plan(mode, Err(why)));
                continue;
            }
            Ok(watcher) => watcher,
        };
        let checked = mode.check();
        if let Err(why) = &checked {
            let why = why.clone();
            let error = Error::Unavailable { mode: name(), why };
            if choice.required {
                return Err(error);
            }
            unavailable.get_or_insert(error);
        }
        attaches |= checked.is_ok() && matches!(watcher, Watcher::By(_));
        modes.push(mode_plan(mode, checked));
    }
    if !attaches {
        return Err(unavailable.unwrap_or(Error::NothingAttached));
    }
    if control(&modes).is_none() {
        modes.insert(0, mode_plan(&**harness_mode::control(), Ok(Facts::new())));
    }
    Ok(modes)
}

/// Waits for a time; whether the process ended before.
fn pause(
    length: Duration,
    end: Option<&OwnedFd>,
    termination: &Termination,
) -> Result<bool, Error> {
    let signals = termination.as_fd();
    let end = end.map_or(signals, AsFd::as_fd);
    let ready = files::wait_readable_within([signals, end], Some(length));
    let [signalled, ended] = ready.map_err(|errno| Error::Io {
        operation: "poll(2)".to_owned(),
        source: errno.into(),
    })?;
    if signalled {
        interrupted(termination)?;
    }
    Ok(ended)
}

/// The signal that has arrived, as an error.
fn interrupted(termination: &Termination) -> Result<(), Error> {
    let signal = termination.take().map_err(|errno| Error::Io {
        operation: "cannot read signals".to_owned(),
        source: errno.into(),
    })?;
    signal.map_or(Ok(()), |signal| Err(Error::Interrupted(signal)))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose_modes;

    #[test]
    fn modes_with_a_filter_refuse_a_running_process_and_say_why() {
        let plan = |name: &str| plan_modes(&choose_modes(&[name.to_owned()], &[]).expect("modes"));
        for name in ["seccomp-linear", "seccomp-allow"] {
            let error = plan(name).expect_err("refused");
            let text = error.to_string();
            for part in [name, "seccomp(2)", "mode ptrace", "harness run --"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        let error = plan("none").expect_err("refused");
        assert!(error.to_string().contains("none alone"), "{error}");
    }

    /// As far as a mode attaches here at all.
    #[test]
    fn there_is_always_a_control() {
        for word in ["ptrace", "core"] {
            let choices = choose_modes(&[word.to_owned()], &[]).expect("modes");
            let modes = plan_modes(&choices).expect("it attaches");
            let available = modes.iter().filter(|mode| mode.available);
            let names: Vec<&str> = available.map(|mode| mode.name.as_str()).collect();
            assert_eq!(names, ["none", "ptrace"]);
        }
    }
}
