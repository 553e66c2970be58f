//! Trace set to seccomp program: one file a compiler, and a reference evaluator that shares no code with them.
//!
//! Every compiler's program makes the same decision for every call, named or not, of every ABI: that of
//! [`reference()`]. They differ in length, in how many instructions a call executes, and in whether the kernel can
//! cache what the program allows ([`harness_cbpf::constant_allow`]).
//!
//! Beside them what reads programs: [`listing`], [`explain`], [`chart()`], [`compare`].
//!
//! To add a compiler: a file in `compilers/`, a line in [`registry`]. The tests take it from there.

mod chart;
mod check;
mod compilers;
mod explain;
mod explore;
mod interval;
mod listing;
mod options;
mod profile;
mod reference;
mod section;

use harness_cbpf::{BuildError, Builder, CheckError, Program};
use harness_syscalls::TraceSet;

pub use chart::{ChartError, ChartRow, TALK_SETS, as_table, chart, cost};
pub use check::{Comparison, Counterexample, Decider, compare, compare_of_abi};
pub use explain::{Cache, Exempt, Explanation, actions, explain, explain_call};
pub use explore::{Budget, Undecided};
pub use listing::{architectures, comments, listing, machines};
pub use options::{Options, Unknown};
pub use profile::{Profile, ProfileError, ProfileReason};
pub use reference::reference;

/// A way to match system calls in classic BPF.
pub trait Compiler: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// How it matches, in one line.
    fn summary(&self) -> &'static str;

    /// Writes the program's statements.
    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder);

    /// Compiles a trace set.
    ///
    /// # Errors
    ///
    /// Options that contradict each other, or a program longer than the kernel takes.
    fn compile(&self, set: &TraceSet, options: &Options) -> Result<Program, Error> {
        options.check()?;
        let mut builder = Builder::new();
        self.emit(set, options, &mut builder);
        builder.build().map_err(|error| match error {
            BuildError::Check(CheckError::Length { length }) => Error::TooLong {
                compiler: self.name(),
                set: set.to_string(),
                length,
            },
            source => Error::Build {
                compiler: self.name(),
                set: set.to_string(),
                source,
            },
        })
    }
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Matched and unmatched calls would fare alike.
    #[error("matched and unmatched calls have the same action, {action}: give them different ones")]
    SameAction {
        /// That action.
        action: harness_cbpf::Action,
    },
    /// More instructions than the kernel takes.
    #[error(
        "compiler {compiler} needs {length} instructions for '{set}', the kernel takes {}: \
         use another compiler or a smaller set",
        harness_cbpf::MAX_INSTRUCTIONS
    )]
    TooLong {
        /// The compiler.
        compiler: &'static str,
        /// The trace set.
        set: String,
        /// How many instructions.
        length: usize,
    },
    /// The compiler made a program that the kernel would refuse: a fault of the compiler.
    #[error("compiler {compiler} failed on '{set}' (a fault of its own): {source}")]
    Build {
        /// The compiler.
        compiler: &'static str,
        /// The trace set.
        set: String,
        /// What is wrong with the program.
        source: BuildError,
    },
}

/// Every compiler.
#[must_use]
pub fn registry() -> &'static [&'static dyn Compiler] {
    &[
        &compilers::Naive,
        &compilers::Linear,
        &compilers::Bitmap,
        &compilers::BitmapMerged,
        &compilers::Tree,
        &compilers::Optimal,
    ]
}

/// The compiler of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Compiler> {
    registry()
        .iter()
        .copied()
        .find(|compiler| compiler.name() == name)
}
