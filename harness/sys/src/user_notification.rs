//! Answering the calls of a filter that returns `SECCOMP_RET_USER_NOTIF` (seccomp_unotify(2)).

use crate::{Errno, Tid};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The supervisor's end of a filter: its listening descriptor.
///
/// It is readable while a call waits that was not received, and hangs up once no thread uses the
/// filter (Linux 5.9). When it is closed, calls that wait and calls to come fail with `ENOSYS`.
#[derive(Debug)]
pub struct Notifications {
    descriptor: OwnedFd,
    wait_killable: bool,
    // As large as the kernel says that its structures are, which may grow.
    notification: Vec<u64>,
    response: Vec<u64>,
}

/// A call that waits for its supervisor: `struct seccomp_notif`, uapi/linux/seccomp.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Of this notification; no other of the filter has it.
    pub id: u64,
    /// The thread; 0 where the supervisor's PID namespace has no number for it.
    pub tid: Tid,
    /// The number of the call.
    pub number: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The address after the instruction that makes the call.
    pub instruction_pointer: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// Words of `struct seccomp_notif` and `struct seccomp_notif_resp`.
const NOTIFICATION_WORDS: usize = size_of::<libc::seccomp_notif>() / size_of::<u64>();
const RESPONSE_WORDS: usize = size_of::<libc::seccomp_notif_resp>() / size_of::<u64>();

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, uapi/linux/seccomp.h.
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// `SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR`, uapi/linux/seccomp.h: the only number of that request
/// before Linux 5.8.
const ID_VALID_WRONG_DIRECTION: libc::Ioctl = 0x8008_2102;

impl Notifications {
    /// Of a listening descriptor; `wait_killable` says what the filter was installed with.
    ///
    /// # Errors
    /// `EINVAL` before Linux 5.0 (`SECCOMP_GET_NOTIF_SIZES`).
    pub(crate) fn new(descriptor: OwnedFd, wait_killable: bool) -> Result<Self, Errno> {
        let sizes = sizes()?;
        let words = |bytes: u16, least: usize| {
            vec![0; usize::from(bytes).div_ceil(size_of::<u64>()).max(least)]
        };
        let mut response = words(sizes.seccomp_notif_resp, RESPONSE_WORDS);
        // id, val, then error and flags.
        response[2] = join(0, CONTINUE);
        Ok(Self {
            descriptor,
            wait_killable,
            notification: words(sizes.seccomp_notif, NOTIFICATION_WORDS),
            response,
        })
    }

    /// Whether a call that was received waits on when a signal comes that does not kill
    /// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19). Where it does not, and before it is
    /// received, a signal ends the wait, and a call that is begun again is notified of again.
    #[must_use]
    pub fn wait_killable(&self) -> bool {
        self.wait_killable
    }

    /// The next call that waits (`SECCOMP_IOCTL_NOTIF_RECV`). Blocks unless the descriptor is
    /// readable.
    ///
    /// # Errors
    /// `ENOENT`: it does not wait any longer; `EINTR`.
    #[inline]
    pub fn receive(&mut self) -> Result<Notification, Errno> {
        // The kernel refuses what is not zeroed, with EINVAL.
        self.notification.fill(0);
        request(
            &self.descriptor,
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &mut self.notification,
        )?;
        let words = &self.notification;
        let ((tid, _), (number, arch)) = (halves(words[1]), halves(words[2]));
        Ok(Notification {
            id: words[0],
            tid: Tid(tid.cast_signed()),
            number,
            arch,
            instruction_pointer: words[3],
            arguments: std::array::from_fn(|i| words[4 + i]),
        })
    }

    /// Has the kernel make the call as if nobody had asked (`SECCOMP_IOCTL_NOTIF_SEND` with
    /// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`, Linux 5.5). What the arguments point to may have changed
    /// since they were looked at.
    ///
    /// # Errors
    /// `ENOENT`: it does not wait any longer, as the thread was signalled or killed; `EINVAL` before
    /// Linux 5.5; `EINTR`: nothing was done.
    #[inline]
    pub fn let_go_on(&mut self, id: u64) -> Result<(), Errno> {
        self.response[0] = id;
        request(
            &self.descriptor,
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &mut self.response,
        )
    }

    /// Whether a call still waits for its answer (`SECCOMP_IOCTL_NOTIF_ID_VALID`): only then is what
    /// was read of the thread's memory before that thread's.
    #[must_use]
    pub fn is_waiting(&self, id: u64) -> bool {
        let valid = |number| request(&self.descriptor, number, &mut [id]);
        let found = match valid(libc::SECCOMP_IOCTL_NOTIF_ID_VALID) {
            Err(Errno::EINVAL) => valid(ID_VALID_WRONG_DIRECTION),
            found => found,
        };
        found.is_ok()
    }

    /// Has the supervisor and the thread each woken on the CPU where the other runs that has nothing
    /// to do meanwhile (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, Linux 6.6).
    ///
    /// # Errors
    /// `EINVAL` before Linux 6.6.
    pub fn wake_synchronously(&self) -> Result<(), Errno> {
        let number = libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS;
        // SAFETY: integer arguments only: the flags are no pointer.
        let result = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), number, SYNC_WAKE_UP) };
        Errno::result(result).map(drop)
    }
}

impl AsFd for Notifications {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`, uapi/linux/seccomp.h.
const CONTINUE: u32 = 1;

/// One of the requests above, each with a structure that has room for what it reads and writes.
#[inline]
fn request(listener: &OwnedFd, number: libc::Ioctl, structure: &mut [u64]) -> Result<(), Errno> {
    let listener = listener.as_raw_fd();
    // SAFETY: each request reads and writes no more than its structure, which the callers give room
    // for: at least as much as the kernel asks for, or one word for an id.
    Errno::result(unsafe { libc::ioctl(listener, number, structure.as_mut_ptr()) }).map(drop)
}

fn sizes() -> Result<libc::seccomp_notif_sizes, Errno> {
    let mut sizes = libc::seccomp_notif_sizes {
        seccomp_notif: 0,
        seccomp_notif_resp: 0,
        seccomp_data: 0,
    };
    let operation = libc::SECCOMP_GET_NOTIF_SIZES;
    // SAFETY: `sizes` lives, is writable and has the kernel's layout.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, 0, &raw mut sizes) };
    Errno::result(result).map(|_| sizes)
}

/// The two 32-bit fields that a word of a structure holds.
fn halves(word: u64) -> (u32, u32) {
    let bytes = word.to_ne_bytes();
    let half = |at: usize| u32::from_ne_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    (half(0), half(4))
}

/// The inverse of [`halves`].
fn join(first: u32, second: u32) -> u64 {
    let halves = [first.to_ne_bytes(), second.to_ne_bytes()];
    u64::from_ne_bytes(std::array::from_fn(|byte| halves[byte / 4][byte % 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields are read by their place, so the places must be the kernel's.
    #[test]
    fn words_are_where_the_kernel_has_its_fields() {
        use std::mem::offset_of;
        let data = offset_of!(libc::seccomp_notif, data);
        let offsets = [
            offset_of!(libc::seccomp_notif, id),
            offset_of!(libc::seccomp_notif, pid),
            data + offset_of!(libc::seccomp_data, nr),
            data + offset_of!(libc::seccomp_data, arch),
            data + offset_of!(libc::seccomp_data, instruction_pointer),
            data + offset_of!(libc::seccomp_data, args),
        ];
        assert_eq!(offsets, [0, 8, 16, 20, 24, 32]);
        let offsets = [
            offset_of!(libc::seccomp_notif_resp, id),
            offset_of!(libc::seccomp_notif_resp, val),
            offset_of!(libc::seccomp_notif_resp, error),
            offset_of!(libc::seccomp_notif_resp, flags),
        ];
        assert_eq!(offsets, [0, 8, 16, 20]);
        assert_eq!((NOTIFICATION_WORDS, RESPONSE_WORDS), (10, 3));
        let flag = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        assert_eq!(libc::c_ulong::from(CONTINUE), flag);
        assert_eq!(halves(join(7, 9)), (7, 9));
    }
}
