//! A filter that allows every call, and nobody who traces: what having one costs.
//!
//! The program is that of `seccomp-linear` with each return made ALLOW. So what
//! separates the two modes is the stops, and what separates this one from
//! `none` is the filter: its way through the kernel at each call, and its
//! inheritance. It is installed before the time begins, as where there is a tracer.

use crate::{
    About, Capabilities, Colour, Error, Facts, Filter, Group, Job, Mechanism, Mode, Outcome, Role,
    Traced, Unavailable, seccomp, untraced,
};
use harness_cbpf::{Action, Insn, Program, code};
use harness_sys::launcher::{Launch, LaunchError, Start, spawn_probe};
use harness_sys::{Errno, wait};
use harness_syscalls::TraceSet;
use harness_tracer::ALLOW_SECCOMP;
use std::borrow::Cow;

/// Mode `seccomp-allow`.
pub(crate) struct Allow;

static ABOUT: About = About {
    name: Cow::Borrowed("seccomp-allow"),
    summary: Cow::Borrowed(
        "no tracer, seccomp-linear's program made to allow all: what having a filter costs",
    ),
    role: Role::OnButIdle,
    group: Group::Other,
    colour: Colour(0x9c, 0xc9, 0xe3),
    mechanism: Mechanism::FilterAlone,
    counts_every_call: false,
    capabilities: Capabilities {
        number: false,
        arguments: false,
        result: false,
        memory: false,
        changes_calls: false,
        ..seccomp::CAPABILITIES
    },
};

impl Allow {
    fn compile(set: &TraceSet) -> Result<Filter, Error> {
        let filter = seccomp::LINEAR.compile(set)?;
        let allow = Insn::statement(code::RET_K, Action::Allow.to_u32());
        let instructions = filter.program.instructions().iter();
        let program = instructions
            .map(|&insn| if insn.is_return() { allow } else { insn })
            .collect();
        let program =
            Program::new(program).map_err(|error| Error::no_filter(&set.to_string(), &error))?;
        Ok(Filter { program, ..filter })
    }
}

impl Mode for Allow {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        install().map_err(|error| Unavailable {
            reason: error.to_string(),
            remedy: ALLOW_SECCOMP.to_owned(),
        })?;
        Ok(Facts::new())
    }

    fn traced(&self, _asked: &TraceSet) -> Traced {
        Traced::Nothing
    }

    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        Self::compile(set).map(Some)
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let filter = Self::compile(job.set)?;
        untraced::run(
            &launch,
            Start::UNTRACED.filtered(filter.program.instructions()),
        )
    }
}

/// Has a child install the shortest filter.
fn install() -> Result<(), LaunchError> {
    let allow = [Insn::statement(code::RET_K, Action::Allow.to_u32())];
    let mut child = spawn_probe(Start::UNTRACED.filtered(&allow))?;
    child.release();
    while wait::one(child.tid()) == Err(Errno::EINTR) {}
    child.report().map(drop)
}
