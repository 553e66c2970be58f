//! Each call goes to user space, which reads it as a tracer does: what competes with ptrace(2).

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-stream`.
pub(crate) const STREAM: Ebpf = Ebpf::new(
    "ebpf-stream",
    Level::Stream,
    Tracked::Program,
    Role::Tracer,
    Colour(0xb8, 0xa0, 0x00),
    "each call of the trace set goes to user space through a ring buffer, with arguments, result and time",
);
