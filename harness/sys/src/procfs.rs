//! What proc(5) tells of processes and threads.
//!
//! Each function reads one file, once and whole. What a kernel does not write there, or not as its manual page has
//! it, is `None` and no error: fields came with versions of the kernel, and sandboxes write a /proc of their own.

use crate::Tid;
use std::fs::{read_dir, read_to_string};
use std::io;
use std::str::FromStr;

/// Lines `NAME: VALUE` with blanks around the colon, as in proc_pid_status(5), proc_pid_io(5), proc_cpuinfo(5) and
/// proc_meminfo(5). The default has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(String);

impl<T: Into<String>> From<T> for Fields {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// The status of a process or, by its own id, of a thread (proc_pid_status(5)).
///
/// # Errors
/// `ENOENT`, `ESRCH`: it is gone, or hidden from this user (`hidepid` of proc(5)); else what open(2) fails with.
pub fn status(tid: Tid) -> io::Result<Fields> {
    fields(&format!("/proc/{tid}/status"))
}

/// The status of a thread of a process, and of no other that has its id meanwhile.
///
/// # Errors
/// As [`status`].
pub fn task_status(process: Tid, tid: Tid) -> io::Result<Fields> {
    fields(&format!("/proc/{process}/task/{tid}/status"))
}

/// The status of this process's first thread.
///
/// # Errors
/// What open(2) fails with, where /proc is not that of this process's namespace too.
pub fn own_status() -> io::Result<Fields> {
    fields("/proc/self/status")
}

/// The status of the calling thread (Linux 3.17).
///
/// # Errors
/// As [`own_status`].
pub fn own_thread_status() -> io::Result<Fields> {
    fields("/proc/thread-self/status")
}

/// What a process and the children it has waited for read and wrote (proc_pid_io(5)).
///
/// # Errors
/// As [`status`]; `EACCES` where this user may not trace it; `ENOENT` without CONFIG_TASK_IO_ACCOUNTING.
pub fn io(process: Tid) -> io::Result<Fields> {
    fields(&format!("/proc/{process}/io"))
}

fn fields(path: &str) -> io::Result<Fields> {
    read_to_string(path).map(Fields)
}

impl Fields {
    /// The value of the first line with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim())
        })
    }

    /// A value that is a number.
    #[must_use]
    pub fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.get(name)?.parse().ok()
    }

    /// A value that is a size, KiB.
    #[must_use]
    pub fn kib(&self, name: &str) -> Option<u64> {
        self.get(name)?.strip_suffix("kB")?.trim().parse().ok()
    }

    /// A value that is a set, its first member in the lowest bit.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.get(name)?, 16).ok()
    }

    /// Whether it has a capability in effect, by its number in `uapi/linux/capability.h`.
    #[must_use]
    pub fn has_capability(&self, number: u32) -> bool {
        let effective = self.set("CapEff");
        effective.is_some_and(|set| set & 1 << number != 0)
    }

    /// Whether it has ended, though its parent may not have seen it yet.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.get("State").is_some_and(has_ended)
    }

    /// The process of the thread.
    #[must_use]
    pub fn process(&self) -> Option<Tid> {
        self.number("Tgid").map(Tid)
    }

    /// Who traces the thread; `None` where nobody does that has a number in this PID namespace.
    #[must_use]
    pub fn tracer(&self) -> Option<Tid> {
        let tracer = self.number("TracerPid").map(Tid);
        tracer.filter(|&tracer| tracer != Tid(0))
    }
}

/// The fields of proc_pid_stat(5), by the numbers that the manual page gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat(String);

impl<T: Into<String>> From<T> for Stat {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// The state and the counters of a process, or of a thread by its own id (proc_pid_stat(5)).
///
/// # Errors
/// As [`status`].
pub fn stat(tid: Tid) -> io::Result<Stat> {
    read_to_string(format!("/proc/{tid}/stat")).map(Stat)
}

impl Stat {
    /// A field behind the second, the name of the command, which may hold parentheses and blanks.
    fn get(&self, field: usize) -> Option<&str> {
        let (_, fields) = self.0.rsplit_once(')')?;
        fields.split_whitespace().nth(field.checked_sub(3)?)
    }

    /// A field that is a number; the first of them is the fourth.
    #[must_use]
    pub fn number<N: FromStr>(&self, field: usize) -> Option<N> {
        self.get(field)?.parse().ok()
    }

    /// `R`, `S`, `Z` …
    #[must_use]
    pub fn state(&self) -> Option<char> {
        self.get(3)?.chars().next()
    }

    /// Whether it has ended, though its parent may not have seen it yet.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.get(3).is_some_and(has_ended)
    }

    /// Its parent.
    #[must_use]
    pub fn parent(&self) -> Option<Tid> {
        self.number(4).map(Tid)
    }

    /// Its process group.
    #[must_use]
    pub fn group(&self) -> Option<Tid> {
        self.number(5).map(Tid)
    }

    /// When it started, ticks since boot.
    #[must_use]
    pub fn start_time(&self) -> Option<u64> {
        self.number(22)
    }
}

fn has_ended(state: &str) -> bool {
    state.starts_with(['Z', 'X'])
}

/// The processes there are, zombies included. One that starts or ends meanwhile may be missing.
pub fn processes() -> impl Iterator<Item = Tid> {
    numbered("/proc")
}

/// The threads of a process, those that have ended included until they are gone. A list is cut short by a thread that
/// ends while it is read (`next_tid` in `fs/proc/base.c`), and empty where the process is gone.
#[must_use]
pub fn threads(process: Tid) -> Vec<Tid> {
    numbered(&format!("/proc/{process}/task")).collect()
}

fn numbered(directory: &str) -> impl Iterator<Item = Tid> + use<> {
    let entries = read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Tid))
}

/// A setting of the kernel's by its name in sysctl(8), as `kernel.yama.ptrace_scope`, without blanks around it
/// (proc_sys(5)).
#[must_use]
pub fn sysctl(name: &str) -> Option<String> {
    let text = read_to_string(format!("/proc/sys/{}", name.replace('.', "/")));
    Some(text.ok()?.trim().to_owned())
}

/// The processors (proc_cpuinfo(5)): fields of the first.
///
/// # Errors
/// What open(2) fails with.
pub fn cpuinfo() -> io::Result<Fields> {
    fields("/proc/cpuinfo")
}

/// The memory of the machine (proc_meminfo(5)).
///
/// # Errors
/// What open(2) fails with.
pub fn meminfo() -> io::Result<Fields> {
    fields("/proc/meminfo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_the_last_parenthesis() {
        let stat = Stat::from("7 (a) S (b c) R 3 9\n");
        assert_eq!(stat.state(), Some('R'));
        assert_eq!((stat.parent(), stat.group()), (Some(Tid(3)), Some(Tid(9))));
        assert_eq!(stat.start_time(), None);
        assert!(!stat.has_ended() && Stat::from("7 (R) Z 1").has_ended());
        for text in ["", "7 (a", "7 (a)"] {
            assert_eq!(Stat::from(text).state(), None, "{text}");
        }
    }

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let fields = Fields::from(
            "nonvoluntary:\t2\nvoluntary:\t7\nmodel name\t: A: B\nempty:\nVmHWM:\t   12 kB\nset:\t0000000000010001\n",
        );
        assert_eq!(fields.number("voluntary"), Some(7));
        assert_eq!(fields.get("model name"), Some("A: B"));
        assert_eq!(fields.get("empty"), Some(""));
        assert_eq!(fields.get("model"), None);
        assert_eq!(fields.kib("VmHWM"), Some(12));
        assert_eq!(fields.kib("voluntary"), None);
        assert_eq!(fields.set("set"), Some(0x10001));
        assert_eq!(fields.number::<u32>("empty"), None);
    }

    #[test]
    fn a_status_tells_of_its_thread() {
        let status = |text| Fields::from(format!("Name:\tx\n{text}\n"));
        assert_eq!(status("TracerPid:\t0").tracer(), None);
        assert_eq!(status("TracerPid:\t7").tracer(), Some(Tid(7)));
        assert_eq!(status("Tgid:\t7").process(), Some(Tid(7)));
        assert!(status("State:\tZ (zombie)").has_ended());
        assert!(!status("State:\tS (sleeping)").has_ended() && !status("").has_ended());
        assert!(status("CapEff:\t000001ffffffffff").has_capability(21));
        assert!(!status("CapEff:\t0000000000000000").has_capability(21));
        assert!(!status("").has_capability(21));
    }

    /// What the kernel that runs this test writes is understood.
    #[test]
    fn this_process_is_found() {
        let own = crate::process::own();
        let (status, stat) = (own_status().unwrap(), stat(own).unwrap());
        assert_eq!(status.process(), Some(own));
        assert_eq!(stat.parent(), Some(crate::process::parent()));
        assert!(stat.start_time().is_some() && !stat.has_ended() && !status.has_ended());
        assert!(status.kib("VmHWM").is_some() && status.set("CapEff").is_some());
        assert!(processes().any(|process| process == own));
        let this = own_thread_status().unwrap().number("Pid").map(Tid).unwrap();
        assert!(threads(own).contains(&this));
        assert_eq!(task_status(own, this).unwrap().process(), Some(own));
        assert!(sysctl("kernel.osrelease").is_some_and(|release| !release.ends_with('\n')));
    }
}
