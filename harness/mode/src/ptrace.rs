//! Two stops at every system call; the trace set is applied in user space, as
//! strace does without `--seccomp-bpf`.

use crate::outcome::calls_with_errors;
use crate::{
    About, Attach, AttachError, Capabilities, Colour, Error, Facts, Group, Job, Mechanism, Mode,
    Outcome, Role, Traced, TracerAccount, Unavailable, Watcher, Window,
};
use harness_record::{Counter, Counts};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::Events;
use harness_tracer::attach::watch;
use harness_tracer::counts::Stops;
use harness_tracer::machine::Policy;
use harness_tracer::observer::Observer;
use harness_tracer::running::Tree;
use std::borrow::Cow;

/// Mode `ptrace`.
pub(crate) struct Ptrace;

/// What a tracer that uses ptrace(2) can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    number: true,
    arguments: true,
    result: true,
    memory: true,
    changes_calls: true,
    follows_children: true,
    survives_exec: true,
    attaches: true,
    static_programs: true,
    needs_privileges: false,
};

impl Mode for Ptrace {
    fn about(&self) -> &About {
        static ABOUT: About = About {
            name: Cow::Borrowed("ptrace"),
            summary: Cow::Borrowed(
                "PTRACE_SYSCALL: every call stops twice, the trace set is applied in user space",
            ),
            role: Role::Tracer,
            group: Group::Core,
            colour: Colour(0xd5, 0x5e, 0x00),
            mechanism: Mechanism::PtraceEveryCall,
            counts_every_call: true,
            capabilities: CAPABILITIES,
        };
        &ABOUT
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        harness_tracer::order::probe_ptrace()?;
        Ok(Facts::new())
    }

    fn traced(&self, asked: &TraceSet) -> Traced {
        Traced::Set(asked.clone())
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Ok(Watcher::By(self))
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let child = launch.spawn(Start::TRACED)?;
        trace(child, Policy::EveryCall, Events::InSet(job.set), job).map_err(Error::from)
    }
}

impl Attach for Ptrace {
    fn watch(
        &self,
        tree: Tree,
        set: &TraceSet,
        attached: &mut dyn FnMut(),
        finished: &dyn Fn() -> bool,
    ) -> Result<Window, AttachError> {
        let seen = watch(tree, Events::InSet(set), attached, finished)?;
        Ok(Window {
            counts: counts_of_tracer(&seen.counts, Some(seen.counts.calls_seen)),
            wall: seen.wall,
            attaching: seen.attaching,
            detaching: seen.detaching,
            ended: seen.ended,
            processes: seen.processes,
            unstopped: Some(seen.unstopped),
            left_alone: seen.left_alone.iter().map(ToString::to_string).collect(),
            tracer: TracerAccount::ThisProcess,
        })
    }
}

/// Traces a child to the end of its tree.
pub(crate) fn trace(
    child: harness_sys::launcher::Launched,
    policy: Policy,
    events: Events<'_>,
    job: &mut Job<'_>,
) -> Result<Outcome, harness_tracer::Error> {
    let mut log = job.observer();
    let log = log.as_mut().map(|log| log as &mut dyn Observer);
    let outcome = harness_tracer::trace(child, policy, events, log)?;
    let counts = &outcome.counts;
    let syscalls = (policy == Policy::EveryCall).then_some(counts.calls_seen);
    Ok(Outcome {
        end: Some(outcome.end),
        wall: outcome.wall,
        counts: counts_of_tracer(counts, syscalls).with(Counter::Tracees, counts.tracees),
        calls: Some(calls_with_errors(&counts.calls)),
        tracer: TracerAccount::ThisProcess,
        escaped: counts.escaped,
        no_new_privs: outcome.launch.no_new_privs,
        inherited_rss_kib: outcome.launch.inherited_rss_kib,
        remarks: Vec::new(),
    })
}

/// What a tracer counted, as records have it; `syscalls` where its policy shows every call.
fn counts_of_tracer(counts: &harness_tracer::counts::Counts, syscalls: Option<u64>) -> Counts {
    // Every stop takes a tracee over, and it waits for the tracer in each.
    let total = counts.stops.total();
    stops(&counts.stops)
        .with(Counter::Syscalls, syscalls)
        .with(Counter::TracedEvents, counts.traced_events)
        .with(Counter::Interceptions, total)
        .with(Counter::Handovers, total)
}

/// Stops by kind and in all.
pub(crate) fn stops(stops: &Stops) -> Counts {
    Counts::default()
        .with(Counter::Stops, stops.total())
        .with(Counter::SyscallEnterStops, stops.syscall_enter)
        .with(Counter::SyscallExitStops, stops.syscall_exit)
        .with(Counter::SeccompStops, stops.seccomp)
        .with(Counter::EventStops, stops.event)
        .with(Counter::SignalStops, stops.signal)
        .with(Counter::GroupStops, stops.group)
}
