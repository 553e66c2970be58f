//! Which call a stop is of.
//!
//! Linux 5.3 and later say it (`PTRACE_GET_SYSCALL_INFO`). Before, a tracer reads
//! the registers, which do not tell an enter from an exit, nor the ABI of a call
//! by `int 0x80` in a 64-bit program: the first is known from the stop before,
//! the second from the instruction that made the call. Which of the two ways it
//! is the tracer finds out at its first stop at a call.

use crate::machine::Phase;
use crate::stop::Stop;
use crate::stopped::Stopped;
use crate::tracees::{InFlight, Tracee};
use harness_sys::Errno;
use harness_sys::ptrace::{Call, Registers, SyscallInfo};
use harness_syscalls::Abi;

/// Where a tracer reads the call of a stop from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// `PTRACE_GET_SYSCALL_INFO`.
    #[default]
    SyscallInfo,
    /// `PTRACE_GETREGS`.
    Registers,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SyscallInfo => "syscall-info",
            Self::Registers => "registers",
        })
    }
}

/// What the kernel leaves in the register of the result until a call has one.
const NO_RESULT: i64 = -(Errno::ENOSYS as i64);

/// Why nothing could be read: the request, and its error.
pub(crate) type Failed = (&'static str, Errno);

impl Source {
    /// What a tracee at a [`Stop::Syscall`] or [`Stop::Seccomp`] is doing; `None`
    /// if it is dying. Falls back to the registers where the kernel knows nothing
    /// better, for good.
    #[inline]
    pub(crate) fn read(
        &mut self,
        stopped: &Stopped,
        stop: Stop,
        tracee: &Tracee,
    ) -> Result<Option<SyscallInfo>, Failed> {
        if *self == Self::SyscallInfo {
            match stopped.syscall_info() {
                // The kernel's answer to a request that it does not know.
                Err(Errno::EIO) => *self = Self::Registers,
                result => return result.map_err(|errno| ("PTRACE_GET_SYSCALL_INFO", errno)),
            }
        }
        from_registers(stopped, stop, tracee)
    }
}

#[cold]
fn from_registers(
    stopped: &Stopped,
    stop: Stop,
    tracee: &Tracee,
) -> Result<Option<SyscallInfo>, Failed> {
    let registers = stopped.registers().map_err(|e| ("PTRACE_GETREGS", e))?;
    let Some(registers) = registers else {
        return Ok(None);
    };
    if stop == Stop::Syscall && !is_entry(&registers, tracee) {
        return Ok(Some(exit(&registers, tracee.call)));
    }
    let call = call(&registers, code(stopped, &registers));
    if stop == Stop::Syscall {
        return Ok(Some(SyscallInfo::Entry(call)));
    }
    let data = stopped.event_message();
    let data = data.map_err(|errno| ("PTRACE_GETEVENTMSG", errno))?;
    Ok(data.map(|data| SyscallInfo::Seccomp {
        call,
        // SECCOMP_RET_DATA has 16 bits.
        data: u32::try_from(data).unwrap_or(u32::MAX),
    }))
}

/// Whether a syscall stop is an enter, by the stop before it; and by the result
/// where that was wrong, as after a seccomp-stop in the vsyscall page, which has
/// no exit (`emulate_vsyscall` in `arch/x86/entry/vsyscall/vsyscall_64.c`).
fn is_entry(registers: &Registers, tracee: &Tracee) -> bool {
    if registers.result.cast_signed() != NO_RESULT {
        return false;
    }
    // A call may return what the kernel leaves there. rt_sigreturn(2) may too, as
    // it restores a result, and leaves no number.
    let number = low_half(registers.number);
    match (tracee.phase, tracee.call) {
        (Phase::InCall, Some(call)) => {
            number != u32::MAX && number != call.abi.raw_number(call.number)
        }
        (Phase::InCall, None) => false,
        (Phase::Outside | Phase::BeforeEnter, _) => true,
    }
}

fn exit(registers: &Registers, call: Option<InFlight>) -> SyscallInfo {
    const MAX_ERRNO: i64 = 4095; // include/linux/err.h
    let wide = registers.result.cast_signed();
    let result = match call {
        Some(call) if call.abi == Abi::I386 => i64::from(low_half(registers.result).cast_signed()),
        _ => wide,
    };
    SyscallInfo::Exit {
        result,
        is_error: (-MAX_ERRNO..0).contains(&result),
    }
}

/// The two bytes of the instruction that made a call; none where they cannot be
/// read, as in the vsyscall page.
fn code(stopped: &Stopped, registers: &Registers) -> Option<[u8; 2]> {
    let length = size_of::<[u8; 2]>() as u64;
    let address = registers.instruction.checked_sub(length)?;
    stopped.code(address)
}

/// The call that a tracee has entered.
fn call(registers: &Registers, code: Option<[u8; 2]>) -> Call {
    /// Of 32-bit programs: `__USER32_CS` in `arch/x86/include/asm/segment.h`.
    const USER32_CS: u64 = 0x23;
    /// `int 0x80`, the entry of the i386 ABI, in programs of any kind.
    const INT_80: [u8; 2] = [0xcd, 0x80];
    let (abi, arguments) = if registers.code_segment == USER32_CS || code == Some(INT_80) {
        let arguments = registers.arguments_32;
        let low = arguments.map(|argument| u64::from(low_half(argument)));
        (Abi::I386, low)
    } else {
        (Abi::X86_64, registers.arguments_64)
    };
    Call {
        arch: abi.audit_arch(),
        number: low_half(registers.number),
        arguments,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the kernel does the same")]
const fn low_half(register: u64) -> u32 {
    register as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: u32 = 0;
    const WRITE: u32 = 1;
    const RT_SIGRETURN: u32 = 15;
    const X32_GETPID: u32 = 0x4000_0027;
    const NO_RESULT: u64 = super::NO_RESULT.cast_unsigned();

    fn registers(number: u64, result: u64) -> Registers {
        Registers {
            number,
            result,
            instruction: 0x40_1002,
            code_segment: 0x33,
            arguments_64: [1, 2, 3, 4, 5, 1 << 40],
            arguments_32: [6, 7, 8, 9, 10, 0xffff_ffff_8000_0000],
        }
    }

    fn tracee(phase: Phase, call: Option<u32>) -> Tracee {
        let known = call.and_then(|number| Abi::of(Abi::X86_64.audit_arch(), number));
        Tracee {
            phase,
            call: known.map(|(abi, number)| InFlight {
                abi,
                number,
                new_task: false,
            }),
            unannounced: None,
        }
    }

    /// x86 enters a call with -ENOSYS as its result (`entry_SYSCALL_64`).
    #[test]
    fn an_enter_is_told_from_an_exit() {
        for (phase, call, number, result, entry) in [
            (Phase::Outside, None, 0, NO_RESULT, true),
            (Phase::Outside, Some(WRITE), 0, NO_RESULT, true),
            (Phase::BeforeEnter, Some(READ), 0, NO_RESULT, true),
            (Phase::InCall, Some(READ), 0, 5, false),
            // Two exits in a row: attached to in the middle of a call.
            (Phase::Outside, None, 0, 5, false),
            // Two enters in a row: the call before had no exit.
            (Phase::InCall, Some(READ), 1, NO_RESULT, true),
            // A call that fails with ENOSYS.
            (Phase::InCall, Some(READ), 0, NO_RESULT, false),
            (
                Phase::InCall,
                Some(X32_GETPID),
                0x4000_0027,
                NO_RESULT,
                false,
            ),
            (Phase::InCall, Some(u32::MAX), 0xffff_ffff, NO_RESULT, false),
            // A handler that ran while -ENOSYS was in the register returns.
            (
                Phase::InCall,
                Some(RT_SIGRETURN),
                u64::MAX,
                NO_RESULT,
                false,
            ),
            // A number that does not exist is one that can be entered.
            (Phase::Outside, None, u64::MAX, NO_RESULT, true),
        ] {
            let found = is_entry(&registers(number, result), &tracee(phase, call));
            assert_eq!(found, entry, "{phase:?} {call:?} {number} {result:#x}");
        }
    }

    #[test]
    fn the_abi_is_that_of_the_instruction() {
        let native = registers(0x4000_0027, NO_RESULT);
        let syscall = call(&native, Some([0x0f, 0x05]));
        assert_eq!(syscall.arch, Abi::X86_64.audit_arch());
        assert_eq!(syscall.number, 0x4000_0027, "getpid, x32 by its bit");
        assert_eq!(syscall.arguments, native.arguments_64);
        assert_eq!(call(&native, None), syscall, "the vsyscall page");
        let int_80 = call(&native, Some([0xcd, 0x80]));
        assert_eq!(int_80.arch, Abi::I386.audit_arch());
        assert_eq!(int_80.arguments, [6, 7, 8, 9, 10, 0x8000_0000]);
        let sysenter = Registers {
            code_segment: 0x23,
            ..native
        };
        assert_eq!(call(&sysenter, Some([0x5d, 0x5a])), int_80);
    }

    #[test]
    fn a_result_has_the_width_of_its_abi() {
        let of = |abi, result| {
            let call = InFlight {
                abi,
                number: READ,
                new_task: false,
            };
            exit(&registers(0, result), Some(call))
        };
        let exit = |result, is_error| SyscallInfo::Exit { result, is_error };
        assert_eq!(of(Abi::X86_64, 0xffff_fffe), exit(0xffff_fffe, false));
        assert_eq!(of(Abi::I386, 0xffff_fffe), exit(-2, true));
        assert_eq!(
            of(Abi::X86_64, (-4095_i64).cast_unsigned()),
            exit(-4095, true)
        );
        assert_eq!(
            of(Abi::X86_64, (-4096_i64).cast_unsigned()),
            exit(-4096, false)
        );
    }
}
