//! Reading the filters of another thread (ptrace(2), `PTRACE_SECCOMP_GET_FILTER`, Linux 4.4).

use crate::seccomp::Insn;
use crate::{Errno, Tid};

/// `uapi/linux/ptrace.h`.
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;

/// `BPF_MAXINSNS`, `uapi/linux/bpf_common.h`: no filter is longer.
const MAX_INSTRUCTIONS: usize = 4096;

/// The filter of a stopped tracee with this index; 0 is the one installed first
/// (`get_nth_filter` in `kernel/seccomp.c`; ptrace(2) has it the other way round).
///
/// # Errors
/// `EACCES`: the caller has no CAP_SYS_ADMIN in the initial user namespace, or is under seccomp itself; `ENOENT`: no
/// filter with this index; `EINVAL`: the thread has no filter at all, or the kernel was built without
/// CONFIG_CHECKPOINT_RESTORE; `EMEDIUMTYPE`: the filter is no classic BPF; `ESRCH`: not stopped, or gone.
pub fn filter(tid: Tid, index: usize) -> Result<Vec<Insn>, Errno> {
    let mut program = vec![Insn::statement(0, 0); MAX_INSTRUCTIONS];
    // SAFETY: the kernel writes as many instructions as a filter has, which are no more than `program` has room for,
    // with the layout of `struct sock_filter`; any bytes are a valid instruction.
    let length = unsafe {
        libc::ptrace(
            PTRACE_SECCOMP_GET_FILTER,
            tid.0,
            std::ptr::without_provenance_mut::<libc::c_void>(index),
            program.as_mut_ptr(),
        )
    };
    let length = Errno::result(length)?;
    program.truncate(usize::try_from(length).unwrap_or(0));
    Ok(program)
}
