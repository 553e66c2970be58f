//! How long calls take is kept by powers of two, too.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-histogram`.
pub(crate) const HISTOGRAM: Ebpf = Ebpf::new(
    "ebpf-histogram",
    Level::Histogram,
    Tracked::Program,
    Role::Tracer,
    Colour(0x00, 0x73, 0x4f),
    "ebpf, with a log2 histogram of the time by number: median and p99",
);
