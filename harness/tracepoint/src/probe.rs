//! Whether a tree can be observed here, found out by loading and attaching the programs.

use crate::error::Error;
use crate::loaded::{Loaded, Options};
use harness_syscalls::{Table, TraceSet};

/// What was found out about this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Whether calls of i386 can be told from those of x86-64, which takes BTF.
    pub tells_i386: bool,
}

/// Loads and attaches the programs, and runs the one that is run by hand. The calls of the machine are
/// looked at meanwhile; nothing is enrolled.
///
/// # Errors
/// [`Error`]: why a tree cannot be observed.
///
/// # Panics
/// Never: the set that it tries is one.
pub fn probe(options: Options) -> Result<Facts, Error> {
    let set = TraceSet::parse("getppid", Table::current()).expect("a call that there is");
    let mut loaded = Loaded::new(options, &set)?;
    if loaded.config().has_tree() {
        loaded.own_task()?;
    }
    loaded.attach()?;
    Ok(Facts {
        tells_i386: loaded.config().status_offset.is_some(),
    })
}
