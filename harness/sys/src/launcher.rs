//! Starts a program so that it can be traced from its first call on.
//!
//! `std::process::Command` waits for its child's exec on a close-on-exec pipe,
//! and a child that a tracer must attach to first would never get there. Here
//! the child waits for its release, so that the tracer can attach, installs its
//! filter only then (a traced call without a tracer fails with `ENOSYS`), marks
//! the start of the traced part with a SIGSTOP of its own, and executes. What
//! goes wrong on the way is read from a pipe when the child has ended.

mod error;

pub use error::{LaunchError, Step};

use crate::seccomp::{self, SockFilter};
use crate::{Errno, Tid, affinity, process, rusage};
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString, c_char};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A program to execute and the state it starts in. No signal is blocked, and
/// none is ignored that the Rust runtime or glibc made so on the way here.
#[derive(Debug)]
pub struct Launch<'fd> {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    directory: Option<CString>,
    descriptors: Vec<(BorrowedFd<'fd>, RawFd)>,
    inherited: Vec<(RawFd, RawFd)>,
    cpu: Option<u32>,
    own_group: bool,
}

/// How a program is to be started.
#[derive(Debug, Clone, Copy)]
pub enum Start<'f> {
    /// Nobody traces it; it is killed with its parent.
    Untraced,
    /// A tracer attaches before it is released.
    Traced,
    /// The same, and it installs a filter on itself before the mark.
    Filtered(&'f [SockFilter]),
    /// Nobody traces it, and it installs a filter on itself.
    FilteredUntraced(&'f [SockFilter]),
}

impl Start<'_> {
    fn is_traced(self) -> bool {
        matches!(self, Self::Traced | Self::Filtered(_))
    }
}

impl<'fd> Launch<'fd> {
    /// A program by path, or by name in the `PATH` of `environment`, with its
    /// arguments (the first is `argv[0]`).
    ///
    /// # Errors
    /// [`LaunchError::NotFound`], [`LaunchError::NotExecutable`],
    /// [`LaunchError::NulByte`].
    pub fn new<'a>(
        program: &OsStr,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, LaunchError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let path = environment
            .iter()
            .find(|(name, _)| name == "PATH")
            .map(|(_, path)| path.as_os_str());
        let program = resolve(program, path)?;
        let variables = environment.into_iter().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(name)
        });
        Ok(Self {
            program: c_string(program.into_os_string())?,
            arguments: arguments
                .into_iter()
                .map(|word| c_string(word.to_owned()))
                .collect::<Result<_, _>>()?,
            environment: variables.collect::<Result<_, _>>()?,
            directory: None,
            descriptors: Vec::new(),
            inherited: Vec::new(),
            cpu: None,
            own_group: false,
        })
    }

    /// Starts it in `directory`.
    ///
    /// # Errors
    /// [`LaunchError::NulByte`].
    pub fn directory(&mut self, directory: &Path) -> Result<&mut Self, LaunchError> {
        self.directory = Some(c_string(directory.as_os_str().to_owned())?);
        Ok(self)
    }

    /// Gives it `descriptor` as number `number`.
    pub fn descriptor(&mut self, descriptor: BorrowedFd<'fd>, number: RawFd) -> &mut Self {
        self.descriptors.push((descriptor, number));
        self
    }

    /// Gives it this process's descriptor `own` as number `number`.
    pub fn inherit(&mut self, own: RawFd, number: RawFd) -> &mut Self {
        self.inherited.push((own, number));
        self
    }

    /// Binds it to one processor.
    pub fn pin_to(&mut self, cpu: u32) -> &mut Self {
        self.cpu = Some(cpu);
        self
    }

    /// Makes it lead a process group of its own: a signal it sends to its whole
    /// group does not reach this process.
    pub fn own_group(&mut self) -> &mut Self {
        self.own_group = true;
        self
    }

    /// Forks a child that waits for [`Launched::release`].
    ///
    /// The calling process must have a single thread: the child runs Rust code
    /// after fork(2), which may find a lock held by a thread that is not there.
    ///
    /// # Errors
    /// [`LaunchError::Parent`].
    pub fn spawn(&self, start: Start<'_>) -> Result<Launched, LaunchError> {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings
                .iter()
                .map(|s| s.as_ptr())
                .chain([std::ptr::null()])
                .collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        let set_up = || self.set_up();
        let reserved = self.reserved();
        let become_program = || Err(self.execute(&arguments, &environment));
        fork(start, reserved, set_up, become_program).map(|launched| Launched {
            program: PathBuf::from(OsString::from_vec(self.program.as_bytes().to_vec())),
            ..launched
        })
    }

    /// The descriptors that it is to get, each with its number there.
    fn given(&self) -> impl Iterator<Item = (RawFd, RawFd)> {
        let own = self.descriptors.iter();
        let own = own.map(|&(descriptor, number)| (descriptor.as_raw_fd(), number));
        own.chain(self.inherited.iter().copied())
    }

    /// The first number above all that are given away.
    fn reserved(&self) -> RawFd {
        self.given()
            .map(|(_, number)| number + 1)
            .max()
            .unwrap_or(0)
    }

    /// Duplicates first what has a number that is to be given to another.
    fn give_descriptors(&self) -> Result<(), Errno> {
        let reserved = self.reserved();
        let apart = |(from, to)| {
            let stays = from == to || from >= reserved;
            Ok((if stays { from } else { above(from, reserved)? }, to))
        };
        let apart: Vec<_> = self.given().map(apart).collect::<Result<_, Errno>>()?;
        apart
            .into_iter()
            .try_for_each(|(from, to)| duplicate(from, to))
    }

    /// What the child does before its release.
    fn set_up(&self) -> Result<(), (Step, Errno)> {
        self.give_descriptors()
            .map_err(|errno| (Step::Descriptors, errno))?;
        if let Some(directory) = &self.directory {
            nix::unistd::chdir(directory.as_c_str()).map_err(|errno| (Step::Directory, errno))?;
        }
        if self.own_group {
            process::new_group().map_err(|errno| (Step::Group, errno))?;
        }
        if let Some(cpu) = self.cpu {
            affinity::pin_to(cpu).map_err(|errno| (Step::Affinity, errno))?;
        }
        Ok(())
    }

    /// Returns only if it failed.
    fn execute(&self, arguments: &[*const c_char], environment: &[*const c_char]) -> (Step, Errno) {
        // SAFETY: the program is a C string, both arrays are null-terminated
        // arrays of pointers to C strings; the strings live in `self`, the
        // arrays in the caller.
        unsafe {
            libc::execve(
                self.program.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        };
        (Step::Exec, Errno::last())
    }
}

/// Forks a child that, once released, makes one getppid(2) call and exits
/// with 0: the least program that shows in which order stops come.
///
/// # Errors
/// [`LaunchError::Parent`].
pub fn spawn_probe(start: Start<'_>) -> Result<Launched, LaunchError> {
    let call = || {
        let _ = process::parent();
        exit_now(0)
    };
    fork(start, 0, || Ok(()), call)
}

/// A child that has not been waited for.
#[derive(Debug)]
pub struct Launched {
    tid: Tid,
    go: File,
    messages: File,
    program: PathBuf,
    said: LaunchReport,
    failed: Option<(Step, Errno)>,
}

/// What a child that became its program had to do on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaunchReport {
    /// It had to set `no_new_privs` for its filter.
    pub no_new_privs: bool,
    /// Its largest resident set before it executed its program, KiB: pages it has of its parent
    /// by fork(2), which its `ru_maxrss` keeps for ever (`setmax_mm_hiwater_rss` in `exec_mmap`, fs/exec.c).
    pub inherited_rss_kib: u64,
}

impl Launched {
    /// The child.
    #[must_use]
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// Ends a child that was not released, and reaps it.
    pub fn cancel(self) {
        let tid = self.tid;
        // The child exits when it finds the pipe closed.
        drop(self);
        while crate::wait::one(tid) == Err(Errno::EINTR) {}
    }

    /// Waits until a child that nobody traces has done all that comes before its
    /// release, or has failed to, which [`Launched::report`] tells.
    pub fn await_ready(&mut self) {
        while !matches!(self.next_message(), None | Some(READY)) {}
    }

    /// Lets the child go on.
    pub fn release(&mut self) {
        // Fails only when the child is dead, which its wait status tells.
        let _ = self.go.write_all(&[GO]);
    }

    /// What the child reported, once it has ended or become its program.
    ///
    /// # Errors
    /// [`LaunchError::Child`].
    pub fn report(mut self) -> Result<LaunchReport, LaunchError> {
        while self.next_message().is_some() {}
        match self.failed {
            None => Ok(self.said),
            Some((step, errno)) => Err(LaunchError::Child {
                program: self.program,
                step,
                errno,
            }),
        }
    }

    /// Takes the child's next message into account, and returns its first byte;
    /// `None` once the child has ended or become its program.
    fn next_message(&mut self) -> Option<u8> {
        let mut message = [0; 5];
        self.messages.read_exact(&mut message).ok()?;
        let [kind, errno @ ..] = message;
        if kind == NO_NEW_PRIVS_SET {
            self.said.no_new_privs = true;
        } else if kind == INHERITED_RSS {
            let kib = i32::from_ne_bytes(errno);
            self.said.inherited_rss_kib = u64::try_from(kib).unwrap_or(0);
        } else if let Some(&step) = Step::ALL.iter().find(|&&known| known as u8 == kind) {
            self.failed = Some((step, Errno::from_raw(i32::from_ne_bytes(errno))));
        }
        Some(kind)
    }
}

const GO: u8 = 1;
/// Exit code of a child that could not become its program, as in a shell.
const CANNOT_EXECUTE: i32 = 127;
// What else than a failed step a message can say.
const NO_NEW_PRIVS_SET: u8 = 0x80;
const READY: u8 = 0x81;
const INHERITED_RSS: u8 = 0x82;

/// The child sets itself up, waits for its release, and becomes its program;
/// a child that nobody traces has nothing left to do between the last two, and
/// says when it has come there. Its pipes have no number below `reserved`, where
/// `set_up` may put other descriptors.
fn fork(
    start: Start<'_>,
    reserved: RawFd,
    set_up: impl FnOnce() -> Result<(), (Step, Errno)>,
    become_program: impl FnOnce() -> Result<Infallible, (Step, Errno)>,
) -> Result<Launched, LaunchError> {
    let failed = |operation| move |errno| LaunchError::Parent { operation, errno };
    let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(failed("pipe2(2)"));
    let out_of_the_way = |end: OwnedFd| {
        if end.as_raw_fd() >= reserved {
            return Ok(end);
        }
        let raised = above(end.as_raw_fd(), reserved).map_err(failed("fcntl(F_DUPFD_CLOEXEC)"))?;
        // SAFETY: the kernel has just opened it for this call alone.
        Ok(unsafe { OwnedFd::from_raw_fd(raised) })
    };
    let ((go_read, go_write), (messages_read, messages_write)) = (pipe()?, pipe()?);
    // The child closes the other two before it puts anything in its place.
    let (go_read, messages_write) = (out_of_the_way(go_read)?, out_of_the_way(messages_write)?);
    let parent = process::own();
    // SAFETY: the child takes no lock that another thread could hold but those
    // of the allocator, which glibc keeps usable across fork(2), until it
    // executes or exits, which it does below.
    match unsafe { nix::unistd::fork() } {
        Err(errno) => Err(failed("fork(2)")(errno)),
        Ok(nix::unistd::ForkResult::Parent { child }) => Ok(Launched {
            tid: Tid(child.as_raw()),
            go: File::from(go_write),
            messages: File::from(messages_read),
            program: PathBuf::new(),
            said: LaunchReport::default(),
            failed: None,
        }),
        Ok(nix::unistd::ForkResult::Child) => {
            drop((go_write, messages_read));
            let mut messages = File::from(messages_write);
            let outcome = prepare(start, parent)
                .and_then(|()| set_up())
                .and_then(|()| arrange(start, File::from(go_read), &mut messages))
                .and_then(|()| become_program());
            let Err((step, errno)) = outcome;
            let mut message = [step as u8, 0, 0, 0, 0];
            message[1..].copy_from_slice(&(errno as i32).to_ne_bytes());
            let _ = messages.write_all(&message);
            exit_now(CANNOT_EXECUTE)
        }
    }
}

/// What any child does first.
fn prepare(start: Start<'_>, parent: Tid) -> Result<(), (Step, Errno)> {
    if !start.is_traced() {
        process::die_with_parent().map_err(|errno| (Step::ParentDeath, errno))?;
        if process::parent() != parent {
            exit_now(CANNOT_EXECUTE);
        }
    }
    default_signals();
    Ok(())
}

/// Waits for the release, and installs the filter: after it, as then the tracer
/// has attached, or before, where there is none. Nothing may come between the
/// mark and execve(2), as the tracer counts from the mark on.
fn arrange(start: Start<'_>, mut go: File, messages: &mut File) -> Result<(), (Step, Errno)> {
    let own = nix::unistd::Pid::from_raw(process::own().0);
    if let Start::FilteredUntraced(program) = start {
        install(program, messages)?;
    }
    let inherited = i32::try_from(rusage::own().max_rss_kib).unwrap_or(i32::MAX);
    let mut message = [INHERITED_RSS, 0, 0, 0, 0];
    message[1..].copy_from_slice(&inherited.to_ne_bytes());
    let _ = messages.write_all(&message);
    if !start.is_traced() {
        let _ = messages.write_all(&[READY, 0, 0, 0, 0]);
    }
    let mut byte = [0];
    // End of file: the parent is gone.
    if go.read_exact(&mut byte).is_err() || byte != [GO] {
        exit_now(CANNOT_EXECUTE);
    }
    drop(go);
    if let Start::Filtered(program) = start {
        install(program, messages)?;
    }
    if start.is_traced() {
        nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGSTOP)
            .map_err(|errno| (Step::Mark, errno))?;
    }
    Ok(())
}

/// Installs a filter, with `no_new_privs` only where the kernel insists.
fn install(program: &[SockFilter], messages: &mut File) -> Result<(), (Step, Errno)> {
    match seccomp::install(program) {
        Err(Errno::EACCES) => {
            seccomp::set_no_new_privs().map_err(|errno| (Step::NoNewPrivs, errno))?;
            let _ = messages.write_all(&[NO_NEW_PRIVS_SET, 0, 0, 0, 0]);
            seccomp::install(program).map_err(|errno| (Step::Filter, errno))
        }
        result => result.map_err(|errno| (Step::Filter, errno)),
    }
}

/// Undoes what was done to signals between the user's shell and here: the Rust
/// runtime ignores SIGPIPE, glibc's posix_spawn(3) the two signals it keeps for
/// itself, and the caller may block some.
fn default_signals() {
    const GLIBC_CANCEL: i32 = 32;
    const GLIBC_SETXID: i32 = 33;
    let empty = nix::sys::signal::SigSet::empty();
    let _ = empty.thread_set_mask();
    for signal in [libc::SIGPIPE, GLIBC_CANCEL, GLIBC_SETXID] {
        // `struct kernel_sigaction`: handler SIG_DFL, no flags, no restorer, empty mask.
        let default = [0_u64; 4];
        let set_size = size_of::<u64>();
        let none = std::ptr::null_mut::<u64>();
        // SAFETY: `default` lives and has the kernel's layout; glibc's own
        // function refuses its two signals. No handler is installed.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                none,
                set_size,
            )
        };
    }
}

/// A duplicate with a number that is not below `least`, close-on-exec.
fn above(descriptor: RawFd, least: RawFd) -> Result<RawFd, Errno> {
    // SAFETY: integer arguments only.
    let number = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, least) };
    // EINVAL: `least` is not below RLIMIT_NOFILE (fcntl(2)).
    Errno::result(number).map_err(|errno| match errno {
        Errno::EINVAL => Errno::EMFILE,
        other => other,
    })
}

fn duplicate(from: RawFd, to: RawFd) -> Result<(), Errno> {
    if from == to {
        // dup2(2) of equal numbers changes nothing, close-on-exec included.
        // SAFETY: integer arguments only.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: integer arguments only; the child owns all its descriptors.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

fn c_string(value: OsString) -> Result<CString, LaunchError> {
    CString::new(value.as_bytes()).map_err(|_| LaunchError::NulByte(value))
}

/// The file that execvp(3) would execute for `program`: itself if it has a
/// slash, else the first executable file of that name in `path`.
///
/// # Errors
/// [`LaunchError::NotFound`], [`LaunchError::NotExecutable`].
pub fn resolve(program: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, LaunchError> {
    let not_found = |path: Option<&OsStr>| LaunchError::NotFound {
        program: program.to_string_lossy().into_owned(),
        path: path.map(OsStr::to_owned),
    };
    if program.is_empty() {
        return Err(not_found(None));
    }
    if program.as_bytes().contains(&b'/') {
        let file = PathBuf::from(program);
        return match std::fs::metadata(&file) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(LaunchError::NotExecutable(file))
            }
            Err(_) => Err(not_found(None)),
            Ok(meta) if is_executable(&file, &meta) => Ok(file),
            Ok(_) => Err(LaunchError::NotExecutable(file)),
        };
    }
    let mut refused = None;
    for directory in path.into_iter().flat_map(std::env::split_paths) {
        let file = directory.join(program);
        match std::fs::metadata(&file) {
            Ok(meta) if is_executable(&file, &meta) => return Ok(file),
            Ok(_) => refused = refused.or(Some(file)),
            Err(_) => {}
        }
    }
    Err(refused.map_or_else(|| not_found(path), LaunchError::NotExecutable))
}

fn is_executable(file: &Path, meta: &std::fs::Metadata) -> bool {
    meta.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_as_execvp_does() {
        let path = Some(OsStr::new("/nonexistent:/bin:/usr/bin"));
        assert_eq!(
            resolve(OsStr::new("sh"), path).unwrap(),
            Path::new("/bin/sh")
        );
        assert_eq!(
            resolve(OsStr::new("/bin/sh"), None).unwrap(),
            Path::new("/bin/sh")
        );
        let absent = resolve(OsStr::new("no-such-command"), path)
            .unwrap_err()
            .to_string();
        assert_eq!(
            absent,
            "no-such-command: command not found in PATH (/nonexistent:/bin:/usr/bin); check its spelling, or give its path"
        );
        assert!(matches!(
            resolve(OsStr::new("/etc/passwd"), None),
            Err(LaunchError::NotExecutable(_))
        ));
        assert!(matches!(
            resolve(OsStr::new("/etc"), None),
            Err(LaunchError::NotExecutable(_))
        ));
        assert!(matches!(
            resolve(OsStr::new(""), path),
            Err(LaunchError::NotFound { .. })
        ));
    }

    #[test]
    fn refuses_words_execve_cannot_pass() {
        let words = [OsStr::new("sh"), OsStr::new("a\0b")];
        let error = Launch::new(OsStr::new("/bin/sh"), words, []).unwrap_err();
        assert!(matches!(error, LaunchError::NulByte(_)));
    }
}
