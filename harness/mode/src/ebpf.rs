//! Programs in the kernel count the calls of a tree by number, and only the sums come to user space.

mod attach;

use crate::outcome::call_name;
use crate::{
    About, Calls, Capabilities, Colour, Error, Event, Facts, Group, Job, Log, Mechanism, Mode,
    Outcome, Role, Traced, TracerAccount, Unavailable, Watcher, What, ptrace,
};
use harness_record::{CallStatistics, Counter, Counts, Latency};
use harness_sys::launcher::Launch;
use harness_syscalls::TraceSet;
use harness_tracepoint::{Hooks, Level, Lost, Options, Returned, Scope, Tracked, observe, probe};
use harness_tracer::counts::Stops;
use std::borrow::Cow;
use std::io;
use std::time::Instant;

/// A mode whose programs run at the tracepoints of system calls.
#[derive(Debug, Clone)]
pub struct Ebpf {
    about: About,
    level: Level,
    tracked: Tracked,
    variant: Option<Variant>,
}

/// A mode that does one thing less, to price it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// Attached at `sys_enter` alone.
    Enter,
    /// Without a look at whether the task belongs to the tree.
    Unchecked,
}

impl Variant {
    const ALL: [Self; 2] = [Self::Enter, Self::Unchecked];

    const fn word(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Unchecked => "unchecked",
        }
    }

    /// Whether a level has what is left out, and can do without.
    fn applies_to(self, level: Level) -> bool {
        match self {
            Self::Enter => level <= Level::Tree,
            Self::Unchecked => level >= Level::Count,
        }
    }
}

impl Ebpf {
    pub(crate) const fn new(
        name: &'static str,
        level: Level,
        tracked: Tracked,
        role: Role,
        colour: Colour,
        summary: &'static str,
    ) -> Self {
        Self {
            about: About {
                name: Cow::Borrowed(name),
                summary: Cow::Borrowed(summary),
                role,
                group: Group::Other,
                colour,
                mechanism: match level {
                    Level::Stream => Mechanism::TracepointStream,
                    _ => Mechanism::Tracepoint,
                },
                counts_every_call: false,
                capabilities: capabilities(match tracked {
                    Tracked::Program => level,
                    // Of the program it sees nothing.
                    Tracked::Other => Level::Empty,
                }),
            },
            level,
            tracked,
            variant: None,
        }
    }

    /// The mode called `name`, with a parameter of the user's: `enter` attaches it at `sys_enter` alone,
    /// `unchecked` leaves out the look at whether a task belongs to the tree. `None` where no mode of eBPF
    /// has that name.
    ///
    /// # Errors
    /// A clause: the parameter is none of its.
    #[must_use]
    pub fn with_parameter(name: &str, parameter: &str) -> Option<Result<Self, String>> {
        let mut modes = crate::registry::EBPF.iter();
        let mode = *modes.find(|mode| mode.about.name == name)?;
        let is_fit =
            |variant: &Variant| variant.applies_to(mode.level) && mode.tracked == Tracked::Program;
        let fit: Vec<Variant> = Variant::ALL.into_iter().filter(is_fit).collect();
        let mut known = fit.iter();
        let Some(&variant) = known.find(|variant| variant.word() == parameter) else {
            let words: Vec<&str> = fit.iter().map(|variant| variant.word()).collect();
            return Some(Err(match &words[..] {
                [] => format!("{name} takes no parameter"),
                words => format!("{name} takes the parameter {}", words.join(" or ")),
            }));
        };
        let mut about = mode.about.clone();
        about.name = Cow::Owned(format!("{name}={parameter}"));
        about.summary = Cow::Owned(format!("{}; {}", about.summary, describe(variant)));
        Some(Ok(Self {
            about,
            variant: Some(variant),
            ..mode.clone()
        }))
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.level);
        match self.variant {
            None => {}
            Some(Variant::Enter) => options.hooks = Hooks::Enter,
            Some(Variant::Unchecked) => options.scope = Scope::Unchecked,
        }
        options
    }

    fn traces(&self) -> bool {
        self.level > Level::Tree && self.tracked == Tracked::Program
    }

    /// What was counted, as records have it. Nobody is traced by ptrace(2), so nothing stops, and nobody waits.
    fn counts(&self, calls: &[harness_tracepoint::Call], lost: Lost) -> Counts {
        let counts = ptrace::stops(&Stops::default()).with(Counter::Handovers, 0);
        if !self.traces() {
            return counts;
        }
        let entered: u64 = calls.iter().map(|call| call.totals.calls).sum();
        counts
            .with(Counter::TracedEvents, entered)
            .with(Counter::LostEvents, lost.total())
    }

    fn account(&self) -> TracerAccount {
        match self.level {
            Level::Stream => TracerAccount::ThisProcess,
            _ => TracerAccount::InTracees,
        }
    }
}

fn describe(variant: Variant) -> &'static str {
    match variant {
        Variant::Enter => "attached at sys_enter alone",
        Variant::Unchecked => {
            "an experiment that counts the whole machine, to price the look at the tree"
        }
    }
}

const fn capabilities(level: Level) -> Capabilities {
    Capabilities {
        number: !matches!(level, Level::Empty | Level::Tree),
        arguments: matches!(level, Level::Stream),
        result: !matches!(level, Level::Empty | Level::Tree | Level::Count),
        memory: false,
        changes_calls: false,
        follows_children: true,
        survives_exec: true,
        attaches: true,
        static_programs: true,
        needs_privileges: true,
    }
}

pub(crate) const TIME: Ebpf = Ebpf::new(
    "ebpf",
    Level::Time,
    Tracked::Program,
    Role::Tracer,
    Colour(0x00, 0x9e, 0x73),
    "programs at sys_enter and sys_exit add up calls, errors and time by number: strace -c in the kernel",
);

impl Mode for Ebpf {
    fn about(&self) -> &About {
        &self.about
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        let found = probe(self.options()).map_err(|error| Unavailable {
            reason: error.to_string(),
            remedy: error.remedy().into_owned(),
        })?;
        // What is as it should be is not told.
        let i386 = (!found.tells_i386).then(|| {
            let what = "taken for those of x86-64, as this kernel has no BTF";
            ("i386 calls".to_owned(), what.to_owned())
        });
        Ok(i386.into_iter().collect())
    }

    fn prepare(&self) -> Result<(), Unavailable> {
        // A run loads the programs anyway.
        Ok(())
    }

    fn traced(&self, asked: &TraceSet) -> Traced {
        if !self.traces() {
            Traced::Nothing
        } else if self.variant == Some(Variant::Unchecked) {
            Traced::OwnRule
        } else {
            Traced::Set(asked.clone())
        }
    }

    fn parameter(&self) -> Option<Vec<u8>> {
        self.variant.map(|variant| variant.word().into())
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Ok(Watcher::By(self))
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let mut log = job.log.as_mut().map(|log| Calling(&mut **log));
        let log = log
            .as_mut()
            .map(|log| log as &mut dyn harness_tracepoint::Log);
        let outcome = observe(&launch, self.options(), self.tracked, job.set, log)?;
        let counts = self.counts(&outcome.calls, outcome.lost);
        let counts = counts.with(Counter::Tracees, outcome.tasks);
        let mut calls = None;
        let mut remarks = Vec::new();
        if self.traces() {
            calls = Some(by_name(self.level, &outcome.calls));
            if outcome.lost.runs > 0 {
                remarks.push(
                    "the kernel skipped runs of its programs, which counts as loss: newer kernels (seen on Linux 7.2) do so for calls \
                     of any process while another task is preempted in the same program on that CPU"
                        .to_owned(),
                );
            }
            if !outcome.tells_i386 {
                remarks.push(
                    "this kernel has no BTF, so calls of i386 count as those of x86-64 with the same number"
                        .to_owned(),
                );
            }
        }
        Ok(Outcome {
            end: Some(outcome.end),
            wall: outcome.wall,
            counts,
            calls,
            tracer: self.account(),
            escaped: 0,
            no_new_privs: outcome.launch.no_new_privs,
            inherited_rss_kib: outcome.launch.inherited_rss_kib,
            remarks,
        })
    }
}

impl From<harness_tracepoint::Error> for Error {
    fn from(error: harness_tracepoint::Error) -> Self {
        let remedy = error.remedy();
        Self::new(error.to_string()).remedy(remedy)
    }
}

/// What programs of a level know of each call, by name.
fn by_name(level: Level, calls: &[harness_tracepoint::Call]) -> Calls {
    let mut named = Calls::new();
    for call in calls {
        let totals = call.totals;
        let known = CallStatistics {
            calls: totals.calls,
            errors: (level >= Level::Errors).then_some(totals.errors),
            total_ns: (level >= Level::Time).then_some(totals.total_ns),
            latency: (level >= Level::Histogram).then(|| Latency::from_buckets(totals.latency)),
        };
        let name = call_name(call.abi, call.number);
        named.entry(name).or_default().add(&known);
    }
    named
}

/// Tells a log of the calls that are streamed.
struct Calling<'a>(&'a mut dyn Log);

impl harness_tracepoint::Log for Calling<'_> {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.0.started(now)
    }

    fn returned(&mut self, call: &Returned) -> io::Result<()> {
        self.0.event(&Event {
            tid: call.tid,
            call: Some((call.abi, call.number)),
            what: What::Returned(call),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_taken_where_there_is_something_to_leave_out() {
        let named = |name: &str, parameter: &str| {
            let mode = Ebpf::with_parameter(name, parameter).expect("a mode of eBPF");
            mode.map(|mode| mode.about.name.into_owned())
        };
        assert_eq!(
            named("ebpf-count", "unchecked"),
            Ok("ebpf-count=unchecked".to_owned())
        );
        assert_eq!(
            named("ebpf-empty", "enter"),
            Ok("ebpf-empty=enter".to_owned())
        );
        let refused = named("ebpf", "enter").unwrap_err();
        assert_eq!(refused, "ebpf takes the parameter unchecked");
        let refused = named("ebpf-bystander", "unchecked").unwrap_err();
        assert_eq!(refused, "ebpf-bystander takes no parameter");
        assert!(Ebpf::with_parameter("ptrace", "enter").is_none());
    }
}
