//! What a run was asked to do, and what it was seen to do.

use crate::log::{Log, Stops};
use harness_record::{CallStatistics, Counts};
use harness_sys::rusage::Usage;
use harness_syscalls::{Abi, Table, TraceSet};
use harness_tracer::End;
use harness_tracer::counts::{CallCount, CallCounts};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What a mode is to do with a program.
pub struct Job<'a> {
    /// The calls to trace.
    pub set: &'a TraceSet,
    /// Who is told of what happens, if anybody is.
    pub log: Option<&'a mut dyn Log>,
    /// An empty directory for files of the mode's own; there is one where
    /// [`Mode::writes_files`](crate::Mode::writes_files).
    pub scratch: Option<&'a Path>,
}

impl Job<'_> {
    /// The log as a tracer's observer.
    pub(crate) fn observer(&mut self) -> Option<Stops<'_>> {
        let log = self.log.as_mut()?;
        Some(Stops(&mut **log))
    }
}

/// What one run was seen to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How the program ended; `None` where the mode is not told.
    pub end: Option<End>,
    /// Rule 3 of the contract.
    pub wall: Duration,
    /// What it counted.
    pub counts: Counts,
    /// System calls of the trace set, by name.
    pub calls: Option<Calls>,
    /// Whose CPU time and context switches are the tracer's.
    pub tracer: TracerAccount,
    /// Children known to have run untraced.
    pub escaped: u64,
    /// Whether `no_new_privs` had to be set.
    pub no_new_privs: bool,
    /// Largest resident set of the first process before it executed its program, KiB.
    pub inherited_rss_kib: u64,
    /// What a reader must know, a sentence each.
    pub remarks: Vec<String>,
}

/// Calls by name: `connect`, and `i386:connect` where the ABI is not the native one.
pub type Calls = BTreeMap<String, CallStatistics>;

/// Whose CPU time and context switches are the tracer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracerAccount {
    /// Nobody's.
    Nobody,
    /// Those of the process that runs the mode.
    ThisProcess,
    /// Those of children of this process, which [`rusage::children`](harness_sys::rusage::children)
    /// adds to those of the tracees.
    Children(Usage),
    /// They cannot be told from those of the tracees.
    InTracees,
}

/// What a tracer counted that does not see how a call returns, by name.
pub(crate) fn calls(counts: &CallCounts) -> Calls {
    named(counts, |count| CallStatistics::counted(count.calls))
}

/// What a tracer counted that sees every traced call return, by name.
pub(crate) fn calls_with_errors(counts: &CallCounts) -> Calls {
    named(counts, |count| CallStatistics {
        errors: Some(count.errors),
        ..CallStatistics::counted(count.calls)
    })
}

fn named(counts: &CallCounts, of: impl Fn(CallCount) -> CallStatistics) -> Calls {
    let mut calls = Calls::new();
    for (abi, number, count) in counts.iter() {
        let name = call_name(abi, number);
        calls.entry(name).or_default().add(&of(count));
    }
    calls
}

/// The ABI, the number and the bare name of a call that [`Calls`] has under `name`. The number is
/// `None` where no number has that name, or several have.
#[must_use]
pub fn call_of(name: &str) -> (Abi, Option<u32>, &str) {
    let qualified = name.split_once(':').and_then(|(abi, bare)| {
        let abi = Abi::ALL.into_iter().find(|known| known.name() == abi)?;
        Some((abi, bare))
    });
    let (abi, bare) = qualified.unwrap_or((Abi::NATIVE, name));
    let mut numbers = Table::current().numbers_of(abi, bare);
    let number = match (numbers.next(), numbers.next()) {
        (Some(number), None) => Some(number),
        (None, _) => bare.parse().ok(),
        (Some(_), Some(_)) => None,
    };
    (abi, number, bare)
}

/// The name of a call as [`Calls`] has it.
#[must_use]
pub fn call_name(abi: Abi, number: u32) -> String {
    let name = Table::current()
        .name_of(abi, number)
        .map_or_else(|| number.to_string(), str::to_owned);
    if abi == Abi::NATIVE {
        name
    } else {
        format!("{abi}:{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every call of every ABI that a tracee can make here, and numbers without a name.
    #[test]
    fn a_name_leads_back_to_its_number() {
        for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
            let named = Table::current().calls(abi).map(|call| call.nr);
            for number in named.chain([1023, u32::MAX >> 2]) {
                let name = call_name(abi, number);
                let (found_abi, found, bare) = call_of(&name);
                assert_eq!(found_abi, abi, "{name}");
                let same = Table::current().numbers_of(abi, bare).count();
                let expected = (same < 2).then_some(number);
                assert_eq!(found, expected, "{name}");
            }
        }
        assert_eq!(call_of("i386:read"), (Abi::I386, Some(3), "read"));
        assert_eq!(call_of("made_up"), (Abi::NATIVE, None, "made_up"));
        assert_eq!(call_of("no:abi"), (Abi::NATIVE, None, "no:abi"));
    }
}
