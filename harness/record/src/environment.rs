//! The machine a record was taken on. `None` is "could not be read".

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The machine, its kernel, and the state the harness itself ran in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Host name.
    pub host: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`.
    pub kernel_version: String,
    /// `uname -m`.
    pub architecture: String,
    /// Name and version of the distribution, from os-release(5).
    pub os: Option<String>,
    /// The processors.
    pub cpu: Cpu,
    /// Installed memory, KiB.
    pub memory_kib: Option<u64>,
    /// CPU vulnerabilities and their mitigations, from
    /// `/sys/devices/system/cpu/vulnerabilities`.
    pub mitigations: BTreeMap<String, String>,
    /// `net.core.bpf_jit_enable`.
    pub bpf_jit_enable: Option<i64>,
    /// `net.core.bpf_jit_harden`.
    pub bpf_jit_harden: Option<i64>,
    /// `kernel.yama.ptrace_scope`; `None` where Yama is absent.
    pub yama_ptrace_scope: Option<i64>,
    /// State of the harness's own process.
    pub seccomp: SeccompState,
    /// `current_clocksource`.
    pub clock_source: Option<String>,
    /// Frequency governor of CPU 0.
    pub governor: Option<String>,
    /// Limits of the control group it ran in, by file name.
    pub cgroup_limits: BTreeMap<String, String>,
    /// What it is virtualised by, where that can be seen.
    pub virtualization: Option<String>,
    /// `kernel.randomize_va_space`.
    pub randomize_va_space: Option<i64>,
    /// Effective user id.
    pub euid: u32,
    /// Whether CAP_SYS_ADMIN is in effect (a filter then needs no
    /// `no_new_privs`).
    pub cap_sys_admin: bool,
    /// Measured order of the seccomp-stop: `before-enter` (3.5 to 4.7) or
    /// `after-enter` (4.8 and later).
    pub seccomp_stop_order: Option<String>,
    /// Where the tracer reads the call of a stop from: `syscall-info`
    /// (`PTRACE_GET_SYSCALL_INFO`, 5.3 and later) or `registers`.
    #[serde(default)]
    pub call_source: Option<String>,
    /// One-minute load average at the start.
    pub load_average: Option<f64>,
    /// Threads of others that ran or waited for a CPU at the start: the least of some readings of
    /// /proc/loadavg within a moment.
    #[serde(default)]
    pub others_runnable: Option<u32>,
}

/// The processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// `model name` of /proc/cpuinfo.
    pub model: Option<String>,
    /// Processors online.
    pub online: u32,
    /// Processors this process may run on.
    pub allowed: Vec<u32>,
    /// The processors of each core, siblings together; empty where that is not known.
    #[serde(default)]
    pub cores: Vec<Vec<u32>>,
}

/// seccomp and speculation state from `/proc/self/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeccompState {
    /// `Seccomp`: 0 disabled, 1 strict, 2 filter.
    pub mode: Option<i64>,
    /// `Seccomp_filters`.
    pub filters: Option<i64>,
    /// `NoNewPrivs`.
    pub no_new_privs: Option<i64>,
    /// `Speculation_Store_Bypass`.
    pub speculation_store_bypass: Option<String>,
}
