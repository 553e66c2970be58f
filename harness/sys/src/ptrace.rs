//! ptrace(2), a request a function. They work only from the thread that
//! attached. `ESRCH` can mean that the tracee died a moment ago, at any request.

use crate::{Errno, Tid};
use std::ffi::c_void;

/// Options of a seized tracee; inherited by the children it is traced into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options(u32);

impl Options {
    /// A tracee to look at and leave: nothing changes for it.
    pub const NONE: Self = Self(0);

    /// What every tracer of a tree sets: children of all kinds are traced, syscall
    /// stops and exec are told from SIGTRAP, and tracees die with the tracer.
    pub const WHOLE_TREE: Self = Self(
        (libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_EXITKILL)
            .cast_unsigned(),
    );

    /// For a process that was there before its tracer: the same, but it outlives
    /// the tracer. Without `PTRACE_O_EXITKILL` the kernel detaches all tracees of
    /// a tracer that ends, however it ends (ptrace(2); `exit_ptrace` in
    /// `kernel/ptrace.c`).
    pub const ATTACHED: Self = Self(Self::WHOLE_TREE.0 & !libc::PTRACE_O_EXITKILL.cast_unsigned());

    /// The same, with a seccomp-stop for each `SECCOMP_RET_TRACE`.
    #[must_use]
    pub const fn with_seccomp_stops(self) -> Self {
        Self(self.0 | libc::PTRACE_O_TRACESECCOMP.cast_unsigned())
    }
}

/// Attaches without stopping the tracee (`PTRACE_SEIZE`, Linux 3.4).
///
/// # Errors
/// `EPERM` where tracing is forbidden (Yama, a container's filter, another
/// tracer); `ESRCH` where there is no such thread.
pub fn seize(tid: Tid, options: Options) -> Result<(), Errno> {
    request(libc::PTRACE_SEIZE, tid, 0, ptr(options.0 as usize)).map(drop)
}

/// Restarts a stopped tracee, injecting `signal` unless it is 0.
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
#[inline]
pub fn cont(tid: Tid, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_CONT, tid, 0, signal_ptr(signal)).map(drop)
}

/// Restarts a stopped tracee until its next syscall-enter- or -exit-stop,
/// injecting `signal` unless it is 0.
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
#[inline]
pub fn syscall(tid: Tid, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_SYSCALL, tid, 0, signal_ptr(signal)).map(drop)
}

/// Leaves a tracee in its group-stop, listening for SIGCONT.
///
/// # Errors
/// `ESRCH`: not stopped, or gone; `EIO`: not in a group-stop.
pub fn listen(tid: Tid) -> Result<(), Errno> {
    request(libc::PTRACE_LISTEN, tid, 0, ptr(0)).map(drop)
}

/// Stops a running seized tracee with an event stop.
///
/// # Errors
/// `ESRCH`: gone, or not ours.
pub fn interrupt(tid: Tid) -> Result<(), Errno> {
    request(libc::PTRACE_INTERRUPT, tid, 0, ptr(0)).map(drop)
}

/// Lets a stopped tracee go on untraced, injecting `signal` unless it is 0; one
/// in a group-stop stays in it.
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
pub fn detach(tid: Tid, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_DETACH, tid, 0, signal_ptr(signal)).map(drop)
}

/// The message of the last event stop: the new thread's id after fork, vfork
/// and clone, the former id of the thread after exec.
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
pub fn event_message(tid: Tid) -> Result<u64, Errno> {
    let mut message: libc::c_ulong = 0;
    request(libc::PTRACE_GETEVENTMSG, tid, 0, (&raw mut message).cast())?;
    Ok(message)
}

/// What a tracee in a syscall-enter-, syscall-exit- or seccomp-stop is doing
/// (`struct ptrace_syscall_info` of `uapi/linux/ptrace.h`, Linux 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyscallInfo {
    /// At a syscall-enter-stop.
    Entry(Call),
    /// At a syscall-exit-stop.
    Exit {
        /// The result; a negated errno where `is_error`.
        result: i64,
        /// Whether the result is an error.
        is_error: bool,
    },
    /// At a seccomp-stop.
    Seccomp {
        /// The call.
        call: Call,
        /// `SECCOMP_RET_DATA` of the filter that asked for the stop.
        data: u32,
    },
}

/// A system call as its caller made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// `AUDIT_ARCH_*` of the entry that was used.
    pub arch: u32,
    /// Number; the kernel looks at 32 bits of the register.
    pub number: u32,
    /// Arguments.
    pub arguments: [u64; 6],
}

/// Reads number and arguments, or the result, of the call a tracee is stopped at;
/// `None` where it is at another stop.
///
/// # Errors
/// `ESRCH`: not stopped, or gone; `EIO` before Linux 5.3, where [`registers`] has
/// to do.
#[inline]
pub fn syscall_info(tid: Tid) -> Result<Option<SyscallInfo>, Errno> {
    let mut info = std::mem::MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of::<libc::ptrace_syscall_info>();
    request(
        libc::PTRACE_GET_SYSCALL_INFO,
        tid,
        size,
        info.as_mut_ptr().cast(),
    )?;
    // SAFETY: all-zero bytes are a valid value of this plain C struct, and the
    // kernel wrote no more than its size.
    let info = unsafe { info.assume_init() };
    Ok(Some(match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says which member of the union the kernel wrote.
            let entry = unsafe { info.u.entry };
            SyscallInfo::Entry(Call {
                arch: info.arch,
                number: low_half(entry.nr),
                arguments: entry.args,
            })
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: `op` says which member of the union the kernel wrote.
            let exit = unsafe { info.u.exit };
            SyscallInfo::Exit {
                result: exit.sval,
                is_error: exit.is_error != 0,
            }
        }
        libc::PTRACE_SYSCALL_INFO_SECCOMP => {
            // SAFETY: `op` says which member of the union the kernel wrote.
            let seccomp = unsafe { info.u.seccomp };
            SyscallInfo::Seccomp {
                call: Call {
                    arch: info.arch,
                    number: low_half(seccomp.nr),
                    arguments: seccomp.args,
                },
                data: seccomp.ret_data,
            }
        }
        _ => return Ok(None),
    }))
}

/// What the registers of a stopped tracee tell of its call, x86-64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// The number of the call, `orig_rax`; -1 in none.
    pub number: u64,
    /// Its result, `rax`; -ENOSYS where it has none yet.
    pub result: u64,
    /// Address behind the instruction that made the call, `rip`.
    pub instruction: u64,
    /// Which code is executed, 32-bit or 64-bit, `cs`.
    pub code_segment: u64,
    /// Arguments of a call of the x86-64 or x32 ABI.
    pub arguments_64: [u64; 6],
    /// Arguments of a call of the i386 ABI, in their low halves.
    pub arguments_32: [u64; 6],
}

/// Reads the registers of a stopped tracee (`PTRACE_GETREGS`).
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
pub fn registers(tid: Tid) -> Result<Registers, Errno> {
    let user = user_registers(tid)?;
    Ok(Registers {
        number: user.orig_rax,
        result: user.rax,
        instruction: user.rip,
        code_segment: user.cs,
        // syscall(2), "Architecture calling conventions".
        arguments_64: [user.rdi, user.rsi, user.rdx, user.r10, user.r8, user.r9],
        arguments_32: [user.rbx, user.rcx, user.rdx, user.rsi, user.rdi, user.rbp],
    })
}

/// Reads eight bytes of the memory of a stopped tracee (`PTRACE_PEEKDATA`).
///
/// process_vm_readv(2) would do the same, but up to Linux 5.6 it sleeps while a
/// thread of the tracee executes (`mm_access` in `kernel/fork.c` took
/// `cred_guard_mutex`), and that thread waits until the tracer has seen the other
/// threads end.
///
/// # Errors
/// `EIO` where it has no memory at this address; `ESRCH`: not stopped, or gone.
pub fn peek(tid: Tid, address: u64) -> Result<[u8; 8], Errno> {
    let address = usize::try_from(address).map_err(|_| Errno::EIO)?;
    let mut word = [0; 8];
    let to = word.as_mut_ptr();
    // SAFETY: the kernel writes a word, which `word` has room for; glibc's
    // ptrace(3) would return it, and could not tell -1 from an error.
    let result =
        unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_PEEKDATA, tid.0, address, to) };
    Errno::result(result)?;
    Ok(word)
}

/// The child whose end the SIGCHLD of a signal-delivery-stop tells of
/// (sigaction(2), `CLD_EXITED`, `CLD_KILLED`, `CLD_DUMPED`); `None` for any
/// other signal or sender.
///
/// # Errors
/// `ESRCH`: not stopped, or gone; `EINVAL`: the stop has no signal.
pub fn ended_child(tid: Tid) -> Result<Option<Tid>, Errno> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    request(libc::PTRACE_GETSIGINFO, tid, 0, info.as_mut_ptr().cast())?;
    // SAFETY: all-zero bytes are a valid value of this plain C struct, and the
    // kernel filled it.
    let info = unsafe { info.assume_init() };
    let ended = matches!(
        info.si_code,
        libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED
    );
    if info.si_signo != libc::SIGCHLD || !ended {
        return Ok(None);
    }
    // SAFETY: a SIGCHLD of the kernel has the member `si_pid`.
    Ok(Some(Tid(unsafe { info.si_pid() })))
}

/// Makes a tracee in a seccomp-stop skip its call and see `errno` instead, as
/// the kernel does for `SECCOMP_RET_TRACE` without a tracer (`__seccomp_filter`
/// in `kernel/seccomp.c`).
///
/// # Errors
/// `ESRCH`: not stopped, or gone.
pub fn skip_call(tid: Tid, errno: Errno) -> Result<(), Errno> {
    let mut registers = user_registers(tid)?;
    registers.orig_rax = u64::MAX;
    registers.rax = i64::from(-(errno as i32)).cast_unsigned();
    request(libc::PTRACE_SETREGS, tid, 0, (&raw mut registers).cast()).map(drop)
}

fn user_registers(tid: Tid) -> Result<libc::user_regs_struct, Errno> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
    request(libc::PTRACE_GETREGS, tid, 0, registers.as_mut_ptr().cast())?;
    // SAFETY: all-zero bytes are a valid value of this plain C struct, and the
    // kernel filled it.
    Ok(unsafe { registers.assume_init() })
}

#[inline]
fn request(
    request: libc::c_uint,
    tid: Tid,
    address: usize,
    data: *mut c_void,
) -> Result<libc::c_long, Errno> {
    // SAFETY: every caller in this file passes, for the request it names, null,
    // an integer, or a pointer to a live object at least as large as the kernel
    // writes or reads.
    let result = unsafe { libc::ptrace(request, tid.0, ptr(address), data) };
    Errno::result(result)
}

#[expect(clippy::cast_possible_truncation, reason = "the kernel does the same")]
const fn low_half(register: u64) -> u32 {
    register as u32
}

fn ptr(value: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(value)
}

fn signal_ptr(signal: i32) -> *mut c_void {
    ptr(usize::try_from(signal).unwrap_or(0))
}
