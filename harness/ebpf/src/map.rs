//! The maps that programs and user space share.

/// A map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Map {
    /// By the address of its `struct task_struct`: a task of the tree, and the call that it is in.
    Tasks,
    /// Which calls are traced, and where each is counted: [`Slots`](crate::layout::Slots).
    Slots,
    /// What is known of the calls of a slot, for each CPU.
    Calls,
    /// What programs and user space tell each other: [`Control`](crate::layout::Control).
    Control,
    /// Records of calls.
    Ring,
    /// The ids of processes whose tasks are enrolled when they are seen.
    Processes,
}

impl Map {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::Tasks,
        Self::Slots,
        Self::Calls,
        Self::Control,
        Self::Ring,
        Self::Processes,
    ];

    /// Its name in the kernel and in listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Slots => "slots",
            Self::Calls => "calls",
            Self::Control => "control",
            Self::Ring => "ring",
            Self::Processes => "processes",
        }
    }
}

/// What kind of map it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `BPF_MAP_TYPE_HASH`, allocated beforehand.
    Hash,
    /// `BPF_MAP_TYPE_ARRAY`.
    Array,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`.
    PerCpuArray,
    /// `BPF_MAP_TYPE_RINGBUF` (Linux 5.8).
    RingBuffer,
}

/// How a map is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapSpec {
    /// Which one.
    pub map: Map,
    /// Its kind.
    pub kind: Kind,
    /// Bytes of a key; 0 for a ring buffer.
    pub key_size: u32,
    /// Bytes of a value; 0 for a ring buffer.
    pub value_size: u32,
    /// Elements; bytes of a ring buffer.
    pub max_entries: u32,
}
