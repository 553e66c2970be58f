//! Calls on Unix sockets.

use std::io;

use super::{Descriptor, check, done};

/// The address of a Unix socket in the file system.
#[derive(Debug)]
pub struct UnixAddress(libc::sockaddr_un);

impl UnixAddress {
    /// The address of `path`, or nothing where it is too long (108 bytes with its NUL; unix(7)).
    #[must_use]
    pub fn new(path: &str) -> Option<Self> {
        let mut address = libc::sockaddr_un {
            sun_family: libc::sa_family_t::try_from(libc::AF_UNIX).ok()?,
            sun_path: [0; 108],
        };
        if path.len() >= address.sun_path.len() {
            return None;
        }
        for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
            *to = from.cast_signed();
        }
        Some(Self(address))
    }
}

/// A stream socket of the Unix domain. Not closed when dropped.
#[derive(Debug)]
pub struct UnixSocket(Descriptor);

impl UnixSocket {
    /// socket(2): `AF_UNIX`, `SOCK_STREAM`, close-on-exec.
    ///
    /// # Errors
    /// The kernel's.
    pub fn socket() -> io::Result<Self> {
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        // SAFETY: no pointer is passed.
        let result = unsafe { libc::syscall(libc::SYS_socket, libc::AF_UNIX, kind, 0) };
        check(result).map(Descriptor::from_kernel).map(Self)
    }

    /// connect(2).
    ///
    /// # Errors
    /// The kernel's; `ENOENT` where nothing is at the address.
    #[inline]
    pub fn connect(&self, address: &UnixAddress) -> io::Result<()> {
        let bytes = size_of::<libc::sockaddr_un>();
        // SAFETY: a live address with its size.
        done(unsafe {
            libc::syscall(
                libc::SYS_connect,
                self.0.number(),
                &raw const address.0,
                bytes,
            )
        })
    }

    /// close(2).
    ///
    /// # Errors
    /// The kernel's.
    pub fn close(self) -> io::Result<()> {
        self.0.close()
    }
}
