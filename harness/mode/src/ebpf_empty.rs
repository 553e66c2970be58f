//! Programs that do nothing: what separates this from `none` is the tracepoint.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-empty`.
pub(crate) const EMPTY: Ebpf = Ebpf::new(
    "ebpf-empty",
    Level::Empty,
    Tracked::Program,
    Role::OnButIdle,
    Colour(0xb7, 0xe4, 0xd2),
    "programs at sys_enter and sys_exit that do nothing: what being attached costs",
);
