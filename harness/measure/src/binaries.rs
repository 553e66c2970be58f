//! The harnesses that take samples: this one alone, or two that are compared.

use crate::Error;
use harness_record::Side;
use std::path::{Path, PathBuf};

/// The harnesses that take samples: this one alone, or two that are compared.
/// What they tell each other ([`Spec`](crate::wire::Spec), [`Done`](crate::wire::Done)) may gain fields, which the
/// older of two then leaves out; no field may change its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binaries {
    One(PathBuf),
    Two { base: PathBuf, head: PathBuf },
}

impl Binaries {
    /// This very binary.
    pub(crate) fn own() -> Result<Self, Error> {
        own_binary().map(Self::One)
    }

    pub(crate) fn are_two(&self) -> bool {
        matches!(self, Self::Two { .. })
    }

    pub(crate) fn of(&self, side: Option<Side>) -> &Path {
        match (self, side) {
            (Self::One(own), _) => own,
            (Self::Two { base, .. }, Some(Side::Base)) => base,
            (Self::Two { head, .. }, _) => head,
        }
    }
}

/// The harness's own binary.
pub(crate) fn own_binary() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|source| Error::Io {
        operation: "cannot find the harness's own binary".to_owned(),
        source,
    })
}
