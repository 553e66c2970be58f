//! Stops only where a seccomp program says so: one mode for each compiler.

use crate::{
    About, Capabilities, Colour, Error, Facts, Filter, Group, Job, Mechanism, Mode, Outcome, Role,
    Traced, Unavailable, ptrace,
};
use harness_cbpf::Action;
use harness_filter::Options;
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::machine::Policy;
use harness_tracer::order::StopOrder;
use harness_tracer::{Events, TRACE_DATA, order};
use std::borrow::Cow;

/// A mode whose filter one compiler makes.
pub(crate) struct Seccomp {
    about: About,
    compiler: &'static str,
}

impl Seccomp {
    const fn new(
        name: &'static str,
        compiler: &'static str,
        group: Group,
        colour: Colour,
        summary: &'static str,
    ) -> Self {
        Self {
            about: About {
                name: Cow::Borrowed(name),
                summary: Cow::Borrowed(summary),
                role: Role::Tracer,
                group,
                colour,
                mechanism: Mechanism::PtraceFiltered,
                counts_every_call: false,
                capabilities: CAPABILITIES,
            },
            compiler,
        }
    }
}

/// As those of ptrace(2), from the start of a program on.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    attaches: false,
    ..ptrace::CAPABILITIES
};

pub(crate) const NAIVE: Seccomp = Seccomp::new(
    "seccomp-naive",
    "naive",
    Group::Other,
    Colour(0x1b, 0x3f, 0x66),
    "SECCOMP_RET_TRACE for the trace set, by a comparison with each number of it",
);

pub(crate) const LINEAR: Seccomp = Seccomp::new(
    "seccomp-linear",
    "linear",
    Group::Core,
    Colour(0x00, 0x72, 0xb2),
    "SECCOMP_RET_TRACE for the trace set, by strace's linear program",
);

pub(crate) const BITMAP: Seccomp = Seccomp::new(
    "seccomp-bitmap",
    "bitmap",
    Group::Core,
    Colour(0x56, 0xb4, 0xe9),
    "SECCOMP_RET_TRACE for the trace set, by strace's binary-match program",
);

pub(crate) const TREE: Seccomp = Seccomp::new(
    "seccomp-tree",
    "tree",
    Group::Other,
    Colour(0x2f, 0x8f, 0xb8),
    "SECCOMP_RET_TRACE for the trace set, by a balanced search",
);

pub(crate) const OPTIMAL: Seccomp = Seccomp::new(
    "seccomp-optimal",
    "optimal",
    Group::Other,
    Colour(0x3a, 0x5f, 0xcd),
    "SECCOMP_RET_TRACE for the trace set, by the program that executes least",
);

/// The program that a compiler makes, which answers the calls of the set with `action`.
pub(crate) fn compile(compiler: &str, set: &TraceSet, action: Action) -> Result<Filter, Error> {
    let refuse = |reason: &dyn std::fmt::Display| Error::no_filter(&set.to_string(), reason);
    let found = harness_filter::find(compiler);
    let compiler = found.ok_or_else(|| refuse(&format!("no compiler {compiler}")))?;
    let options = Options::new(action, Action::Allow);
    let program = compiler
        .compile(set, &options)
        .map_err(|error| refuse(&error))?;
    Ok(Filter {
        origin: compiler.name(),
        program,
    })
}

impl Seccomp {
    pub(crate) fn compile(&self, set: &TraceSet) -> Result<Filter, Error> {
        compile(self.compiler, set, Action::Trace(TRACE_DATA))
    }
}

/// The order of stops, which has to be found out before a filter is followed.
pub(crate) fn stop_order() -> Result<StopOrder, Error> {
    order::probe()
        .map_err(|error| Error::new("cannot find out the order of seccomp-stops").because(error))
}

/// Whether a filter can be followed here.
pub(crate) fn check() -> Result<Facts, Unavailable> {
    order::probe()?;
    Ok(Facts::new())
}

impl Mode for Seccomp {
    fn about(&self) -> &About {
        &self.about
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        check()
    }

    fn traced(&self, asked: &TraceSet) -> Traced {
        Traced::Set(asked.clone())
    }

    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        self.compile(set).map(Some)
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let filter = self.compile(job.set)?;
        let policy = Policy::FilteredCalls(stop_order()?);
        let child = launch.spawn(Start::TRACED.filtered(filter.program.instructions()))?;
        ptrace::trace(child, policy, Events::InSet(job.set), job).map_err(Error::from)
    }
}
