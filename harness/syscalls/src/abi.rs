//! ABIs, the architectures that seccomp and ptrace report, and i386's multiplexers.

use std::fmt;

/// Set in the number of every x32 call: `__X32_SYSCALL_BIT`, `arch/x86/include/uapi/asm/unistd.h`.
pub const X32_SYSCALL_BIT: u32 = 0x4000_0000;

/// A convention for making system calls, with numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Abi {
    /// 64-bit x86, `syscall`.
    X86_64,
    /// 32-bit x86, `int 0x80` and `sysenter`; also from 64-bit processes.
    I386,
    /// 32-bit pointers on 64-bit x86: the architecture of `X86_64`, told apart by a bit of the number.
    X32,
    /// 64-bit ARM, `svc #0`.
    Aarch64,
    /// 32-bit ARM, EABI, `svc #0`; also on 64-bit ARM. Its private calls, from 0x0f0000 on (`__ARM_NR_BASE`,
    /// `arch/arm/include/uapi/asm/unistd.h`), have no name here.
    Arm,
}

impl Abi {
    /// Every ABI, in the order of [`Abi::index`].
    pub const ALL: [Self; 5] = [
        Self::X86_64,
        Self::I386,
        Self::X32,
        Self::Aarch64,
        Self::Arm,
    ];

    /// What a 64-bit program of this machine uses.
    pub const NATIVE: Self = match Arch::NATIVE {
        Arch::X86 => Self::X86_64,
        Arch::Aarch64 => Self::Aarch64,
    };

    /// The name in lower case, as the data files have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::X32 => "x32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
        }
    }

    /// `AUDIT_ARCH_*` of `include/uapi/linux/audit.h`: the field `arch` of `struct seccomp_data` and of
    /// `struct ptrace_syscall_info`.
    #[must_use]
    pub const fn audit_arch(self) -> u32 {
        match self {
            // EM_X86_64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE
            Self::X86_64 | Self::X32 => 0xc000_003e,
            // EM_386 | __AUDIT_ARCH_LE
            Self::I386 => 0x4000_0003,
            // EM_AARCH64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE
            Self::Aarch64 => 0xc000_00b7,
            // EM_ARM | __AUDIT_ARCH_LE
            Self::Arm => 0x4000_0028,
        }
    }

    /// The ABI of a call and its number in that ABI's table, from what the kernel reports; `None` for an
    /// architecture outside the tables.
    ///
    /// On x86-64 every number from [`X32_SYSCALL_BIT`] up counts as x32, −1 among them, as in strace's filters.
    #[must_use]
    pub const fn of(arch: u32, nr: u32) -> Option<(Self, u32)> {
        const X86_64: u32 = Abi::X86_64.audit_arch();
        const I386: u32 = Abi::I386.audit_arch();
        const AARCH64: u32 = Abi::Aarch64.audit_arch();
        const ARM: u32 = Abi::Arm.audit_arch();
        match arch {
            X86_64 if nr >= X32_SYSCALL_BIT => Some((Self::X32, nr & !X32_SYSCALL_BIT)),
            X86_64 => Some((Self::X86_64, nr)),
            I386 => Some((Self::I386, nr)),
            AARCH64 => Some((Self::Aarch64, nr)),
            ARM => Some((Self::Arm, nr)),
            _ => None,
        }
    }

    /// What the kernel reports for number `nr` of this ABI's table: the inverse of [`Abi::of`].
    #[must_use]
    pub const fn raw_number(self, nr: u32) -> u32 {
        match self {
            Self::X32 => nr | X32_SYSCALL_BIT,
            _ => nr,
        }
    }

    /// A small number for arrays indexed by ABI.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of an architecture that no table here is of, from its `AUDIT_ARCH_*` (`include/uapi/linux/audit.h`); `None`
/// where it is of an [`Abi`], or unknown.
#[must_use]
pub const fn architecture_name(arch: u32) -> Option<&'static str> {
    Some(match arch {
        0x0000_0002 => "sparc",
        0x0000_0004 => "m68k",
        0x0000_0008 => "mips",
        0x4000_0008 => "mipsel",
        0x8000_0008 => "mips64",
        0xc000_0008 => "mipsel64",
        0xa000_0008 => "mips64n32",
        0xe000_0008 => "mipsel64n32",
        0x0000_000f => "parisc",
        0x8000_000f => "parisc64",
        0x0000_0014 => "ppc",
        0x8000_0015 => "ppc64",
        0xc000_0015 => "ppc64le",
        0x0000_0016 => "s390",
        0x8000_0016 => "s390x",
        0x0000_0028 => "armeb",
        0x0000_002a => "sh",
        0x4000_002a => "shel",
        0x8000_002b => "sparc64",
        0x4000_00f3 => "riscv32",
        0xc000_00f3 => "riscv64",
        0x4000_0102 => "loongarch32",
        0xc000_0102 => "loongarch64",
        0xc000_9026 => "alpha",
        _ => return None,
    })
}

/// A machine, which runs programs of one or more ABIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86-64 with its compatibility ABIs.
    X86,
    /// 64-bit ARM. Filters compiled for it treat its 32-bit ABI as a foreign architecture.
    Aarch64,
}

impl Arch {
    /// The machine this was built for; x86 where it is neither.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else {
        Self::X86
    };

    /// The ABIs that filters compiled for it tell apart, in the order strace's filters test them.
    #[must_use]
    pub const fn abis(self) -> &'static [Abi] {
        match self {
            Self::X86 => &[Abi::X32, Abi::I386, Abi::X86_64],
            Self::Aarch64 => &[Abi::Aarch64],
        }
    }

    /// The ABIs of the programs that it runs, that of 64-bit programs last.
    #[must_use]
    pub const fn runs(self) -> &'static [Abi] {
        match self {
            Self::X86 => self.abis(),
            // With CONFIG_COMPAT.
            Self::Aarch64 => &[Abi::Arm, Abi::Aarch64],
        }
    }

    /// The ABI of its 64-bit programs.
    #[must_use]
    pub const fn native_abi(self) -> Abi {
        match self {
            Self::X86 => Abi::X86_64,
            Self::Aarch64 => Abi::Aarch64,
        }
    }
}

/// An i386 system call that stands for several others, told apart by its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Multiplexer {
    /// socketcall(2): `SYS_*` of `include/uapi/linux/net.h`.
    Socketcall,
    /// ipc(2): `SEMOP` and its like of `include/uapi/linux/ipc.h`.
    Ipc,
}

impl Multiplexer {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Socketcall, Self::Ipc];

    /// Its number in the i386 table.
    #[must_use]
    pub const fn nr(self) -> u32 {
        match self {
            Self::Socketcall => 102,
            Self::Ipc => 117,
        }
    }

    /// The multiplexer with this number in the i386 table.
    #[must_use]
    pub const fn of(nr: u32) -> Option<Self> {
        match nr {
            102 => Some(Self::Socketcall),
            117 => Some(Self::Ipc),
            _ => None,
        }
    }

    /// The bits of the first argument that say which call is meant: ipc(2) keeps a version in the upper half
    /// (`ipc/syscall.c`: `version = call >> 16`).
    #[must_use]
    pub const fn call_mask(self) -> u32 {
        match self {
            Self::Socketcall => u32::MAX,
            Self::Ipc => 0xffff,
        }
    }

    /// Which call the first argument of the multiplexer means.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an i386 argument has 32 bits"
    )]
    pub const fn call(self, argument: u64) -> u32 {
        argument as u32 & self.call_mask()
    }

    /// Where strace's i386 table keeps the calls as numbers of their own: call *n* at this plus *n*.
    pub(crate) const fn pseudo_base(self) -> u32 {
        match self {
            Self::Socketcall => 500,
            Self::Ipc => 521,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Abi, X32_SYSCALL_BIT, architecture_name};

    #[test]
    fn classification_inverts_the_raw_number() {
        for abi in Abi::ALL {
            for nr in [0, 1, 547, 0x3fff_ffff] {
                assert_eq!(
                    Abi::of(abi.audit_arch(), abi.raw_number(nr)),
                    Some((abi, nr))
                );
            }
        }
    }

    #[test]
    fn x86_64_numbers_from_the_x32_bit_up_are_x32_and_unknown_ones_stay_unknown() {
        let arch = Abi::X86_64.audit_arch();
        assert_eq!(Abi::of(arch, X32_SYSCALL_BIT), Some((Abi::X32, 0)));
        assert_eq!(
            Abi::of(arch, X32_SYSCALL_BIT - 1),
            Some((Abi::X86_64, X32_SYSCALL_BIT - 1))
        );
        assert_eq!(Abi::of(arch, u32::MAX), Some((Abi::X32, 0xbfff_ffff)));
        assert_eq!(Abi::of(0xc000_00f3, 1), None, "riscv64");
        assert_eq!(architecture_name(0xc000_00f3), Some("riscv64"));
        assert_eq!(architecture_name(1), None);
        for abi in Abi::ALL {
            assert_eq!(
                architecture_name(abi.audit_arch()),
                None,
                "{abi} has a table"
            );
        }
    }
}
