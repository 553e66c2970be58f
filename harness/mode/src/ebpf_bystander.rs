//! Another tree is traced, and the program pays what every process of the machine does.

use crate::ebpf::Ebpf;
use crate::{Colour, Role};
use harness_tracepoint::{Level, Tracked};

/// Mode `ebpf-bystander`.
pub(crate) const BYSTANDER: Ebpf = Ebpf::new(
    "ebpf-bystander",
    Level::Time,
    Tracked::Other,
    Role::OnButIdle,
    Colour(0xa9, 0xbd, 0x8a),
    "ebpf for another process: what an unrelated program pays while a tree is traced",
);
