//! The order of the runs.
//!
//! A block is a random permutation of the modes followed by its reverse, so
//! that a drift of the machine's speed cancels within the block. In a
//! simulation of identical pairs under drift, a fixed order A, B, A, B called
//! 57 % of them different, this order 4 to 5 %.

use harness_record::{Side, Slot};
use harness_stats::random::Rng;
use std::ops::Range;

/// Slots for `runs` runs of a workload under each of `modes`; with an odd number
/// the last block is its permutation alone.
pub(crate) fn slots(workload: &str, modes: &[&str], runs: u32, rng: &mut Rng) -> Vec<Slot> {
    let mut permutation = modes.to_vec();
    let mut slots = Vec::new();
    for pass in 0..runs {
        if pass % 2 == 0 {
            rng.shuffle(&mut permutation);
        } else {
            permutation.reverse();
        }
        slots.extend(permutation.iter().map(|mode| Slot {
            workload: workload.to_owned(),
            mode: (*mode).to_owned(),
            block: pass / 2,
            pass,
            side: None,
        }));
    }
    slots
}

/// Slots for whole blocks of a workload in which each of `modes` is run by both
/// sides, one beside the other; but `control`, which both sides share.
pub(crate) fn two_sided(
    workload: &str,
    modes: &[&str],
    control: &str,
    blocks: Range<u32>,
    rng: &mut Rng,
) -> Vec<Slot> {
    let mut modes = modes.to_vec();
    let mut sides = [Side::Base, Side::Head];
    let mut slots = Vec::new();
    for block in blocks {
        rng.shuffle(&mut modes);
        let mut arms: Vec<(&str, Option<Side>)> = Vec::new();
        for &mode in &modes {
            if mode == control {
                arms.push((mode, None));
            } else {
                rng.shuffle(&mut sides);
                arms.extend(sides.map(|side| (mode, Some(side))));
            }
        }
        for pass in [2 * block, 2 * block + 1] {
            slots.extend(arms.iter().map(|&(mode, side)| Slot {
                workload: workload.to_owned(),
                mode: mode.to_owned(),
                block,
                pass,
                side,
            }));
            arms.reverse();
        }
    }
    slots
}

/// Slots that stand together: one mode under both sides.
pub(crate) fn together<'a, 's>(
    slots: &'a [&'s Slot],
) -> impl Iterator<Item = &'a [&'s Slot]> + use<'a, 's> {
    slots.chunk_by(|one, next| one.pass == next.pass && one.mode == next.mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_stand_side_by_side_in_every_block() {
        let modes = ["none", "ptrace", "seccomp-linear"];
        let slots = two_sided("w", &modes, "none", 3..7, &mut Rng::new(1));
        assert_eq!(slots.len(), 4 * 10);
        for block in slots.chunks(10) {
            let (forward, backward) = block.split_at(5);
            let arm = |slot: &Slot| (slot.mode.clone(), slot.side, slot.block);
            let backward: Vec<_> = backward.iter().rev().map(arm).collect();
            assert_eq!(forward.iter().map(arm).collect::<Vec<_>>(), backward);
            assert_eq!(forward[0].pass + 1, block[9].pass);
            let forward: Vec<&Slot> = forward.iter().collect();
            let sides = together(&forward).map(|slots| {
                let mut sides: Vec<_> = slots.iter().map(|slot| slot.side).collect();
                sides.sort_unstable();
                (slots[0].mode.as_str(), sides)
            });
            let mut sides: Vec<_> = sides.collect();
            sides.sort_unstable();
            let both = vec![Some(Side::Base), Some(Side::Head)];
            let expected = [
                ("none", vec![None]),
                ("ptrace", both.clone()),
                ("seccomp-linear", both),
            ];
            assert_eq!(sides, expected);
        }
    }

    const MODES: [&str; 4] = ["none", "ptrace", "seccomp-linear", "seccomp-bitmap"];

    fn pass(slots: &[Slot], pass: u32) -> Vec<&str> {
        slots
            .iter()
            .filter(|slot| slot.pass == pass)
            .map(|slot| slot.mode.as_str())
            .collect()
    }

    #[test]
    fn a_block_is_a_permutation_and_its_reverse() {
        let slots = slots("w", &MODES, 10, &mut Rng::new(1));
        for block in 0..5 {
            let forward = pass(&slots, 2 * block);
            let mut backward = pass(&slots, 2 * block + 1);
            backward.reverse();
            assert_eq!(forward, backward);
            let mut sorted = forward;
            sorted.sort_unstable();
            let mut modes = MODES;
            modes.sort_unstable();
            assert_eq!(sorted, modes);
        }
    }

    #[test]
    fn an_odd_number_of_runs_ends_with_half_a_block() {
        let slots = slots("w", &MODES, 3, &mut Rng::new(1));
        assert_eq!(slots.len(), 12);
        assert_eq!(
            slots.last().map(|slot| (slot.block, slot.pass)),
            Some((1, 2))
        );
    }

    #[test]
    fn the_seed_decides_the_order() {
        let order = |seed| slots("w", &MODES, 20, &mut Rng::new(seed));
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
