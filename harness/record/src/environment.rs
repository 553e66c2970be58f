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
    /// Whether the kernel caches what seccomp filters allow (5.11 and later).
    /// `None` where it could not be known, and in records from before it was
    /// asked; [`Environment::caches_filters`] knows more of those.
    #[serde(default)]
    pub seccomp_cache: Option<bool>,
    /// Whether the kernel describes its own types (BTF, `CONFIG_DEBUG_INFO_BTF`); where it does not, programs
    /// of eBPF cannot tell calls of i386 from those of x86-64. `None` in records from before it was asked.
    #[serde(default)]
    pub btf: Option<bool>,
    /// `kernel.bpf_stats_enabled`: 1 where the kernel measured every run of every eBPF program, which makes
    /// each more expensive.
    #[serde(default)]
    pub bpf_stats_enabled: Option<i64>,
    /// `kernel.unprivileged_bpf_disabled`.
    #[serde(default)]
    pub unprivileged_bpf_disabled: Option<i64>,
    /// The level of the kernel's lockdown (kernel_lockdown(7)); `None` where it has none.
    #[serde(default)]
    pub lockdown: Option<String>,
    /// One-minute load average at the start.
    pub load_average: Option<f64>,
    /// Threads of others that ran or waited for a CPU at the start: the least of some readings of
    /// /proc/loadavg within a moment.
    #[serde(default)]
    pub others_runnable: Option<u32>,
}

impl Environment {
    /// Threads of others that ran or waited at the start, where they were enough for all CPUs.
    #[must_use]
    pub fn busy_at_start(&self) -> Option<u32> {
        let online = self.cpu.online;
        self.others_runnable
            .filter(|&threads| online > 0 && threads >= online)
    }

    /// Whether the kernel caches what seccomp filters allow: as the record
    /// says, by the kernel's release where it does not.
    #[must_use]
    pub fn caches_filters(&self) -> Option<bool> {
        self.seccomp_cache
            .or_else(|| seccomp_cache_by_version(&self.kernel_release))
    }
}

/// Whether a kernel of this release (`uname -r`) caches what seccomp filters
/// allow: the constant-action bitmap of Linux 5.11, commit 8e01b51a31a1, which
/// x86-64 and arm64 have in every configuration. `None` for a release that
/// does not begin with two numbers.
#[must_use]
pub fn seccomp_cache_by_version(release: &str) -> Option<bool> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    Some((number()?, number()?) >= (5, 11))
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

#[cfg(test)]
mod tests {
    use super::seccomp_cache_by_version;

    #[test]
    fn the_cache_came_with_5_11() {
        for (release, expected) in [
            ("5.10.0-28-amd64", Some(false)),
            ("4.18.0-553.el8.x86_64", Some(false)),
            ("5.9", Some(false)),
            ("5.11.0", Some(true)),
            ("5.11-rc1", Some(true)),
            ("6.1.0-18-amd64", Some(true)),
            ("10.0.1", Some(true)),
            ("", None),
            ("next-20260101", None),
            ("6", None),
        ] {
            assert_eq!(seccomp_cache_by_version(release), expected, "{release}");
        }
    }
}
