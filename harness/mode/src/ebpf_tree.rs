//! Programs that look whether the task belongs to the tree: the least that one for a tree does.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-tree`.
pub(crate) const TREE: Ebpf = Ebpf::new(
    "ebpf-tree",
    Level::Tree,
    Tracked::Program,
    Role::OnButIdle,
    Colour(0x8f, 0xd3, 0xb9),
    "programs at sys_enter and sys_exit that look whether the task belongs to the tree, and do nothing",
);
