//! The kernel's helpers that programs here call (bpf-helpers(7)).

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $kernel:literal;)*) => {
        /// A function of the kernel that a program can call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Helper {
            $($(#[$doc])* $name,)*
        }

        impl Helper {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// `enum bpf_func_id`, include/uapi/linux/bpf.h.
            #[must_use]
            pub fn number(self) -> i32 {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// Its name in bpf-helpers(7).
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $kernel,)*
                }
            }
        }
    };
}

helpers! {
    /// The address of the value of a key, or 0.
    MapLookup = 1, "bpf_map_lookup_elem";
    /// Sets the value of a key.
    MapUpdate = 2, "bpf_map_update_elem";
    /// Removes a key.
    MapDelete = 3, "bpf_map_delete_elem";
    /// Nanoseconds of CLOCK_MONOTONIC.
    KtimeGetNs = 5, "bpf_ktime_get_ns";
    /// The process id in the upper half, the thread id in the lower one, both of the initial PID
    /// namespace.
    GetCurrentPidTgid = 14, "bpf_get_current_pid_tgid";
    /// The address of the current `struct task_struct`.
    GetCurrentTask = 35, "bpf_get_current_task";
    /// Copies kernel memory (Linux 5.5).
    ProbeReadKernel = 113, "bpf_probe_read_kernel";
    /// The two ids of the current thread in a given PID namespace (Linux 5.7).
    GetNsCurrentPidTgid = 120, "bpf_get_ns_current_pid_tgid";
    /// Room for a record in a ring buffer, or 0 (Linux 5.8).
    RingbufReserve = 131, "bpf_ringbuf_reserve";
    /// Hands a record over.
    RingbufSubmit = 132, "bpf_ringbuf_submit";
    /// What is known of a ring buffer.
    RingbufQuery = 134, "bpf_ringbuf_query";
    /// The current `struct task_struct`, whose fields a program can load (Linux 5.11).
    GetCurrentTaskBtf = 158, "bpf_get_current_task_btf";
}

impl Helper {
    /// The helper of a number.
    #[must_use]
    pub fn of_number(number: i32) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|helper| helper.number() == number)
    }
}
