//! Programs of raw tracepoints: loaded, attached, run by hand, and asked how often they ran.

use super::{Command, Name, address, bpf, bpf_descriptor, charged, id, info, name, number};
use crate::Errno;
use std::ffi::CStr;
use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `BPF_PROG_TYPE_RAW_TRACEPOINT`, uapi/linux/bpf.h.
const RAW_TRACEPOINT: u32 = 17;

/// The kernel lets programs under other licences call few helpers (`license_is_gpl_compatible`).
const LICENSE: &CStr = c"Dual MIT/GPL";

/// Bytes for the verifier's log: as many as every kernel takes (`UINT_MAX >> 8`, kernel/bpf/verifier.c
/// before Linux 5.4). Pages that it does not write are never touched.
const LOG_BYTES: usize = (16 << 20) - 1;

/// How often a load is tried that a signal interrupts (`EAGAIN`, `bpf_check`), as libbpf does.
const ATTEMPTS: usize = 5;

/// A program to be loaded, `BPF_PROG_TYPE_RAW_TRACEPOINT` (Linux 4.17).
#[derive(Debug, Clone, Copy)]
pub struct ProgramSpec<'a> {
    /// What tools such as bpftool show; cut to 15 bytes.
    pub name: &'a str,
    /// `struct bpf_insn` each, as a little-endian word: opcode, registers, offset, immediate.
    pub instructions: &'a [u64],
}

/// The kernel refused a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub struct LoadError {
    /// What bpf(2) said.
    pub errno: Errno,
    /// What the verifier said, all lines of it; empty where it did not come to look at the program.
    pub log: String,
}

impl LoadError {
    /// One line: what the verifier said last, which is why it stopped, or what `errno` means.
    fn reason(&self) -> String {
        // Statistics follow, a line or two of them (`print_verification_stats`).
        let of_statistics = ["processed ", "verification time ", "stack depth "];
        let is_reason = |line: &&str| {
            !line.is_empty() && !of_statistics.iter().any(|start| line.starts_with(start))
        };
        match self.log.lines().map(str::trim).rfind(is_reason) {
            Some(line) => format!("the verifier says: {line} ({:?})", self.errno),
            None => self.errno.to_string(),
        }
    }
}

/// A program in the kernel.
#[derive(Debug)]
pub struct Program {
    descriptor: OwnedFd,
}

/// An attached program; detached when it is dropped.
#[derive(Debug)]
#[must_use = "the program is detached when it is dropped"]
pub struct Link(OwnedFd);

/// What the kernel says of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramInfo {
    /// By which the kernel lists it ([`super::program_ids`]).
    pub id: u32,
    /// Bytes of machine code; 0 where the kernel interprets it, or without CAP_BPF.
    pub jited_bytes: u32,
    /// Bytes of instructions after the kernel's own rewriting; 0 without CAP_BPF.
    pub translated_bytes: u32,
    /// How long it ran while statistics were on ([`super::enable_statistics`]), ns.
    pub run_time_ns: u64,
    /// How often it ran while statistics were on.
    pub run_count: u64,
    /// How often the kernel left it out because it was running on the same CPU already (Linux 5.12).
    /// Raw tracepoints do so since Linux 6.2 (`__bpf_trace_run`, kernel/trace/bpf_trace.c).
    pub recursion_misses: Option<u64>,
    /// How many instructions the verifier looked at, each as often as it did (Linux 5.16).
    pub verified_instructions: Option<u32>,
}

/// `BPF_PROG_LOAD` in `union bpf_attr`, up to the name.
#[repr(C)]
struct LoadAttributes {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: Name,
}

/// `struct bpf_prog_info`, uapi/linux/bpf.h, as of Linux 5.16. Whatever is a pointer or the length of
/// what one points to stays 0.
#[derive(Default)]
#[repr(C)]
struct RawInfo {
    kind: u32,
    id: u32,
    tag: u64,
    jited_bytes: u32,
    translated_bytes: u32,
    jited: u64,
    translated: u64,
    load_time: u64,
    user: u32,
    maps: u32,
    map_ids: u64,
    name: Name,
    interface: u32,
    gpl_compatible: u32,
    namespace: [u64; 2],
    symbols_and_lengths: [u32; 2],
    symbols_and_lengths_at: [u64; 2],
    btf: u32,
    function_bytes: u32,
    functions: u64,
    function_and_line_counts: [u32; 2],
    lines: [u64; 2],
    line_counts_and_bytes: [u32; 4],
    tags: u64,
    run_time_ns: u64,
    run_count: u64,
    recursion_misses: u64,
    verified_instructions: u32,
    attached_to: [u32; 3],
}

impl Program {
    /// Loads one (`BPF_PROG_LOAD`). The verifier's log is asked for only after it was refused, since
    /// writing it takes time.
    ///
    /// # Errors
    /// `EPERM` without the privilege; what the verifier refuses, as `EINVAL` or `EACCES`; `E2BIG`.
    pub fn load(spec: &ProgramSpec<'_>) -> Result<Self, LoadError> {
        let errno = match load(spec, &mut []) {
            Ok(program) => return Ok(program),
            Err(errno) => errno,
        };
        if errno == Errno::EPERM {
            let log = String::new();
            return Err(LoadError { errno, log });
        }
        let mut log = vec![0; LOG_BYTES];
        let again = load(spec, &mut log);
        let text = CStr::from_bytes_until_nul(&log).unwrap_or_default();
        again.map_err(|_| LoadError {
            errno,
            log: text.to_string_lossy().into_owned(),
        })
    }

    /// Has it run whenever the kernel passes a raw tracepoint, such as `sys_enter`, until the link is
    /// dropped (`BPF_RAW_TRACEPOINT_OPEN`).
    ///
    /// # Errors
    /// `ENOENT`: there is no such tracepoint; `EINVAL`: the program reads more arguments than it has.
    ///
    /// # Panics
    /// The name has a NUL.
    pub fn attach(&self, raw_tracepoint: &str) -> Result<Link, Errno> {
        #[repr(C)]
        struct Attributes {
            name: u64,
            program: u32,
            padding: u32,
        }
        let name = std::ffi::CString::new(raw_tracepoint).expect("a name without NUL");
        let mut attributes = Attributes {
            name: name.as_ptr() as u64,
            program: number(self.as_fd()),
            padding: 0,
        };
        // SAFETY: the name ends with NUL and lives until the call returns, and a descriptor is returned.
        let link = unsafe { bpf_descriptor(Command::RawTracepointOpen, &mut attributes) };
        link.map(Link)
    }

    /// Runs it once, in the calling thread and without arguments, and returns what it returned
    /// (`BPF_PROG_TEST_RUN`). Statistics do not have this run.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before Linux 5.10; `EINVAL` where it reads an argument.
    pub fn test_run(&self) -> Result<u32, Errno> {
        #[repr(C)]
        struct Attributes {
            program: u32,
            returned: u32,
        }
        let mut attributes = Attributes {
            program: number(self.as_fd()),
            returned: 0,
        };
        // SAFETY: nothing is pointed to. The result is written within the structure.
        unsafe { bpf(Command::ProgramTestRun, &mut attributes) }?;
        Ok(attributes.returned)
    }

    /// What the kernel knows of it (`BPF_OBJ_GET_INFO_BY_FD`).
    ///
    /// # Errors
    /// None is known: the descriptor is a program's.
    pub fn info(&self) -> Result<ProgramInfo, Errno> {
        let mut raw = RawInfo::default();
        // SAFETY: a `struct bpf_prog_info` of integers, and of zeros only.
        let length = unsafe { info(self.as_fd(), &mut raw) }?;
        let knows = |end: usize| length >= end;
        Ok(ProgramInfo {
            id: raw.id,
            jited_bytes: raw.jited_bytes,
            translated_bytes: raw.translated_bytes,
            run_time_ns: raw.run_time_ns,
            run_count: raw.run_count,
            recursion_misses: knows(offset_of!(RawInfo, verified_instructions))
                .then_some(raw.recursion_misses),
            verified_instructions: knows(offset_of!(RawInfo, attached_to))
                .then_some(raw.verified_instructions),
        })
    }
}

/// One load. The verifier writes into `log` if it is not empty.
fn load(spec: &ProgramSpec<'_>, log: &mut [u8]) -> Result<Program, Errno> {
    let mut attributes = LoadAttributes {
        kind: RAW_TRACEPOINT,
        // One that is too long for the kernel is too long for it with fewer as well.
        count: u32::try_from(spec.instructions.len()).unwrap_or(u32::MAX),
        instructions: spec.instructions.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).expect("LOG_BYTES"),
        log: address(log.as_mut_ptr(), log.len()),
        kernel_version: 0,
        flags: 0,
        name: name(spec.name),
    };
    let mut attempts = 1..ATTEMPTS;
    loop {
        // SAFETY: `count` instructions are there, the licence ends with NUL, the log has its size; all
        // live until the call returns, which is with a descriptor.
        let make = || unsafe { bpf_descriptor(Command::ProgramLoad, &mut attributes) };
        match charged(make) {
            Err(Errno::EAGAIN) if attempts.next().is_some() => {}
            loaded => return loaded.map(|descriptor| Program { descriptor }),
        }
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Link {
    /// By which the kernel lists it ([`super::link_ids`]).
    ///
    /// # Errors
    /// `EINVAL` before Linux 5.8.
    pub fn id(&self) -> Result<u32, Errno> {
        id(self.0.as_fd())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `pahole` and the header say.
    #[test]
    fn fields_are_where_the_kernel_has_them() {
        let offsets = [
            offset_of!(RawInfo, map_ids),
            offset_of!(RawInfo, name),
            offset_of!(RawInfo, namespace),
            offset_of!(RawInfo, functions),
            offset_of!(RawInfo, tags),
            offset_of!(RawInfo, run_time_ns),
            offset_of!(RawInfo, run_count),
            offset_of!(RawInfo, recursion_misses),
            offset_of!(RawInfo, verified_instructions),
            size_of::<RawInfo>(),
        ];
        assert_eq!(offsets, [56, 64, 88, 136, 184, 192, 200, 208, 216, 232]);
        let offsets = [
            offset_of!(LoadAttributes, log),
            offset_of!(LoadAttributes, name),
        ];
        assert_eq!(offsets, [32, 48]);
    }

    #[test]
    fn a_refusal_is_one_line() {
        let error = |log: &str| LoadError {
            errno: Errno::EACCES,
            log: log.to_owned(),
        };
        assert_eq!(
            error("0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000)\n\n").to_string(),
            "the verifier says: R0 !read_ok (EACCES)"
        );
        assert_eq!(error("").to_string(), "EACCES: Permission denied");
    }
}
