//! What a filter tells the kernel to do.

use std::fmt;

/// An action and its data: `SECCOMP_RET_*`, `include/uapi/linux/seccomp.h`; seccomp(2).
///
/// The order is that of precedence: of several filters, the action that stands first here wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Kill the process.
    KillProcess,
    /// Kill the thread.
    KillThread,
    /// Send SIGSYS; the data is its `si_errno`.
    Trap(u16),
    /// Fail with this errno.
    Errno(u16),
    /// Ask the listener in user space.
    UserNotif,
    /// Stop for the tracer, which reads the data with `PTRACE_GETEVENTMSG`; without one, fail with ENOSYS.
    Trace(u16),
    /// Log, then allow.
    Log,
    /// Allow.
    Allow,
}

impl Action {
    /// `SECCOMP_RET_ACTION_FULL`: the half of a returned value that is the action.
    pub const MASK: u32 = 0xffff_0000;

    /// The value a filter returns for it.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0x0000_0000,
            Self::Trap(data) => 0x0003_0000 | data as u32,
            Self::Errno(data) => 0x0005_0000 | data as u32,
            Self::UserNotif => 0x7fc0_0000,
            Self::Trace(data) => 0x7ff0_0000 | data as u32,
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }

    /// The action a returned value means, without data that the action does not use; `None` for an action no kernel
    /// knows, which kills the process (Linux 4.14; the thread before).
    #[must_use]
    pub const fn from_u32(value: u32) -> Option<Self> {
        let data = (value & !Self::MASK) as u16;
        Some(match value & Self::MASK {
            0x8000_0000 => Self::KillProcess,
            0x0000_0000 => Self::KillThread,
            0x0003_0000 => Self::Trap(data),
            0x0005_0000 => Self::Errno(data),
            0x7fc0_0000 => Self::UserNotif,
            0x7ff0_0000 => Self::Trace(data),
            0x7ffc_0000 => Self::Log,
            0x7fff_0000 => Self::Allow,
            _ => return None,
        })
    }

    /// What the kernel does for a returned value: as [`Action::from_u32`], an unknown action kills the process (Linux
    /// 4.14 and later), and an errno is at most `MAX_ERRNO` of `include/linux/err.h`.
    #[must_use]
    pub const fn effect(value: u32) -> Self {
        match Self::from_u32(value) {
            Some(Self::Errno(errno)) if errno > Self::MAX_ERRNO => Self::Errno(Self::MAX_ERRNO),
            Some(action) => action,
            None => Self::KillProcess,
        }
    }

    /// `MAX_ERRNO`, `include/linux/err.h`; the kernel caps what is above.
    pub const MAX_ERRNO: u16 = 4095;
}

/// As in C, without the prefix: `TRACE(0x5ec)`, `ALLOW`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, data) = match *self {
            Self::KillProcess => ("KILL_PROCESS", 0),
            Self::KillThread => ("KILL_THREAD", 0),
            Self::Trap(data) => ("TRAP", data),
            Self::Errno(errno) if errno != 0 => return write!(f, "ERRNO({errno})"),
            Self::Errno(_) => ("ERRNO", 0),
            Self::UserNotif => ("USER_NOTIF", 0),
            Self::Trace(data) => ("TRACE", data),
            Self::Log => ("LOG", 0),
            Self::Allow => ("ALLOW", 0),
        };
        if data == 0 {
            f.write_str(name)
        } else {
            write!(f, "{name}({data:#x})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn values_go_both_ways() {
        for action in [
            Action::KillProcess,
            Action::KillThread,
            Action::Trap(7),
            Action::Errno(38),
            Action::UserNotif,
            Action::Trace(0x5ec),
            Action::Log,
            Action::Allow,
        ] {
            assert_eq!(Action::from_u32(action.to_u32()), Some(action));
        }
        assert_eq!(Action::from_u32(0xff00_0000), None);
        assert_eq!(Action::from_u32(0x7fff_0001), Some(Action::Allow));
    }

    #[test]
    fn effects_are_those_of_the_kernel() {
        assert_eq!(Action::effect(0xff00_0000), Action::KillProcess);
        assert_eq!(Action::effect(0x0005_ffff), Action::Errno(4095));
        assert_eq!(Action::effect(0x0005_0fff), Action::Errno(4095));
        assert_eq!(Action::effect(0x7fff_0001), Action::Allow);
    }

    /// `ACTION_ONLY` of `kernel/seccomp.c`: the kernel compares actions as signed numbers.
    #[test]
    fn precedence_is_the_kernels() {
        let actions = [
            Action::KillProcess,
            Action::KillThread,
            Action::Trap(0),
            Action::Errno(0),
            Action::UserNotif,
            Action::Trace(0),
            Action::Log,
            Action::Allow,
        ];
        assert!(actions.is_sorted());
        assert!(actions.is_sorted_by_key(|action| action.to_u32().cast_signed()));
    }
}
