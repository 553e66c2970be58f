//! Programs and maps in the kernel (bpf(2)): raw tracepoint programs, and the maps by which they and
//! user space tell each other something.
//!
//! Loading needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN (before Linux 5.8 that alone). Every map,
//! program and link lives as long as a descriptor of it or a program that uses it: the descriptors here
//! are close-on-exec, so the kernel frees everything when this process ends, however it ends.

mod link;
mod map;
mod program;
mod ring_buffer;

pub use link::{LinkInfo, link_info};
pub use map::{Map, MapKind, MapSpec};
pub use program::{Link, LoadError, Program, ProgramInfo, ProgramSpec};
pub use ring_buffer::RingBuffer;

use crate::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `enum bpf_cmd`, uapi/linux/bpf.h.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgramLoad = 5,
    ProgramTestRun = 10,
    ProgramNextId = 11,
    MapNextId = 12,
    ObjectInfo = 15,
    RawTracepointOpen = 17,
    LinkDescriptor = 30,
    LinkNextId = 31,
    EnableStatistics = 32,
}

/// bpf(2). The kernel takes what is missing at the end of `A` as 0.
///
/// # Safety
/// `A` begins as the command's part of `union bpf_attr` does, and what it points to can be read, or
/// written, to the length that the command takes.
unsafe fn bpf<A>(command: Command, attributes: &mut A) -> Result<i32, Errno> {
    let attributes: *mut A = attributes;
    // SAFETY: the kernel keeps within the size of `A`; the caller answers for what it points to.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, attributes, size_of::<A>()) };
    let result = Errno::result(result).map_err(|errno| match Errno::last_raw() {
        // ENOTSUPP of linux/errno.h, which errno(3) does not know.
        524 => Errno::EOPNOTSUPP,
        _ => errno,
    })?;
    Ok(i32::try_from(result).expect("bpf(2) returns a descriptor or 0"))
}

/// bpf(2), where it returns a new descriptor, which is close-on-exec.
///
/// # Safety
/// As [`bpf`]; and the command returns a descriptor.
unsafe fn bpf_descriptor<A>(command: Command, attributes: &mut A) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller answers for it.
    let descriptor = unsafe { bpf(command, attributes) }?;
    // SAFETY: it was made just now, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A name of a map or a program, `BPF_OBJ_NAME_LEN` with its NUL.
type Name = [u8; 16];

/// As much of a name as there is room for. The kernel takes letters, digits, `_` and `.`, so anything
/// else becomes `_` (`bpf_obj_name_cpy`, kernel/bpf/syscall.c; `.` only from Linux 5.2 on).
fn name(text: &str) -> Name {
    let mut name = Name::default();
    for (place, byte) in name[..15].iter_mut().zip(text.bytes()) {
        *place = if byte.is_ascii_alphanumeric() {
            byte
        } else {
            b'_'
        };
    }
    name
}

/// A descriptor as attributes hold it.
fn number(descriptor: BorrowedFd<'_>) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

/// A pointer as attributes hold it; null where nothing is there, as the kernel wants it.
fn address<T>(start: *const T, length: usize) -> u64 {
    if length == 0 { 0 } else { start as u64 }
}

/// Makes something whose memory the kernel charges to `RLIMIT_MEMLOCK` before Linux 5.11. Where `make`
/// fails with `EPERM` it is tried again without the limit, if this process may lift it; afterwards the
/// limit is as it was, since children inherit it.
fn charged<T>(mut make: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let first = make();
    if !matches!(first, Err(Errno::EPERM)) {
        return first;
    }
    let limit = Resource::RLIMIT_MEMLOCK;
    let (soft, hard) = getrlimit(limit)?;
    if setrlimit(limit, RLIM_INFINITY, RLIM_INFINITY).is_err() {
        return first;
    }
    let second = make();
    setrlimit(limit, soft, hard)?;
    second
}

/// While it lives, the kernel measures how long each program runs, and counts its runs
/// ([`ProgramInfo::run_time_ns`], [`ProgramInfo::run_count`]). That makes every run more expensive, of
/// all programs of the machine.
#[derive(Debug)]
#[must_use = "the kernel stops measuring when it is dropped"]
pub struct Statistics {
    _descriptor: OwnedFd,
}

/// Has the kernel measure (`BPF_ENABLE_STATS`, `BPF_STATS_RUN_TIME`).
///
/// # Errors
/// `EINVAL` before Linux 5.8; `EPERM` without CAP_SYS_ADMIN.
pub fn enable_statistics() -> Result<Statistics, Errno> {
    #[repr(C)]
    struct Attributes {
        kind: u32,
    }
    const RUN_TIME: u32 = 0;
    let mut attributes = Attributes { kind: RUN_TIME };
    // SAFETY: `enable_stats.type` is the only field; nothing is pointed to. It returns a descriptor.
    let descriptor = unsafe { bpf_descriptor(Command::EnableStatistics, &mut attributes) }?;
    Ok(Statistics {
        _descriptor: descriptor,
    })
}

/// The programs that are loaded on this machine, whoever loaded them.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN.
pub fn program_ids() -> Result<Vec<u32>, Errno> {
    ids(Command::ProgramNextId)
}

/// The maps of this machine, whoever made them.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN.
pub fn map_ids() -> Result<Vec<u32>, Errno> {
    ids(Command::MapNextId)
}

/// The links of this machine, whoever attached what.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN; `EINVAL` before Linux 5.8.
pub fn link_ids() -> Result<Vec<u32>, Errno> {
    ids(Command::LinkNextId)
}

/// All ids that a `BPF_*_GET_NEXT_ID` gives.
fn ids(command: Command) -> Result<Vec<u32>, Errno> {
    #[repr(C)]
    struct Attributes {
        start: u32,
        next: u32,
    }
    let mut attributes = Attributes { start: 0, next: 0 };
    let mut found = Vec::new();
    loop {
        // SAFETY: both fields are integers, and nothing is pointed to.
        match unsafe { bpf(command, &mut attributes) } {
            Ok(_) => {}
            Err(Errno::ENOENT) => return Ok(found),
            Err(errno) => return Err(errno),
        }
        found.push(attributes.next);
        attributes.start = attributes.next;
    }
}

/// Reads what the kernel says of a map, a program or a link (`BPF_OBJ_GET_INFO_BY_FD`), and returns how
/// many bytes of `info` it knows; the rest stays as it was.
///
/// # Safety
/// `T` begins as the `struct bpf_*_info` of the descriptor does and consists of integers. Whatever the kernel
/// takes for a pointer in it is 0, as is its length, or points to so many writable bytes.
unsafe fn info<T>(descriptor: BorrowedFd<'_>, info: &mut T) -> Result<usize, Errno> {
    #[repr(C)]
    struct Attributes {
        descriptor: u32,
        length: u32,
        info: u64,
    }
    let info: *mut T = info;
    let mut attributes = Attributes {
        descriptor: number(descriptor),
        length: u32::try_from(size_of::<T>()).expect("a small structure"),
        info: info as u64,
    };
    // SAFETY: `info` lives, is writable and as long as it says; the caller answers for what it holds.
    unsafe { bpf(Command::ObjectInfo, &mut attributes) }?;
    Ok(attributes.length as usize)
}

/// The id of a map or a link, which is the second field of `struct bpf_map_info` and `bpf_link_info`.
fn id(descriptor: BorrowedFd<'_>) -> Result<u32, Errno> {
    let mut type_and_id = [0_u32; 2];
    // SAFETY: both structures begin with these two integers.
    unsafe { info(descriptor, &mut type_and_id) }?;
    Ok(type_and_id[1])
}

/// How many CPUs this machine can have: a per-CPU map has a value for each of them, plugged in or not
/// (`/sys/devices/system/cpu/possible`).
///
/// # Errors
/// The file cannot be read; `EINVAL` where it is no list of CPUs.
pub fn possible_processors() -> Result<usize, Errno> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/possible")
        .map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))?;
    length_of_list(list.trim()).ok_or(Errno::EINVAL)
}

/// How many CPUs a list such as `0-3,8` has (the kernel's `%*pbl`).
fn length_of_list(text: &str) -> Option<usize> {
    let lengths = text.split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some(last.checked_sub(first)? + 1)
    });
    lengths.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_the_kernel_takes() {
        assert_eq!(&name("tasks"), b"tasks\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&name("ebpf-histogram.x"), b"ebpf_histogram_\0");
    }

    #[test]
    fn lists_of_processors_are_counted() {
        for (list, length) in [("0", 1), ("0-3", 4), ("0-3,8", 5), ("1,3,5-6", 4)] {
            assert_eq!(length_of_list(list), Some(length), "{list}");
        }
        for list in ["", "a", "3-1", "1-"] {
            assert_eq!(length_of_list(list), None, "{list}");
        }
    }
}
