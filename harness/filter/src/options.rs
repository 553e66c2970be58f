//! What a compiler is asked for besides the trace set.

use harness_cbpf::Action;
use harness_syscalls::Arch;

use crate::{Error, Profile};

/// What a program does with calls in the set and with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The action of calls in the set.
    pub matched: Action,
    /// The action of all others.
    pub unmatched: Action,
    /// The machine whose ABIs the program tells apart.
    pub arch: Arch,
    /// Tell the calls behind i386's socketcall(2) and ipc(2) apart by their first argument.
    pub subcalls: bool,
    /// Who decides on what the table does not know.
    pub unknown: Unknown,
    /// How often each call is made, for compilers that care; without it every named call counts alike.
    pub profile: Option<Profile>,
}

/// Who decides on numbers beyond the table and on foreign architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Unknown numbers, and every call of an architecture that is not the machine's, are in the set if it is negated or
    /// `all`: who traces all but some calls misses none that he does not know. All compilers decide alike.
    #[default]
    BySet,
    /// As strace's generators do, which disagree: `linear` matches unknown numbers, `bitmap` and `bitmap-merged` do
    /// not; all three match foreign architectures. Other compilers decide as with [`Unknown::BySet`].
    AsStrace,
}

impl Options {
    /// For this machine, without subcalls.
    #[must_use]
    pub const fn new(matched: Action, unmatched: Action) -> Self {
        Self {
            matched,
            unmatched,
            arch: Arch::NATIVE,
            subcalls: false,
            unknown: Unknown::BySet,
            profile: None,
        }
    }

    /// What strace itself is asked for on x86-64: TRACE without data, and its way with what it does not know.
    #[must_use]
    pub const fn strace() -> Self {
        Self {
            matched: Action::Trace(0),
            unmatched: Action::Allow,
            arch: Arch::X86,
            subcalls: false,
            unknown: Unknown::AsStrace,
            profile: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.matched == self.unmatched {
            return Err(Error::SameAction {
                action: self.matched,
            });
        }
        Ok(())
    }

    /// Whether strace's own decisions are wanted.
    pub(crate) fn as_strace(&self) -> bool {
        self.unknown == Unknown::AsStrace
    }
}
