//! The kernel's interfaces that the harness uses, and the only `unsafe` code.
//!
//! Each function is one kernel interface with its arguments made safe; what
//! they mean together is decided elsewhere. Errors are plain [`Errno`] values:
//! the caller knows the operation and the thread, and says both.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the harness traces with the ptrace(2) register layout of x86-64 Linux");

pub mod affinity;
pub mod bpf;
pub mod calls;
pub mod clock;
pub mod files;
pub mod launcher;
pub mod lockdown;
pub mod pid_namespace;
pub mod probe_calls;
pub mod proc_account;
pub mod process;
pub mod procfs;
pub mod ptrace;
pub mod rusage;
pub mod seccomp;
pub mod seccomp_dump;
mod shared_words;
pub mod signals;
pub mod spawn;
pub mod user_notification;
pub mod wait;

pub use nix::errno::Errno;

/// A thread, by its kernel-wide id (gettid(2)). A process is named by the id
/// of its thread-group leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tid(pub i32);

impl std::fmt::Display for Tid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
