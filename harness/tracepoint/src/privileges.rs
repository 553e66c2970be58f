//! What this process may do with eBPF, and who forbids the rest.

use harness_sys::{lockdown, procfs};
use std::fs;
use std::path::PathBuf;

/// `uapi/linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The capabilities of this process that eBPF asks for, and what stands between them and bpf(2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Privileges {
    /// CAP_BPF is in effect (Linux 5.8).
    pub bpf: bool,
    /// CAP_PERFMON is in effect (Linux 5.8).
    pub perfmon: bool,
    /// CAP_SYS_ADMIN is in effect, which stands for both.
    pub sys_admin: bool,
    /// They are those of a user namespace that is not the initial one, where bpf(2) does not ask for them.
    pub in_user_namespace: bool,
    /// A seccomp filter is installed.
    pub filtered: bool,
    /// `no_new_privs` is set: what executes from here on gains no capabilities of its file.
    pub no_new_privs: bool,
    /// The level of the kernel's lockdown; `None` where it has none.
    pub lockdown: Option<String>,
    /// The program of this process.
    pub binary: Option<PathBuf>,
}

impl Privileges {
    /// Those of this process.
    #[must_use]
    pub fn own() -> Self {
        let status = procfs::own_status().unwrap_or_default();
        Self {
            bpf: status.has_capability(CAP_BPF),
            perfmon: status.has_capability(CAP_PERFMON),
            sys_admin: status.has_capability(CAP_SYS_ADMIN),
            in_user_namespace: fs::read_to_string("/proc/self/uid_map")
                .is_ok_and(|map| !maps_all_users(&map)),
            filtered: status.number("Seccomp") == Some(2),
            no_new_privs: status.number("NoNewPrivs") == Some(1),
            lockdown: lockdown::level(),
            binary: std::env::current_exe().ok(),
        }
    }

    /// Whether they are enough to load programs, as far as capabilities decide it.
    #[must_use]
    pub fn suffice(&self) -> bool {
        !self.in_user_namespace && (self.sys_admin || self.bpf && self.perfmon)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.each()
            .filter_map(|(name, has)| has.then_some(name))
            .collect()
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, bool)> {
        [
            ("CAP_BPF", self.bpf),
            ("CAP_PERFMON", self.perfmon),
            ("CAP_SYS_ADMIN", self.sys_admin),
        ]
        .into_iter()
    }

    /// Whether the kernel's memory may not be read, by programs of eBPF either
    /// (`LOCKDOWN_BPF_READ_KERNEL`).
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.lockdown.as_deref() == Some("confidentiality")
    }

    /// Why bpf(2) says `EPERM`, and what helps.
    #[must_use]
    pub fn remedy(&self) -> String {
        if self.in_user_namespace {
            return "run the harness in the initial user namespace: bpf(2) takes the capabilities of no other"
                .to_owned();
        }
        if self.suffice() {
            let why = "this process has the capabilities, so ";
            return if self.filtered {
                format!(
                    "{why}its seccomp filter is the likely reason: use a seccomp profile that allows bpf(2)"
                )
            } else if self.is_confidential() {
                format!("{why}lockdown is the likely reason: {UNLOCK}")
            } else {
                format!("{why}a security module is the likely reason: its messages are in dmesg(1)")
            };
        }
        let missing = self.each().take(2).filter(|(_, has)| !has);
        let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
        let unheeded = if self.no_new_privs {
            ", outside of whatever set no_new_privs, under which they do not count"
        } else {
            ""
        };
        format!(
            "this process has no {}: run the harness as root, or give its binary the capabilities: {}{unheeded} \
             (before Linux 5.8: cap_sys_admin+ep); in a container use --cap-add BPF --cap-add PERFMON and a seccomp \
             profile that allows bpf(2)",
            missing.join(" and no "),
            self.setcap()
        )
    }

    /// The command by which root gives the binary what it needs.
    fn setcap(&self) -> String {
        let binary = self.binary.as_ref();
        let binary =
            binary.map_or_else(|| "FILE".to_owned(), |path| quoted(&path.to_string_lossy()));
        format!("setcap cap_bpf,cap_perfmon+ep {binary}")
    }
}

/// What makes the kernel's memory readable again.
pub(crate) const UNLOCK: &str = "boot with lockdown=integrity or lockdown=none (kernel_lockdown(7)), as in confidentiality mode no program \
     reads the kernel's memory";

/// Whether a map of user ids is that of the initial namespace: all of them, as they are
/// (user_namespaces(7)).
fn maps_all_users(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// A word as sh(1) takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told first is what must change first.
    #[test]
    fn each_reason_has_its_remedy() {
        let none = Privileges {
            binary: Some("/opt/my tools/harness".into()),
            ..Privileges::default()
        };
        let both = Privileges {
            bpf: true,
            perfmon: true,
            ..none.clone()
        };
        let has = |change: &dyn Fn(&mut Privileges), part: &str, mut from: Privileges| {
            change(&mut from);
            let remedy = from.remedy();
            assert!(remedy.contains(part), "{part}: {remedy}");
        };
        let setcap = "setcap cap_bpf,cap_perfmon+ep '/opt/my tools/harness'";
        has(&|_| (), setcap, none.clone());
        has(&|_| (), "no CAP_BPF and no CAP_PERFMON:", none.clone());
        has(&|p| p.bpf = true, "has no CAP_PERFMON:", none.clone());
        has(&|p| p.no_new_privs = true, "no_new_privs", none);
        has(
            &|p| p.in_user_namespace = true,
            "initial user namespace",
            both.clone(),
        );
        has(&|p| p.filtered = true, "seccomp profile", both.clone());
        let confidential = |p: &mut Privileges| p.lockdown = Some("confidentiality".to_owned());
        has(&confidential, "lockdown=integrity", both.clone());
        has(&|_| (), "security module", both.clone());
        assert!(both.suffice());
    }

    #[test]
    fn a_map_of_users_is_that_of_the_initial_namespace_or_not() {
        assert!(maps_all_users("         0          0 4294967295\n"));
        assert!(!maps_all_users("         0          0          1\n"));
        assert!(!maps_all_users(""));
    }
}
