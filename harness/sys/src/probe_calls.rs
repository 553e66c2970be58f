//! What proves and times filters on the live kernel: a child that may give up every call it could end
//! or report with, and calls that are harmless whatever their number.
//!
//! A filter cannot be removed, and one that lets everything fail leaves no way to write or to exit.
//! So a filter under test is installed in a child ([`in_child`]), which leaves its results in
//! shared memory and is killed.

use std::arch::asm;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, ptr, thread};

use crate::seccomp::{self, Insn, code};
use crate::shared_words::SharedWords;
use crate::{Errno, Tid, process, spawn};

/// Why a child brought no results.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// There was no memory, or no process.
    #[error("cannot start a child: {0}")]
    Start(#[from] io::Error),
    /// The work returned an error.
    #[error("in the child: {0}")]
    Work(Errno),
    /// The work panicked.
    #[error("the child panicked")]
    Panicked,
    /// Something ended the child.
    #[error("the child ended by itself, wait status {0:#x}")]
    Ended(i32),
}

impl ChildError {
    /// The signal that ended the child, if one did (wait(2), `WTERMSIG`).
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Ended(status) => Some(status & 0x7f).filter(|&signal| signal != 0),
            _ => None,
        }
    }
}

const DONE: u64 = 1;
const PANICKED: u64 = 2;
/// Added to the number of an error.
const FAILED: u64 = 1 << 32;

/// Runs `work` in a forked child and hands back the words that it wrote; they begin as 0. The child is
/// killed as soon as `work` returns, so that no call is needed to end it.
///
/// `work` must not allocate or lock if this process has other threads (fork(2)).
///
/// # Errors
/// See [`ChildError`].
pub fn in_child(
    words: usize,
    work: impl FnOnce(&[AtomicU64]) -> Result<(), Errno>,
) -> Result<Vec<u64>, ChildError> {
    let shared = SharedWords::new(words + 1)?;
    let (state, results) = (&shared.words()[0], &shared.words()[1..]);
    let parent = process::own();
    let Some(pid) = spawn::fork()? else {
        let result = catch_unwind(AssertUnwindSafe(|| {
            process::die_with_parent()?;
            if process::parent() != parent {
                crate::calls::exit_group(0);
            }
            work(results)
        }));
        let end = match result {
            Ok(Ok(())) => DONE,
            Ok(Err(errno)) => FAILED + u64::from((errno as i32).unsigned_abs()),
            Err(_) => PANICKED,
        };
        state.store(end, Ordering::Release);
        loop {
            std::hint::spin_loop();
        }
    };
    let mut pause = Duration::from_micros(50);
    let end = loop {
        let end = state.load(Ordering::Acquire);
        if end != 0 {
            kill_and_reap(Tid(pid))?;
            break end;
        }
        if let Some(status) = ended(Tid(pid))? {
            return Err(ChildError::Ended(status));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    };
    match end {
        DONE => Ok(results
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect()),
        PANICKED => Err(ChildError::Panicked),
        failed => Err(ChildError::Work(Errno::from_raw(
            i32::try_from(failed - FAILED).unwrap_or_default(),
        ))),
    }
}

fn kill_and_reap(child: Tid) -> io::Result<()> {
    process::kill(child)?;
    crate::wait::one(child)?;
    Ok(())
}

/// The status of a child that has ended.
fn ended(child: Tid) -> io::Result<Option<i32>> {
    let mut status = 0;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let pid = unsafe { libc::wait4(child.0, &raw mut status, libc::WNOHANG, ptr::null_mut()) };
    Ok((Errno::result(pid)? != 0).then_some(status))
}

/// Where a call enters the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The instruction `syscall`: numbers of x86_64 and of x32.
    Syscall,
    /// `int 0x80`: numbers of i386. A kernel without `CONFIG_IA32_EMULATION`, or booted with
    /// `ia32_emulation=0`, answers with SIGSEGV.
    Int80,
}

/// A filter of this thread that lets every call fail: what makes it harmless to make them all.
///
/// Of several filters the one with the strictest action decides, and where actions are the same, the one
/// installed last decides on the data (seccomp(2)). So under this guard a filter under test that fails a
/// call does so with its own error, and what it allows, logs or traces fails with [`Guard::ERRNO`].
#[derive(Debug)]
pub struct Guard {
    /// A filter belongs to a thread.
    not_send: PhantomData<*const ()>,
}

impl Guard {
    /// What a call fails with that no later filter fails: the highest error there is (`MAX_ERRNO`,
    /// include/linux/err.h), which no call uses.
    pub const ERRNO: i32 = 4095;

    /// Gives up privileges and, for good, every call of this thread but seccomp(2) with
    /// `SECCOMP_SET_MODE_FILTER`.
    ///
    /// # Errors
    /// See [`seccomp::install`].
    pub fn install() -> Result<Self, Errno> {
        const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
        const NUMBER: u32 = 0;
        const ARCH: u32 = 4;
        const FIRST_ARGUMENT: u32 = 16;
        let load = |offset| Insn::statement(code::LD_ABS, offset);
        let unless = |k, jf| Insn::jump(code::JEQ_K, k, 0, jf);
        let ret = |k| Insn::statement(code::RET_K, k);
        seccomp::set_no_new_privs()?;
        seccomp::install(&[
            load(ARCH),
            unless(AUDIT_ARCH_X86_64, 5),
            load(NUMBER),
            unless(SECCOMP, 3),
            load(FIRST_ARGUMENT),
            unless(libc::SECCOMP_SET_MODE_FILTER, 1),
            ret(libc::SECCOMP_RET_ALLOW),
            ret(libc::SECCOMP_RET_ERRNO | Self::ERRNO.unsigned_abs()),
        ])?;
        Ok(Self {
            not_send: PhantomData,
        })
    }

    /// Installs a filter under test.
    ///
    /// # Errors
    /// See [`seccomp::install`].
    pub fn test(&self, program: &[Insn]) -> Result<(), Errno> {
        seccomp::install(program)
    }

    /// Makes a call of any number, with a first argument and zeros; the negated error that it failed with.
    /// `None` for calls that would not be harmless: `SECCOMP_SET_MODE_FILTER`, and uretprobe and uprobe
    /// of x86_64, which pass filters by (Linux 6.14 and 6.16, `__secure_computing` in kernel/seccomp.c).
    #[must_use]
    pub fn call(&self, entry: Entry, number: u32, first_argument: u32) -> Option<i64> {
        const URETPROBE: u32 = 335;
        const UPROBE: u32 = 336;
        match (entry, number) {
            (Entry::Syscall, URETPROBE | UPROBE) => None,
            (Entry::Syscall, SECCOMP) if first_argument == libc::SECCOMP_SET_MODE_FILTER => None,
            (Entry::Syscall, _) => Some(syscall(number, first_argument)),
            (Entry::Int80, _) => Some(int80(number, first_argument).into()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "317")]
const SECCOMP: u32 = libc::SYS_seccomp as u32;

/// A call through the instruction `syscall`. Only for calls that a [`Guard`] fails.
fn syscall(number: u32, first_argument: u32) -> i64 {
    let result: i64;
    // SAFETY: the caller's guard lets the call fail before it does anything.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") u64::from(number) => result,
            in("rdi") u64::from(first_argument),
            in("rsi") 0,
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r9") 0,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// A call through `int 0x80`. Only for calls that a [`Guard`] fails.
fn int80(number: u32, first_argument: u32) -> i32 {
    let result: i32;
    // SAFETY: as above. RBX and RBP, which hold the first and the last argument, are the compiler's own
    // and are restored; a 64-bit caller may lose r8 to r11 (before Linux 4.17).
    unsafe {
        asm!(
            "mov r12, rbx",
            "mov r13, rbp",
            "mov ebx, {first:e}",
            "xor ebp, ebp",
            "int 0x80",
            "mov rbp, r13",
            "mov rbx, r12",
            first = in(reg) first_argument,
            inlateout("eax") number => result,
            in("ecx") 0,
            in("edx") 0,
            in("esi") 0,
            in("edi") 0,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("r13") _,
            options(nostack),
        );
    }
    result
}

/// Calls that do as good as nothing when all their arguments are −1, to be timed under a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// getppid(2): succeeds.
    Getppid,
    /// close(2): `EBADF`.
    Close,
    /// ptrace(2): `ESRCH`.
    Ptrace,
    /// semctl(2): `EINVAL`.
    Semctl,
    /// fstat(2): `EBADF`.
    Fstat,
    /// lstat(2): `EFAULT`.
    Lstat,
}

impl Idle {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 6] = [
        Self::Getppid,
        Self::Close,
        Self::Semctl,
        Self::Fstat,
        Self::Ptrace,
        Self::Lstat,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Getppid => "getppid",
            Self::Close => "close",
            Self::Ptrace => "ptrace",
            Self::Semctl => "semctl",
            Self::Fstat => "fstat",
            Self::Lstat => "lstat",
        }
    }

    /// Makes the call; its result, or −1.
    #[inline]
    #[must_use]
    pub fn call(self) -> i64 {
        let number = match self {
            Self::Getppid => libc::SYS_getppid,
            Self::Close => libc::SYS_close,
            Self::Ptrace => libc::SYS_ptrace,
            Self::Semctl => libc::SYS_semctl,
            Self::Fstat => libc::SYS_fstat,
            Self::Lstat => libc::SYS_lstat,
        };
        // SAFETY: −1 is no descriptor, no process, no set of semaphores and no address.
        unsafe { libc::syscall(number, -1_i64, -1_i64, -1_i64, -1_i64) }
    }

    /// The error that the call just made left behind; 0 after success.
    #[must_use]
    pub fn error(result: i64) -> i32 {
        if result == -1 { Errno::last_raw() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_back_from_a_child_that_cannot_exit() {
        let words = in_child(2, |words| {
            let guard = Guard::install()?;
            for (word, number) in words.iter().zip([60, 231]) {
                let result = guard.call(Entry::Syscall, number, 0);
                word.store(result.unwrap_or(0).unsigned_abs(), Ordering::Relaxed);
            }
            Ok(())
        });
        assert_eq!(words.unwrap(), [4095, 4095]);
    }

    #[test]
    fn what_goes_wrong_in_a_child_is_told() {
        let error = in_child(0, |_| Err(Errno::EPROTO));
        assert!(matches!(error, Err(ChildError::Work(Errno::EPROTO))));
        let ended = in_child(0, |_| crate::calls::exit_group(3)).unwrap_err();
        assert!(matches!(ended, ChildError::Ended(0x300)), "{ended}");
        let killed = in_child(0, |_| {
            process::kill(process::own())?;
            Ok(())
        });
        assert_eq!(killed.unwrap_err().signal(), Some(libc::SIGKILL));
    }

    /// The strictest action decides, and of equal ones the newest filter's data.
    #[test]
    fn a_filter_under_test_decides_on_errors_alone() {
        let ret = |k| [Insn::statement(code::RET_K, k)];
        for (value, expected) in [
            (libc::SECCOMP_RET_ERRNO | 7, 7),
            (libc::SECCOMP_RET_ALLOW, 4095),
            (libc::SECCOMP_RET_TRACE, 4095),
        ] {
            let words = in_child(1, |words| {
                let guard = Guard::install()?;
                guard.test(&ret(value))?;
                let result = guard.call(Entry::Syscall, 39, 0).unwrap_or(0);
                words[0].store(result.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            });
            assert_eq!(words.unwrap(), [expected], "{value:#x}");
        }
    }

    /// A filter may look at every argument of a call.
    #[test]
    fn arguments_that_are_not_given_are_zeros() {
        const ARGUMENTS: u32 = 16;
        let ret = |errno| Insn::statement(code::RET_K, libc::SECCOMP_RET_ERRNO | errno);
        let mut program = Vec::new();
        for half in 2..12 {
            program.push(Insn::statement(code::LD_ABS, ARGUMENTS + 4 * half));
            program.push(Insn::jump(code::JEQ_K, 0, 1, 0));
            program.push(ret(100 + half));
        }
        program.push(ret(7));
        for (entry, number) in [(Entry::Syscall, 39), (Entry::Int80, 20)] {
            let words = in_child(1, |words| {
                let guard = Guard::install()?;
                guard.test(&program)?;
                let result = guard.call(entry, number, 5).unwrap_or(0);
                words[0].store(result.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            });
            match words {
                // A kernel without this entry.
                Err(error) if entry == Entry::Int80 && error.signal() == Some(libc::SIGSEGV) => {}
                words => assert_eq!(words.unwrap(), [7], "{entry:?}"),
            }
        }
    }

    /// Whether or not the filter decides, a call has its cost only; nothing is closed or ended.
    #[test]
    fn idle_calls_end_as_they_say() {
        let errors = Idle::ALL.map(|call| Idle::error(call.call()));
        let expected = [
            0,
            libc::EBADF,
            libc::EINVAL,
            libc::EBADF,
            libc::ESRCH,
            libc::EFAULT,
        ];
        assert_eq!(errors, expected);
    }
}
