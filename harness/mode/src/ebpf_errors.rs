//! Calls that fail are counted, too, which takes a second program and a memory of the call.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-errors`.
pub(crate) const ERRORS: Ebpf = Ebpf::new(
    "ebpf-errors",
    Level::Errors,
    Tracked::Program,
    Role::Tracer,
    Colour(0x2f, 0xae, 0x85),
    "ebpf-count, and a program at sys_exit counts the calls that fail",
);
