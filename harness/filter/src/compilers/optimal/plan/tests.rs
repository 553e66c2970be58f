//! The planned tree against every tree there is, on few numbers.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Key, Leaf, Node, best};
use crate::interval::Decision;

/// What number `nr` costs in a tree, and the leaf it ends at; the tree's tests only.
fn follow(node: &Node, nr: u32) -> (f64, Leaf) {
    let further = |node| {
        let (cost, leaf) = follow(node, nr);
        (cost + 1.0, leaf)
    };
    match node {
        Node::Leaf(leaf) => (leaf.cost(), *leaf),
        Node::Equal { nr: k, hit, .. } if *k == nr => (1.0 + hit.cost(), *hit),
        Node::Mask { mask, clear, .. } if nr & mask == 0 => (1.0 + clear.cost(), *clear),
        Node::Equal { rest, .. } | Node::Mask { rest, .. } => further(rest),
        Node::Split { at, below, above } => further(if nr < *at { below } else { above }),
    }
}

/// What all calls cost, with the load of the number if the tree tests it.
fn total(node: &Node, keys: &[Key]) -> f64 {
    let load = f64::from(u8::from(!matches!(node, Node::Leaf(_))));
    keys.iter()
        .map(|key| key.calls * (load + follow(node, key.nr).0))
        .sum()
}

/// The least cost of any tree of `>=`, `==` and `&` tests over the keys whose bit is set, by trying all of them. What
/// the last key stands for is taken to pass no mask, so that there may be no such tree.
fn least(keys: &[Key], left: u32, known: &mut HashMap<u32, f64>) -> f64 {
    if let Some(&cost) = known.get(&left) {
        return cost;
    }
    let chosen = || (0..keys.len()).filter(|at| left >> at & 1 == 1);
    let calls: f64 = chosen().map(|at| keys[at].calls).sum();
    let mut leaves = chosen().map(|at| keys[at].leaf);
    let first = leaves.next().expect("a key is left");
    let alone = leaves.try_fold(first, Leaf::with);
    let mut cost = alone.map_or(f64::INFINITY, |leaf| calls * leaf.cost());
    let singles = || chosen().filter(|&at| keys[at].single);
    let below = (0..keys.len()).map(|at| left & ((1 << at) - 1));
    let equal = singles().map(|at| 1 << at);
    let clear = (1..16).map(|mask| {
        let numbers = singles().filter(|&at| keys[at].nr & mask == 0);
        numbers.fold(0, |part, at| part | 1 << at)
    });
    for one in below.chain(equal).chain(clear) {
        let other = left & !one;
        if one != 0 && other != 0 {
            cost = cost.min(calls + least(keys, one, known) + least(keys, other, known));
        }
    }
    known.insert(left, cost);
    cost
}

fn keys(most: usize) -> impl Strategy<Value = Vec<Key>> {
    let leaf = prop::sample::select(vec![
        Leaf::Decided(Decision::Unmatched),
        Leaf::Checked(Decision::Matched),
        Leaf::Checked(Decision::Unmatched),
    ]);
    prop::collection::vec((leaf, 1..1000_u32), 2..=most)
        .prop_map(|keys| {
            (0..)
                .zip(keys)
                .map(|(nr, (leaf, calls))| Key {
                    nr,
                    single: true,
                    leaf,
                    calls: calls.into(),
                })
                .collect()
        })
        .prop_map(|mut keys: Vec<Key>| {
            let last = keys.last_mut().expect("two at least");
            // As with real tables, what stands for the numbers behind them is not called. A mask may let some of these pass,
            // and `least` knows only trees where it does not: nobody's calls are to be cheaper for that.
            (last.single, last.calls) = (false, 0.0);
            keys
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_number_ends_at_a_leaf_that_decides_rightly(keys in keys(40)) {
        let tree = best(&keys);
        for key in &keys {
            let (_, leaf) = follow(&tree, key.nr);
            prop_assert_eq!(leaf.with(key.leaf), Some(leaf), "{:?} {:?}", key, tree);
        }
    }

    /// The trees considered are not all there are, but the best of all is little better: in 20,000 cases 0 % at the median,
    /// 15 % at the 99th percentile, 29 % at most.
    #[test]
    fn no_tree_at_all_is_much_better(keys in keys(9)) {
        let found = total(&best(&keys), &keys);
        let calls: f64 = keys.iter().map(|key| key.calls).sum();
        let all = (1 << keys.len()) - 1;
        let alone = keys[1..].iter().try_fold(keys[0].leaf, |leaf, key| leaf.with(key.leaf));
        let leaf = alone.map_or(f64::INFINITY, |leaf| calls * leaf.cost());
        let bound = leaf.min(calls + least(&keys, all, &mut HashMap::new()));
        let ratio = found / bound;
        prop_assert!((0.999_999..1.4).contains(&ratio), "{} for a bound of {}", found, bound);
    }
}
