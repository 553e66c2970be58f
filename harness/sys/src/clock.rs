//! The clock that programs in the kernel read, too.

use crate::Errno;

/// Nanoseconds of CLOCK_MONOTONIC, which is what `bpf_ktime_get_ns` returns, and what
/// [`Instant`](std::time::Instant) keeps to itself.
///
/// # Errors
/// As of clock_gettime(2): none on a kernel that has the clock.
pub fn monotonic_ns() -> Result<u64, Errno> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?;
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Ok(seconds * 1_000_000_000 + rest)
}
