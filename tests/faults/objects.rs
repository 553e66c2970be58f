//! What of eBPF the kernel holds for anybody on this machine, by its ids.

use crate::common::wait_until;
use harness_sys::bpf::{Program, ProgramSpec, link_ids, map_ids, program_ids};
use harness_sys::process;
use harness_testing::{Missing, skip};
use std::collections::BTreeSet;

/// Programs, maps and links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objects([(&'static str, BTreeSet<u32>); 3]);

impl Objects {
    /// Those that there are now; `None` for a user who may not ask for them, and so has none.
    pub(crate) fn now() -> Option<Self> {
        let ids = [
            ("program", program_ids()),
            ("map", map_ids()),
            ("link", link_ids()),
        ];
        let ids = ids.map(|(kind, ids)| Some((kind, BTreeSet::from_iter(ids.ok()?))));
        let [Some(programs), Some(maps), Some(links)] = ids else {
            return None;
        };
        Some(Self([programs, maps, links]))
    }

    /// Those that came since `before`.
    fn since(&self, before: &Self) -> BTreeSet<(&'static str, u32)> {
        let of_kind = self
            .0
            .iter()
            .zip(&before.0)
            .flat_map(|((kind, now), (_, before))| now.difference(before).map(|&id| (*kind, id)));
        of_kind.collect()
    }

    /// Waits until nothing is left of what is there now and was not before: the kernel frees programs and
    /// maps some time after they were closed, and another test may have some of its own.
    pub(crate) fn await_as(before: &Self) {
        let now = || Self::now().expect("they could be asked for before");
        let came = now().since(before);
        wait_until(&format!("the kernel frees {came:?}"), || {
            now().since(before).is_disjoint(&came)
        });
    }
}

/// The trials would find what is left.
#[test]
fn a_program_that_is_held_is_found() {
    const RETURN_0: [u64; 2] = [0xb7, 0x95];
    let program = Program::load(&ProgramSpec {
        name: "held",
        instructions: &RETURN_0,
    });
    let (Some(_), Ok(program)) = (Objects::now(), program) else {
        let missing = if process::effective_user() == 0 {
            Missing::Host
        } else {
            Missing::Root
        };
        skip(missing, "a program that is held: bpf(2) is forbidden");
        return;
    };
    let id = ("program", program.info().expect("its id").id);
    let none = Objects(["program", "map", "link"].map(|kind| (kind, BTreeSet::new())));
    let is_there = || Objects::now().is_some_and(|now| now.since(&none).contains(&id));
    assert!(is_there());
    drop(program);
    wait_until("the kernel frees the program", || !is_there());
}
