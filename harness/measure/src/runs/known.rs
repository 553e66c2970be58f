//! The ways of running a subject, and what its runs have shown so far.

use crate::verify::Reference;
use crate::wire::FilterCost;
use harness_record::{Side, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// One way of running a subject: a mode, and which of two harnesses has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arm {
    pub(crate) mode: String,
    pub(crate) side: Option<Side>,
}

impl Arm {
    pub(super) fn of(slot: &Slot) -> Self {
        Self {
            mode: slot.mode.clone(),
            side: slot.side,
        }
    }
}

/// What the runs of one subject have shown so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// How all must end.
    pub(super) reference: Option<Reference>,
    /// Executions that make a sample of each arm long enough.
    pub(super) executions: BTreeMap<Arm, u32>,
    /// The program that each arm installs.
    pub(crate) filters: BTreeMap<Arm, FilterCost>,
    /// Arms of a harness that cannot alternate.
    pub(super) cannot_alternate: BTreeSet<Arm>,
    /// Arms that failed and are left out from there on, with the reason where no row has it yet.
    pub(super) given_up: BTreeMap<Arm, Option<String>>,
}

impl Known {
    /// Executions that make a sample of all these arms long enough.
    pub(super) fn executions(&self, arms: &[Arm]) -> u32 {
        let known = arms.iter().filter_map(|arm| self.executions.get(arm));
        known.copied().max().unwrap_or(1)
    }
}
