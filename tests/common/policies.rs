//! Filters as a container, or an older kernel, would have them.

use harness_sys::Errno;
use harness_sys::seccomp::{Insn, code};

/// Of `arch/x86/entry/syscalls/syscall_64.tbl`.
pub(crate) const PTRACE: u32 = 101;
pub(crate) const SECCOMP: u32 = 317;
pub(crate) const BPF: u32 = 321;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// Lets `number` of x86-64 fail with EPERM and allows the rest.
pub(crate) fn forbid(number: u32) -> [Insn; 4] {
    [
        Insn::statement(code::LD_ABS, 0), // nr
        Insn::jump(code::JEQ_K, number, 1, 0),
        Insn::statement(code::RET_K, ALLOW),
        Insn::statement(code::RET_K, ERRNO | Errno::EPERM as u32),
    ]
}

/// Answers `PTRACE_GET_SYSCALL_INFO` as kernels before 5.3 do, which do not know
/// the request.
pub(crate) fn before_5_3() -> [Insn; 8] {
    // uapi/linux/audit.h, uapi/linux/ptrace.h
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
    const PTRACE_GET_SYSCALL_INFO: u32 = 0x420e;
    [
        Insn::statement(code::LD_ABS, 4), // arch
        Insn::jump(code::JEQ_K, AUDIT_ARCH_X86_64, 0, 4),
        Insn::statement(code::LD_ABS, 0), // nr
        Insn::jump(code::JEQ_K, PTRACE, 0, 2),
        Insn::statement(code::LD_ABS, 16), // the low half of the first argument
        Insn::jump(code::JEQ_K, PTRACE_GET_SYSCALL_INFO, 1, 0),
        Insn::statement(code::RET_K, ALLOW),
        Insn::statement(code::RET_K, ERRNO | Errno::EIO as u32),
    ]
}
