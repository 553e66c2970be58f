//! Reads the machine a measurement is taken on. What cannot be read is `None`.

use crate::processors::{self, Topology, cpu_list};
use harness_record::{Cpu, Environment, SeccompState, seccomp_cache_by_version};
use harness_sys::procfs::{self, Fields, sysctl};
use harness_sys::{affinity, lockdown, process};
use harness_tracer::order;
use std::collections::BTreeMap;
use std::fs::{File, read_dir, read_to_string};
use std::io::Read;
use std::path::Path;

/// `uapi/linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;

/// The machine, its kernel, and the state this process runs in. Forks a probe:
/// the process must have a single thread.
#[must_use]
pub fn read() -> Environment {
    let order = order::probe().ok();
    let source = order::probe_ptrace().ok();
    Environment {
        seccomp_stop_order: order.map(|order| order.to_string()),
        call_source: source.map(|source| source.to_string()),
        others_runnable: others_runnable(),
        ..without_probe()
    }
}

/// All that can be read from files.
fn without_probe() -> Environment {
    let cpuinfo = procfs::cpuinfo().unwrap_or_default();
    let status = procfs::own_status().unwrap_or_default();
    let allowed = affinity::allowed().unwrap_or_default();
    let (kernel_release, seccomp_cache) = kernel_and_cache();
    Environment {
        seccomp_cache,
        host: sysctl("kernel.hostname").unwrap_or_default(),
        kernel_release,
        kernel_version: sysctl("kernel.version").unwrap_or_default(),
        architecture: std::env::consts::ARCH.to_owned(),
        os: os_release(&read_to_string("/etc/os-release").unwrap_or_default()),
        cpu: Cpu {
            model: field(&cpuinfo, "model name"),
            online: online(&text("/sys/devices/system/cpu/online").unwrap_or_default()),
            allowed,
            cores: Topology::read(Path::new(processors::SYSFS)).cores(),
        },
        memory_kib: procfs::meminfo().unwrap_or_default().kib("MemTotal"),
        mitigations: files_of(Path::new("/sys/devices/system/cpu/vulnerabilities")),
        bpf_jit_enable: number("net.core.bpf_jit_enable"),
        bpf_jit_harden: number("net.core.bpf_jit_harden"),
        yama_ptrace_scope: number("kernel.yama.ptrace_scope"),
        seccomp: SeccompState {
            mode: status.number("Seccomp"),
            filters: status.number("Seccomp_filters"),
            no_new_privs: status.number("NoNewPrivs"),
            speculation_store_bypass: field(&status, "Speculation_Store_Bypass"),
        },
        clock_source: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        cgroup_limits: cgroup_limits(),
        virtualization: virtualization(&cpuinfo),
        randomize_va_space: number("kernel.randomize_va_space"),
        euid: process::effective_user(),
        cap_sys_admin: status.has_capability(CAP_SYS_ADMIN),
        seccomp_stop_order: None,
        call_source: None,
        btf: Some(has_btf()),
        bpf_stats_enabled: number("kernel.bpf_stats_enabled"),
        unprivileged_bpf_disabled: number("kernel.unprivileged_bpf_disabled"),
        lockdown: lockdown::level(),
        load_average: text("/proc/loadavg").and_then(|loads| loads.split(' ').next()?.parse().ok()),
        others_runnable: None,
    }
}

/// Whether the kernel's BTF can be read: it begins with `BTF_MAGIC` (uapi/linux/btf.h).
fn has_btf() -> bool {
    let mut magic = [0; 2];
    let read =
        File::open("/sys/kernel/btf/vmlinux").and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && u16::from_ne_bytes(magic) == 0xeb9f
}

/// The least of five readings, 10 ms apart: a thread that works all the time is in each.
fn others_runnable() -> Option<u32> {
    let readings = (0..5).map(|reading| {
        if reading > 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        runnable(&text("/proc/loadavg")?)
    });
    readings.min().flatten()
}

/// Threads of proc_loadavg(5) that run or wait for a CPU, but for the reader.
fn runnable(loads: &str) -> Option<u32> {
    let (runnable, _) = loads.split(' ').nth(3)?.split_once('/')?;
    Some(runnable.parse::<u32>().ok()?.saturating_sub(1))
}

/// The kernel's release, and whether it caches what filters allow: where CONFIG_SECCOMP_CACHE_DEBUG is set it shows what
/// is cached (`proc_pid_seccomp_cache`, `kernel/seccomp.c`), otherwise its version tells.
#[must_use]
pub fn kernel_and_cache() -> (String, Option<bool>) {
    let release = sysctl("kernel.osrelease").unwrap_or_default();
    let cache = if Path::new("/proc/self/seccomp_cache").exists() {
        Some(true)
    } else {
        seccomp_cache_by_version(&release)
    };
    (release, cache)
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(read_to_string(path).ok()?.trim().to_owned())
}

/// A setting of the kernel's that is a number.
fn number(name: &str) -> Option<i64> {
    sysctl(name)?.parse().ok()
}

/// A value that is not empty.
fn field(fields: &Fields, name: &str) -> Option<String> {
    let value = fields.get(name);
    value.filter(|value| !value.is_empty()).map(str::to_owned)
}

fn os_release(text: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}

/// How many processors a list of sysfs names.
fn online(list: &str) -> u32 {
    let cpus = cpu_list(list).unwrap_or_default();
    u32::try_from(cpus.len()).unwrap_or(u32::MAX)
}

fn files_of(directory: &Path) -> BTreeMap<String, String> {
    let entries = read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, text(entry.path())?)))
        .collect()
}

/// CPU and memory limits of the control group of version 2, and of its
/// ancestors, where they are set; of version 1 where there is none.
fn cgroup_limits() -> BTreeMap<String, String> {
    let own = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut limits = BTreeMap::new();
    if let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::")) {
        let mut group = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
        while group.starts_with("/sys/fs/cgroup") {
            for name in [
                "cpu.max",
                "cpu.weight",
                "memory.max",
                "pids.max",
                "cpuset.cpus.effective",
            ] {
                let set = text(group.join(name)).filter(|limit| !limit.starts_with("max"));
                if let Some(limit) = set {
                    limits.entry(name.to_owned()).or_insert(limit);
                }
            }
            if !group.pop() {
                break;
            }
        }
    }
    for (name, path) in [
        ("cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        (
            "memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ),
    ] {
        if let Some(limit) = text(path) {
            limits.insert(name.to_owned(), limit);
        }
    }
    limits
}

fn virtualization(cpuinfo: &Fields) -> Option<String> {
    let hypervisor = field(cpuinfo, "flags")
        .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let product = text("/sys/class/dmi/id/product_name").or_else(|| text("/sys/hypervisor/type"));
    hypervisor.then(|| product.unwrap_or_else(|| "a hypervisor (CPU flag)".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_formats() {
        assert_eq!(online("0-1"), 2);
        assert_eq!(online("0,2-3,8"), 4);
        assert_eq!(online(""), 0);
        assert_eq!(runnable("4.10 3.93 2.50 5/91 16718"), Some(4));
        assert_eq!(runnable("0.00 0.00 0.00 0/91 16718"), Some(0));
        assert_eq!(runnable("0.00"), None);
        let cpuinfo = Fields::from("model name\t: A CPU\nmicrocode\t:\n");
        assert_eq!(field(&cpuinfo, "model name").as_deref(), Some("A CPU"));
        assert_eq!(field(&cpuinfo, "microcode"), None);
        assert_eq!(
            os_release("NAME=x\nPRETTY_NAME=\"Debian 12\"\n").as_deref(),
            Some("Debian 12")
        );
    }

    #[test]
    fn this_machine_can_be_read() {
        let here = without_probe();
        assert!(!here.kernel_release.is_empty());
        assert!(here.cpu.online >= 1);
        assert!(!here.cpu.allowed.is_empty());
        assert!(here.seccomp.mode.is_some());
        assert!(here.memory_kib.is_some());
    }
}
