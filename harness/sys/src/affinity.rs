//! sched_setaffinity(2): which processors a thread may run on.

use crate::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The processors this thread may run on, ascending.
///
/// # Errors
/// `EINVAL` where the kernel has more processors than a `cpu_set_t`.
pub fn allowed() -> Result<Vec<u32>, Errno> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let range = 0..u32::try_from(CpuSet::count()).unwrap_or(u32::MAX);
    Ok(range
        .filter(|&cpu| set.is_set(cpu as usize).unwrap_or(false))
        .collect())
}

/// Lets this thread run on one processor only; children inherit it.
///
/// # Errors
/// `EINVAL` where `cpu` does not exist or is not allowed.
pub fn pin_to(cpu: u32) -> Result<(), Errno> {
    let mut set = CpuSet::new();
    set.set(cpu as usize)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}
