//! Calls on files, directories and pipes.

use std::ffi::{CStr, c_int};
use std::io;
use std::mem::MaybeUninit;

use super::{check, done, length};

/// A descriptor opened by this module.
///
/// Not closed when dropped: a hidden `close` would be a call nobody counted.
/// (The standard library's `OwnedFd` closes, and in debug builds calls `fcntl`
/// before it.)
#[derive(Debug)]
pub struct Descriptor(c_int);

impl Descriptor {
    pub(super) fn from_kernel(result: libc::c_long) -> Self {
        Self(c_int::try_from(result).expect("a descriptor fits an int"))
    }

    pub(super) fn number(&self) -> c_int {
        self.0
    }

    /// read(2) into the whole of `buffer`; returns the bytes read.
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the pointer and length are those of a live exclusive slice.
        length(unsafe { libc::syscall(libc::SYS_read, self.0, buffer.as_mut_ptr(), buffer.len()) })
    }

    /// write(2) of `bytes`; returns the bytes written.
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the pointer and length are those of a live slice.
        length(unsafe { libc::syscall(libc::SYS_write, self.0, bytes.as_ptr(), bytes.len()) })
    }

    /// pread64(2) at offset 0; returns the bytes read.
    ///
    /// # Errors
    /// The kernel's.
    pub fn pread64(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the pointer and length are those of a live exclusive slice.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pread64,
                self.0,
                buffer.as_mut_ptr(),
                buffer.len(),
                0,
            )
        };
        length(result)
    }

    /// lseek(2) to the beginning.
    ///
    /// # Errors
    /// The kernel's.
    pub fn rewind(&self) -> io::Result<()> {
        // SAFETY: no memory is passed.
        done(unsafe { libc::syscall(libc::SYS_lseek, self.0, 0, libc::SEEK_SET) })
    }

    /// newfstatat(2) of the descriptor itself (`AT_EMPTY_PATH`), as fstat(3) is since glibc 2.33;
    /// returns the size in bytes.
    ///
    /// # Errors
    /// The kernel's.
    pub fn newfstatat(&self) -> io::Result<i64> {
        newfstatat_with(self.0, c"", libc::AT_EMPTY_PATH)
    }

    /// fcntl(2) `F_GETFD`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn fcntl_getfd(&self) -> io::Result<()> {
        // SAFETY: F_GETFD takes no further argument.
        done(unsafe { libc::syscall(libc::SYS_fcntl, self.0, libc::F_GETFD, 0) })
    }

    /// ioctl(2) `TCGETS`, which is how isatty(3) asks; an error unless it is a terminal.
    ///
    /// # Errors
    /// `ENOTTY`, or what else the kernel says.
    pub fn ioctl_tcgets(&self) -> io::Result<()> {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the kernel's termios is smaller than libc's, which the pointer has room for.
        done(unsafe { libc::syscall(libc::SYS_ioctl, self.0, libc::TCGETS, settings.as_mut_ptr()) })
    }

    /// dup2(2) onto itself, which checks the descriptor and changes nothing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn dup2_self(&self) -> io::Result<()> {
        // SAFETY: old and new are one descriptor, so nothing is closed or opened.
        done(unsafe { libc::syscall(libc::SYS_dup2, self.0, self.0) })
    }

    /// close(2).
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn close(self) -> io::Result<()> {
        // SAFETY: the descriptor is ours alone, and consumed here.
        done(unsafe { libc::syscall(libc::SYS_close, self.0) })
    }
}

/// What [`openat`] opens a file for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// `O_RDONLY`
    Read,
    /// `O_WRONLY`
    Write,
    /// `O_RDONLY | O_DIRECTORY`
    Directory,
    /// `O_WRONLY | O_CREAT | O_EXCL`, for the owner alone (mode 0600)
    Create,
}

/// openat(2) relative to the working directory, always close-on-exec.
///
/// # Errors
/// The kernel's.
#[inline]
pub fn openat(path: &CStr, open: Open) -> io::Result<Descriptor> {
    let flags = libc::O_CLOEXEC
        | match open {
            Open::Read => libc::O_RDONLY,
            Open::Write => libc::O_WRONLY,
            Open::Directory => libc::O_RDONLY | libc::O_DIRECTORY,
            Open::Create => libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL,
        };
    // SAFETY: the path is a live NUL-terminated string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            0o600,
        )
    };
    check(result).map(Descriptor::from_kernel)
}

fn newfstatat_with(directory: c_int, path: &CStr, flags: c_int) -> io::Result<i64> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a live NUL-terminated path and room for the kernel's struct stat.
    let result = unsafe {
        libc::syscall(
            libc::SYS_newfstatat,
            directory,
            path.as_ptr(),
            status.as_mut_ptr(),
            flags,
        )
    };
    done(result)?;
    // SAFETY: the call succeeded, so the kernel filled it.
    Ok(unsafe { status.assume_init_ref() }.st_size)
}

/// newfstatat(2) of a path; returns the size in bytes.
///
/// # Errors
/// The kernel's.
#[inline]
pub fn newfstatat(path: &CStr) -> io::Result<i64> {
    newfstatat_with(libc::AT_FDCWD, path, 0)
}

/// stat(2), the call that newfstatat(2) replaced and old binaries still make.
///
/// # Errors
/// The kernel's.
pub fn stat(path: &CStr) -> io::Result<()> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a live NUL-terminated path and room for the kernel's struct stat.
    done(unsafe { libc::syscall(libc::SYS_stat, path.as_ptr(), status.as_mut_ptr()) })
}

/// lstat(2).
///
/// # Errors
/// The kernel's.
pub fn lstat(path: &CStr) -> io::Result<()> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a live NUL-terminated path and room for the kernel's struct stat.
    done(unsafe { libc::syscall(libc::SYS_lstat, path.as_ptr(), status.as_mut_ptr()) })
}

/// access(2) for reading.
///
/// # Errors
/// The kernel's.
pub fn access(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live NUL-terminated string.
    done(unsafe { libc::syscall(libc::SYS_access, path.as_ptr(), libc::R_OK) })
}

/// readlink(2).
///
/// # Errors
/// `EINVAL` where the path is no symbolic link, or what else the kernel says.
pub fn readlink(path: &CStr) -> io::Result<()> {
    let mut target = [0_u8; 256];
    // SAFETY: a live NUL-terminated path and a live exclusive buffer with its length.
    let result = unsafe {
        libc::syscall(
            libc::SYS_readlink,
            path.as_ptr(),
            target.as_mut_ptr(),
            target.len(),
        )
    };
    done(result)
}

/// mkdir(2), for the owner alone (mode 0700).
///
/// # Errors
/// The kernel's.
pub fn mkdir(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live NUL-terminated string.
    done(unsafe { libc::syscall(libc::SYS_mkdir, path.as_ptr(), 0o700) })
}

/// rmdir(2).
///
/// # Errors
/// The kernel's.
pub fn rmdir(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live NUL-terminated string.
    done(unsafe { libc::syscall(libc::SYS_rmdir, path.as_ptr()) })
}

/// unlink(2).
///
/// # Errors
/// The kernel's.
pub fn unlink(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live NUL-terminated string.
    done(unsafe { libc::syscall(libc::SYS_unlink, path.as_ptr()) })
}

/// rename(2).
///
/// # Errors
/// The kernel's.
pub fn rename(from: &CStr, to: &CStr) -> io::Result<()> {
    // SAFETY: both paths are live NUL-terminated strings.
    done(unsafe { libc::syscall(libc::SYS_rename, from.as_ptr(), to.as_ptr()) })
}

/// symlink(2).
///
/// # Errors
/// The kernel's.
pub fn symlink(target: &CStr, path: &CStr) -> io::Result<()> {
    // SAFETY: both paths are live NUL-terminated strings.
    done(unsafe { libc::syscall(libc::SYS_symlink, target.as_ptr(), path.as_ptr()) })
}

/// chdir(2).
///
/// # Errors
/// The kernel's.
pub fn chdir(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live NUL-terminated string.
    done(unsafe { libc::syscall(libc::SYS_chdir, path.as_ptr()) })
}

/// getdents64(2), once; returns the bytes of directory entries read.
///
/// # Errors
/// The kernel's.
pub fn getdents64(directory: &Descriptor) -> io::Result<usize> {
    let mut entries = [0_u64; 512];
    // SAFETY: a live exclusive buffer, aligned for struct linux_dirent64, and its size in bytes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory.number(),
            entries.as_mut_ptr(),
            size_of_val(&entries),
        )
    };
    length(result)
}

/// pipe2(2) with `O_CLOEXEC`; returns the reading and the writing end.
///
/// # Errors
/// The kernel's.
pub fn pipe2() -> io::Result<(Descriptor, Descriptor)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors.
    done(unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((Descriptor(ends[0]), Descriptor(ends[1])))
}

/// write(2) to a descriptor that the process was started with (1 is standard output).
///
/// # Errors
/// The kernel's.
pub fn write_inherited(descriptor: c_int, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    length(unsafe { libc::syscall(libc::SYS_write, descriptor, bytes.as_ptr(), bytes.len()) })
}

/// pwrite64(2) at offset 0 of a descriptor that the process was started with.
///
/// # Errors
/// The kernel's; `ESPIPE` where the descriptor is no file.
pub fn pwrite64_inherited(descriptor: c_int, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pwrite64,
            descriptor,
            bytes.as_ptr(),
            bytes.len(),
            0,
        )
    };
    length(result)
}
