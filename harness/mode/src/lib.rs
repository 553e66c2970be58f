//! The ways of tracing that are compared.
//!
//! A [`Mode`] is one file here and one line in [`registry`]. Its contract:
//!
//! 1. It runs the program it is given to the end of the whole process tree, with
//!    the same output, exit status and side effects as untraced.
//! 2. It is called in a process that does only this: one thread, no other child,
//!    a subreaper. What it leaves running after an error dies with that process.
//! 3. Time is measured from the restart into execve(2) to the end of the last
//!    process of the tree, the same in every mode.
//! 4. It traces exactly the trace set it is given, and counts one traced event
//!    for each call of the set entered, the execve(2) that starts the program included.
//!    A mode that traces nothing counts none ([`Outcome::traced_events`] is `None`); one
//!    that traces by another rule says so ([`Mode::traces_set`]).
//! 5. What it cannot know it leaves `None`; it never estimates.
//! 6. Whether it can run here is found out by trying, not from a version number.

mod allow;
mod file;
mod none;
mod ptrace;
mod seccomp;
mod untraced;

pub use file::SeccompFile;
use harness_cbpf::{Cacheable, Insn, Program};
use harness_filter::Profile;
use harness_sys::launcher::{Launch, LaunchError};
use harness_sys::seccomp::SockFilter;
use harness_syscalls::{Abi, Arch, Table, TraceSet};
pub use harness_tracer::End;
use harness_tracer::attach::{AttachError, Tree, Window};
use harness_tracer::counts::{CallCounts, Stops};
use harness_tracer::observer::Observer;
use std::time::Duration;

/// One way of tracing.
pub trait Mode: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;

    /// What it does, in a line.
    fn summary(&self) -> &'static str;

    /// Whether it can run here. May fork: see rule 2 of the contract.
    ///
    /// # Errors
    /// [`Unavailable`]: the reason and the remedy.
    fn check(&self) -> Result<(), Unavailable>;

    /// How it watches processes that are running already.
    ///
    /// # Errors
    /// [`Unavailable`], which is what a mode with a filter says: seccomp(2)
    /// installs one on the calling thread and its children to come only.
    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Err(no_filter_on_running())
    }

    /// Whether somebody traces. Where nobody does, a run has no account of a tracer.
    fn has_tracer(&self) -> bool {
        true
    }

    /// Whether its traced events are the calls of the trace set (rule 4). If
    /// not, they are compared with nothing.
    fn traces_set(&self) -> bool {
        true
    }

    /// The seccomp program it would install for `set`.
    ///
    /// # Errors
    /// [`Error::Filter`] where the set has no program the kernel would take.
    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        let _ = set;
        Ok(None)
    }

    /// Runs `launch` under this mode to the end of its process tree. A mode that
    /// traces tells `log` of every stop, if there is one; the others have none.
    ///
    /// # Errors
    /// [`Error`]; the caller ends its process then.
    fn run(
        &self,
        launch: &Launch<'_>,
        set: &TraceSet,
        log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error>;
}

/// Who watches processes that are running already, under a mode.
pub enum Watcher<'a> {
    /// Nobody: the mode is the control.
    Nobody,
    /// The mode's own way.
    By(&'a dyn Attach),
}

/// A mode's way to watch processes that are running already, which go on unharmed
/// whatever becomes of the watcher.
pub trait Attach: Sync {
    /// Attaches to the processes of `tree`, calls `attached`, watches them and the
    /// children they make until `finished` says so, which it is asked a hundred times a
    /// second, and lets go of all. It is called in a process that does only this, has one
    /// thread, and ends afterwards.
    ///
    /// # Errors
    /// [`AttachError`]; what was attached to is let go all the same.
    fn watch(
        &self,
        tree: Tree,
        set: &TraceSet,
        attached: &mut dyn FnMut(),
        finished: &dyn Fn() -> bool,
    ) -> Result<Window, AttachError>;
}

/// Every mode, in the order in which they are reported.
#[must_use]
pub fn registry() -> &'static [&'static dyn Mode] {
    &[
        &none::None,
        &ptrace::Ptrace,
        &seccomp::NAIVE,
        &seccomp::LINEAR,
        &seccomp::BITMAP,
        &seccomp::TREE,
        &seccomp::OPTIMAL,
        &allow::Allow,
    ]
}

/// Every mode of the registry, and that of a program of the user's where there
/// is one.
pub fn modes(file: Option<&SeccompFile>) -> impl Iterator<Item = &dyn Mode> {
    let own = file.map(|mode| mode as &dyn Mode);
    registry().iter().copied().chain(own)
}

/// The mode called `name` among [`modes`].
#[must_use]
pub fn find<'a>(name: &str, file: Option<&'a SeccompFile>) -> Option<&'a dyn Mode> {
    modes(file).find(|mode| mode.name() == name)
}

/// Why a mode cannot run here, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Unavailable {
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl From<harness_tracer::Error> for Unavailable {
    fn from(error: harness_tracer::Error) -> Self {
        Self {
            reason: error.to_string(),
            remedy: error.remedy().to_owned(),
        }
    }
}

/// What a mode with a filter says where the program is running already.
#[must_use]
pub fn no_filter_on_running() -> Unavailable {
    Unavailable {
        reason: "a filter cannot be installed on a process that is running: only the process itself can, before the \
                 calls it is for (seccomp(2))"
            .to_owned(),
        remedy: "attach with mode ptrace, or have the harness start the program: harness run -- COMMAND"
            .to_owned(),
    }
}

/// Instructions as seccomp(2) takes them.
#[must_use]
pub fn sock_filters(instructions: &[Insn]) -> Vec<SockFilter> {
    let sock_filter = |insn: &Insn| SockFilter {
        code: insn.code,
        jt: insn.jt,
        jf: insn.jf,
        k: insn.k,
    };
    instructions.iter().map(sock_filter).collect()
}

/// A program and where it is from.
pub struct Filter {
    /// Name of the compiler, or `file`.
    pub origin: &'static str,
    /// The program.
    pub program: Program,
}

impl Filter {
    /// As seccomp(2) takes it.
    fn instructions(&self) -> Vec<SockFilter> {
        sock_filters(self.program.instructions())
    }

    /// Instructions that a native call executes, on average over the calls of
    /// the kernel build whose profile is in the project.
    #[must_use]
    pub fn mean_executed(&self) -> f64 {
        let profile = Profile::kernel_build();
        harness_filter::cost(
            &self.program,
            Table::current(),
            Arch::NATIVE,
            Some(&profile),
        )
        .0
    }

    /// How many native calls the program allows, and how many of these a
    /// kernel with the constant-action bitmap (Linux 5.11) can cache.
    #[must_use]
    pub fn cacheable(&self) -> Cacheable {
        let calls = Table::current().calls(Abi::NATIVE).map(|call| call.nr);
        harness_cbpf::cacheable(&self.program, Abi::NATIVE.audit_arch(), calls)
    }
}

/// What one run was seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How the program ended.
    pub end: End,
    /// Rule 3 of the contract.
    pub wall: Duration,
    /// Stops of the tracer.
    pub stops: Option<Stops>,
    /// System calls entered, all of them.
    pub syscalls: Option<u64>,
    /// System calls of the trace set entered.
    pub traced_events: Option<u64>,
    /// The same by ABI and number.
    pub calls: Option<CallCounts>,
    /// Processes and threads seen, the first one included.
    pub tracees: Option<u64>,
    /// Children known to have run untraced.
    pub escaped: u64,
    /// Whether `no_new_privs` had to be set.
    pub no_new_privs: bool,
    /// Largest resident set of the first process before it executed its program, KiB.
    pub inherited_rss_kib: u64,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The tracer failed.
    #[error(transparent)]
    Trace(#[from] harness_tracer::Error),
    /// wait4(2) failed.
    #[error("cannot wait for the program: wait4(2): {0}")]
    Wait(harness_sys::Errno),
    /// The set has no program.
    #[error("no filter for trace set {set}: {reason}")]
    Filter {
        /// The set, as written.
        set: String,
        /// Why not.
        reason: String,
    },
    /// A filter of the user's does not let its program start.
    #[error(
        "under the filter the process ended before it could execute its program, killed or because a call failed: \
         the filter must let kill(2) and execve(2) pass, or trace them"
    )]
    FilterKills,
    /// The order of stops could not be found out.
    #[error("cannot find out the order of seccomp-stops: {0}")]
    StopOrder(harness_tracer::Error),
}
