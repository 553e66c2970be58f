//! Two stops at every system call; the trace set is applied in user space, as
//! strace does without `--seccomp-bpf`.

use crate::{Attach, Error, Mode, Outcome, Unavailable, Watcher};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::Events;
use harness_tracer::attach::{AttachError, Tree, Window, watch};
use harness_tracer::machine::Policy;
use harness_tracer::observer::Observer;

/// Mode `ptrace`.
pub(crate) struct Ptrace;

impl Mode for Ptrace {
    fn name(&self) -> &'static str {
        "ptrace"
    }

    fn summary(&self) -> &'static str {
        "PTRACE_SYSCALL: every call stops twice, the trace set is applied in user space"
    }

    fn check(&self) -> Result<(), Unavailable> {
        let probed = harness_tracer::order::probe_ptrace();
        probed.map(drop).map_err(Unavailable::from)
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Ok(Watcher::By(self))
    }

    fn run(
        &self,
        launch: &Launch<'_>,
        set: &TraceSet,
        log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error> {
        let child = launch.spawn(Start::Traced)?;
        let outcome = harness_tracer::trace(child, Policy::EveryCall, Events::InSet(set), log)?;
        let syscalls = Some(outcome.counts.calls_seen);
        Ok(Outcome::traced(outcome, syscalls))
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
        watch(tree, Events::InSet(set), attached, finished)
    }
}

impl Outcome {
    /// Of a tracer's run; `syscalls` where its policy shows every call.
    pub(crate) fn traced(outcome: harness_tracer::Outcome, syscalls: Option<u64>) -> Self {
        let counts = outcome.counts;
        Self {
            end: outcome.end,
            wall: outcome.wall,
            stops: Some(counts.stops),
            syscalls,
            traced_events: Some(counts.traced_events),
            calls: Some(counts.calls),
            tracees: Some(counts.tracees),
            escaped: counts.escaped,
            no_new_privs: outcome.launch.no_new_privs,
            inherited_rss_kib: outcome.launch.inherited_rss_kib,
        }
    }
}
