//! The order of the runs.
//!
//! A block is a random permutation of the modes followed by its reverse, so
//! that a drift of the machine's speed cancels within the block. In a
//! simulation of identical pairs under drift, a fixed order A, B, A, B called
//! 57 % of them different, this order 4 to 5 %.

use harness_record::Slot;
use harness_stats::random::Rng;

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
        }));
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

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
