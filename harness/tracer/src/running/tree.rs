//! Which processes are a running process and its descendants.

use super::Process;
use harness_sys::{Tid, process, procfs};
use std::collections::{HashMap, HashSet};

/// A process and its descendants, but for one process and what descends from that: the harness may
/// have been started by what it attaches to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// The first process.
    pub root: Process,
    /// What is left out, with its descendants.
    pub without: Tid,
}

impl Tree {
    /// The ids of its processes, the first one's first, as one walk over /proc finds them. Like a
    /// list of threads it is true of no single moment: read it until it holds nothing new. A process
    /// whose parent has ended is no descendant any more.
    #[must_use]
    pub fn processes(&self) -> Vec<Tid> {
        let mut children: HashMap<Tid, Vec<Tid>> = HashMap::new();
        for id in procfs::processes() {
            if let Some(parent) = process::parent_of(id) {
                children.entry(parent).or_default().push(id);
            }
        }
        below(self.root.id, self.without, &children)
    }
}

fn below(root: Tid, without: Tid, children: &HashMap<Tid, Vec<Tid>>) -> Vec<Tid> {
    let mut found = vec![root];
    // Parents change while they are read, so that what is read may be a circle.
    let mut seen: HashSet<Tid> = [root, without].into();
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let children = children.get(parent).into_iter().flatten();
        found.extend(
            children
                .copied()
                .filter(|&child| seen.insert(child))
                .collect::<Vec<_>>(),
        );
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_but_for_what_is_left_out() {
        let tree = [
            (1, vec![2, 3]),
            (2, vec![4, 5]),
            (3, vec![6]),
            (5, vec![7]),
            (7, vec![2]),
        ];
        let tree =
            tree.map(|(parent, children)| (Tid(parent), children.into_iter().map(Tid).collect()));
        let found = |root, without| below(Tid(root), Tid(without), &tree.clone().into());
        assert_eq!(found(1, 3), [1, 2, 4, 5, 7].map(Tid));
        assert_eq!(found(2, 5), [2, 4].map(Tid));
        assert_eq!(found(6, 3), [Tid(6)]);
    }
}
