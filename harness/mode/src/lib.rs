//! The ways of tracing that are compared.
//!
//! A [`Mode`] is one file here and one line in `registry`. Its contract:
//!
//! 1. It runs the program it is given to the end of the whole process tree, with
//!    the same output, exit status and side effects as untraced.
//! 2. It is called in a process that does only this: one thread, no other child,
//!    a subreaper. What it leaves running after an error dies with that process.
//! 3. Time is measured from the restart into execve(2) to the end of the last
//!    process of the tree, the same in every mode.
//! 4. It traces exactly the trace set it is given, and counts one traced event
//!    for each call of the set entered, the execve(2) that starts the program included.
//!    A mode that traces nothing counts none (its `Counter::TracedEvents` is not known); one
//!    that traces by another rule says so ([`Traced`]).
//! 5. What it cannot know it leaves `None`; it never estimates.
//! 6. Whether it can run here is found out by trying, not from a version number.

mod about;
mod allow;
mod attach;
mod ebpf;
mod ebpf_bystander;
mod ebpf_count;
mod ebpf_empty;
mod ebpf_errors;
mod ebpf_histogram;
mod ebpf_stream;
mod ebpf_tree;
mod error;
mod file;
mod filter;
mod log;
mod none;
mod outcome;
mod peer;
mod ptrace;
mod registry;
mod seccomp;
mod untraced;
mod user_notify;
mod user_notify_sync;

pub use about::{About, Capabilities, Colour, Group, Mechanism, Role};
pub use attach::{Attach, AttachError, Watcher, Window};
pub use ebpf::Ebpf;
pub use error::{Error, Unavailable, no_filter_on_running};
pub use file::SeccompFile;
pub use filter::Filter;
pub use harness_tracer::End;
pub use log::{Event, Log, What};
pub use outcome::{Calls, Job, Outcome, TracerAccount, call_name, call_of};
pub use peer::Peer;
pub use registry::{control, find, open, registry};

use harness_sys::launcher::Launch;
use harness_syscalls::TraceSet;
use std::collections::BTreeMap;

/// What was found out about a mode here, by name: the version of a peer, what the kernel can do.
pub type Facts = BTreeMap<String, String>;

/// One way of tracing.
pub trait Mode: Send + Sync {
    /// What it says of itself.
    fn about(&self) -> &About;

    /// Whether it can run here, and what was found out about it. May fork: see rule 2 of the
    /// contract.
    ///
    /// # Errors
    /// [`Unavailable`]: the reason and the remedy.
    fn check(&self) -> Result<Facts, Unavailable>;

    /// Finds out in the process of a run what the run needs to know, before anything is measured; that
    /// the mode can run here has been checked in another process.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn prepare(&self) -> Result<(), Unavailable> {
        self.check().map(drop)
    }

    /// What its traced events are, where `asked` is to be traced.
    fn traced(&self, asked: &TraceSet) -> Traced;

    /// What makes it this mode in another process, beside its name.
    fn parameter(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether a run needs a directory for files of the mode's own.
    fn writes_files(&self) -> bool {
        false
    }

    /// How it watches processes that are running already.
    ///
    /// # Errors
    /// [`Unavailable`], which is what a mode with a filter says: seccomp(2)
    /// installs one on the calling thread and its children to come only.
    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Err(no_filter_on_running())
    }

    /// The seccomp program it would install for `set`.
    ///
    /// # Errors
    /// [`Error`] where the set has no program the kernel would take.
    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        let _ = set;
        Ok(None)
    }

    /// Runs `launch` under this mode to the end of its process tree, and tells the log of the
    /// job, if there is one, of everything that it does to a tracee.
    ///
    /// # Errors
    /// [`Error`]; the caller ends its process then.
    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error>;
}

/// What the traced events of a mode are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and most hold a set"
)]
pub enum Traced {
    /// It counts none.
    Nothing,
    /// The calls of this set, which may be larger than the one asked for.
    Set(TraceSet),
    /// What a rule of its own says: they are compared with nothing.
    OwnRule,
}
