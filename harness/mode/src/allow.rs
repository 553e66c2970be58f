//! A filter that allows every call, and nobody who traces: what having one costs.
//!
//! The program is that of `seccomp-linear` with each return made ALLOW. So what
//! separates the two modes is the stops, and what separates this one from
//! `none` is the filter: its way through the kernel at each call, and its
//! inheritance. It is installed before the time begins, as where there is a tracer.

use crate::{Error, Filter, Mode, Outcome, Unavailable, seccomp, untraced};
use harness_cbpf::{Action, Insn, Program, code};
use harness_sys::launcher::{Launch, LaunchError, Start, spawn_probe};
use harness_sys::seccomp::SockFilter;
use harness_sys::{Errno, wait};
use harness_syscalls::TraceSet;
use harness_tracer::ALLOW_SECCOMP;
use harness_tracer::observer::Observer;

/// Mode `seccomp-allow`.
pub(crate) struct Allow;

impl Allow {
    fn compile(set: &TraceSet) -> Result<Filter, Error> {
        let filter = seccomp::LINEAR.compile(set)?;
        let allow = Insn::statement(code::RET_K, Action::Allow.to_u32());
        let instructions = filter.program.instructions().iter();
        let program = instructions
            .map(|&insn| if insn.is_return() { allow } else { insn })
            .collect();
        let program = Program::new(program).map_err(|error| Error::Filter {
            set: set.to_string(),
            reason: error.to_string(),
        })?;
        Ok(Filter { program, ..filter })
    }
}

impl Mode for Allow {
    fn name(&self) -> &'static str {
        "seccomp-allow"
    }

    fn summary(&self) -> &'static str {
        "no tracer, seccomp-linear's program made to allow all: what having a filter costs"
    }

    fn check(&self) -> Result<(), Unavailable> {
        install().map_err(|error| Unavailable {
            reason: error.to_string(),
            remedy: ALLOW_SECCOMP.to_owned(),
        })
    }

    fn has_tracer(&self) -> bool {
        false
    }

    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        Self::compile(set).map(Some)
    }

    fn run(
        &self,
        launch: &Launch<'_>,
        set: &TraceSet,
        _log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error> {
        let program = Self::compile(set)?.instructions();
        untraced::run(launch, Start::FilteredUntraced(&program))
    }
}

/// Has a child install the shortest filter.
fn install() -> Result<(), LaunchError> {
    let allow = [SockFilter {
        code: code::RET_K,
        jt: 0,
        jf: 0,
        k: Action::Allow.to_u32(),
    }];
    let mut child = spawn_probe(Start::FilteredUntraced(&allow))?;
    child.release();
    while wait::one(child.tid()) == Err(Errno::EINTR) {}
    child.report().map(drop)
}
