//! Filters as a container, or an older kernel, would have them.

use harness_sys::Errno;
use harness_sys::seccomp::SockFilter;

/// Of `arch/x86/entry/syscalls/syscall_64.tbl`.
pub(crate) const PTRACE: u32 = 101;
pub(crate) const SECCOMP: u32 = 317;

const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

const fn insn(code: u16, jt: u8, jf: u8, k: u32) -> SockFilter {
    SockFilter { code, jt, jf, k }
}

/// Lets `number` of x86-64 fail with EPERM and allows the rest.
pub(crate) fn forbid(number: u32) -> [SockFilter; 4] {
    [
        insn(LOAD, 0, 0, 0), // nr
        insn(JUMP_IF_EQUAL, 1, 0, number),
        insn(RETURN, 0, 0, ALLOW),
        insn(RETURN, 0, 0, ERRNO | Errno::EPERM as u32),
    ]
}

/// Answers `PTRACE_GET_SYSCALL_INFO` as kernels before 5.3 do, which do not know
/// the request.
pub(crate) fn before_5_3() -> [SockFilter; 8] {
    // uapi/linux/audit.h, uapi/linux/ptrace.h
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
    const PTRACE_GET_SYSCALL_INFO: u32 = 0x420e;
    [
        insn(LOAD, 0, 0, 4), // arch
        insn(JUMP_IF_EQUAL, 0, 4, AUDIT_ARCH_X86_64),
        insn(LOAD, 0, 0, 0), // nr
        insn(JUMP_IF_EQUAL, 0, 2, PTRACE),
        insn(LOAD, 0, 0, 16), // the low half of the first argument
        insn(JUMP_IF_EQUAL, 1, 0, PTRACE_GET_SYSCALL_INFO),
        insn(RETURN, 0, 0, ALLOW),
        insn(RETURN, 0, 0, ERRNO | Errno::EIO as u32),
    ]
}
