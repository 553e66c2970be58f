//! The observer of a whole tree of processes and threads by programs at the kernel's raw tracepoints.
//!
//! [`harness_ebpf`] makes the programs; this crate creates their maps, loads and attaches them, enrols the
//! first process of the tree, waits for its end and reads what was counted. No tracee ever waits for the
//! observer, and nothing of it is left in the kernel when its process ends, however it ends: the kernel
//! detaches a program when the descriptor of its attachment is closed.
//!
//! The programs run at the calls of every process of the machine, since a tracepoint has no other
//! address; they return early where the task does not belong to the tree.
//!
//! What it does not see: calls that a filter refused (`seccomp_run_filters` comes before the tracepoint,
//! `syscall_trace_enter` in kernel/entry/common.c), and calls that syscall user dispatch took over. What a
//! program loses is counted ([`Lost`]).

mod error;
mod kernel;
mod loaded;
mod log;
mod observer;
mod privileges;
mod probe;
mod stream;
mod survey;
mod watch;

pub use error::Error;
pub use harness_ebpf::layout::Totals;
pub use harness_ebpf::{Attachment, Hooks, Level, Scope, Tracepoint};
pub use loaded::{Call, Loaded, Lost, Options};
pub use log::{Log, Returned};
pub use observer::{Outcome, Tracked, observe};
pub use privileges::Privileges;
pub use probe::{Facts, probe};
pub use survey::{Attached, OfProgram, Survey, survey};
pub use watch::{Watched, watch};
