//! The decision every program must make, taken from the trace set without any program.

use harness_cbpf::{Action, SeccompData};
use harness_syscalls::{Abi, TraceSet};

use crate::options::Options;

/// The action for a call, with [`Unknown::BySet`](crate::Unknown::BySet).
#[must_use]
pub fn reference(set: &TraceSet, options: &Options, data: &SeccompData) -> Action {
    let traced = match Abi::of(data.arch, data.nr) {
        Some((abi, nr)) if options.arch.abis().contains(&abi) => {
            if options.subcalls {
                set.contains_call(abi, nr, data.args[0])
            } else {
                set.contains(abi, nr)
            }
        }
        _ => set.contains_unknown(),
    };
    if traced {
        options.matched
    } else {
        options.unmatched
    }
}
