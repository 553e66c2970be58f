//! Calls are counted by number as they are entered.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-count`.
pub(crate) const COUNT: Ebpf = Ebpf::new(
    "ebpf-count",
    Level::Count,
    Tracked::Program,
    Role::Tracer,
    Colour(0x5f, 0xbf, 0x9b),
    "a program at sys_enter counts the calls of the trace set by number",
);
