//! Stops only where a seccomp program says so: one mode for each compiler.

use crate::{Error, Filter, Mode, Outcome, Unavailable};
use harness_cbpf::Action;
use harness_filter::Options;
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::machine::Policy;
use harness_tracer::observer::Observer;
use harness_tracer::{Events, TRACE_DATA, order};

/// A mode whose filter one compiler makes.
pub(crate) struct Seccomp {
    name: &'static str,
    summary: &'static str,
    compiler: &'static str,
}

pub(crate) const NAIVE: Seccomp = Seccomp {
    name: "seccomp-naive",
    summary: "SECCOMP_RET_TRACE for the trace set, by a comparison with each number of it",
    compiler: "naive",
};

pub(crate) const LINEAR: Seccomp = Seccomp {
    name: "seccomp-linear",
    summary: "SECCOMP_RET_TRACE for the trace set, by strace's linear program",
    compiler: "linear",
};

pub(crate) const BITMAP: Seccomp = Seccomp {
    name: "seccomp-bitmap",
    summary: "SECCOMP_RET_TRACE for the trace set, by strace's binary-match program",
    compiler: "bitmap",
};

pub(crate) const TREE: Seccomp = Seccomp {
    name: "seccomp-tree",
    summary: "SECCOMP_RET_TRACE for the trace set, by a balanced search",
    compiler: "tree",
};

pub(crate) const OPTIMAL: Seccomp = Seccomp {
    name: "seccomp-optimal",
    summary: "SECCOMP_RET_TRACE for the trace set, by the program that executes least",
    compiler: "optimal",
};

impl Seccomp {
    pub(crate) fn compile(&self, set: &TraceSet) -> Result<Filter, Error> {
        let refuse = |reason: String| Error::Filter {
            set: set.to_string(),
            reason,
        };
        let compiler = harness_filter::find(self.compiler)
            .ok_or_else(|| refuse(format!("no compiler {}", self.compiler)))?;
        let options = Options::new(Action::Trace(TRACE_DATA), Action::Allow);
        let program = compiler
            .compile(set, &options)
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Filter {
            origin: compiler.name(),
            program,
        })
    }
}

impl Mode for Seccomp {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn check(&self) -> Result<(), Unavailable> {
        order::probe().map(drop).map_err(Unavailable::from)
    }

    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        self.compile(set).map(Some)
    }

    fn run(
        &self,
        launch: &Launch<'_>,
        set: &TraceSet,
        log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error> {
        let filter = self.compile(set)?;
        let order = order::probe().map_err(Error::StopOrder)?;
        let program = filter.instructions();
        let child = launch.spawn(Start::Filtered(&program))?;
        let outcome =
            harness_tracer::trace(child, Policy::FilteredCalls(order), Events::InSet(set), log)?;
        Ok(Outcome::traced(outcome, None))
    }
}
