//! Starts a program so that it can be traced from its first call on.
//!
//! `std::process::Command` waits for its child's exec on a close-on-exec pipe,
//! and a child that a tracer must attach to first would never get there. Here
//! the child waits for its release, so that the tracer can attach, installs its
//! filter only then (a traced call without a tracer fails with `ENOSYS`), marks
//! the start of the traced part with a SIGSTOP of its own, and executes. What
//! goes wrong on the way is read from a pipe when the child has ended.
//!
//! Where the filter has a listener, its descriptor is the child's, close-on-exec, and each call that
//! the child makes from then on may be one that waits for who has it. So it makes none: it says the
//! number in shared memory, and looks there for its release into execve(2), until the supervisor has
//! taken the descriptor (pidfd_getfd(2)).

mod child;
mod error;
mod handover;
mod launched;

pub use error::{LaunchError, Step};
pub use launched::{LaunchReport, Launched};

use crate::seccomp::Insn;
use crate::{Errno, affinity, process};
use child::{above, duplicate, exit_now, fork};
use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
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
pub struct Start<'f> {
    /// A tracer attaches before it is released, and it marks its start with a SIGSTOP. A program
    /// that nobody traces is killed with its parent instead.
    pub traced: bool,
    /// The filter that it installs on itself, and who answers its notifications. It does so after its
    /// release where that is a tracer or a supervisor, before it otherwise.
    pub filter: Option<(&'f [Insn], Listener)>,
    /// After its release it waits once more, without a call, as the last thing before execve(2)
    /// ([`Launched::hold`]). One whose filter has a listener does so in any case.
    pub held: bool,
}

/// Whether a filter gets a listener for its `SECCOMP_RET_USER_NOTIF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// It does not: such a call fails with `ENOSYS`.
    None,
    /// It does, and the supervisor takes it ([`Launched::take_listener`]).
    Taken,
}

impl<'f> Start<'f> {
    /// Nobody traces it, and it has no filter.
    pub const UNTRACED: Self = Self {
        traced: false,
        filter: None,
        held: false,
    };
    /// A tracer attaches before it is released; it has no filter.
    pub const TRACED: Self = Self {
        traced: true,
        filter: None,
        held: false,
    };

    /// The same, and it installs `program` on itself.
    #[must_use]
    pub const fn filtered(self, program: &'f [Insn]) -> Self {
        Self {
            filter: Some((program, Listener::None)),
            ..self
        }
    }

    /// The same, and it waits for [`Launched::go_on`] as the last thing before execve(2).
    #[must_use]
    pub const fn held(self) -> Self {
        Self { held: true, ..self }
    }

    /// The same with a listener, which this process takes.
    #[must_use]
    pub const fn supervised(self, program: &'f [Insn]) -> Self {
        Self {
            filter: Some((program, Listener::Taken)),
            ..self
        }
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
        let variables = environment
            .iter()
            .map(|(name, value)| variable(name, value));
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

    /// Sets a variable of its environment, in the place of one of that name. Which file is executed
    /// was decided by the `PATH` before.
    ///
    /// # Errors
    /// [`LaunchError::NulByte`].
    pub fn set_env(&mut self, name: &OsStr, value: &OsStr) -> Result<&mut Self, LaunchError> {
        let variable = variable(name, value)?;
        self.environment
            .retain(|other| value_of(other, name).is_none());
        self.environment.push(variable);
        Ok(self)
    }

    /// Has another program execute this one: what is executed becomes the first word of `before`,
    /// by path or by name in the `PATH` of the environment, with the other words, the path of this
    /// program, its arguments but the first, and `after`.
    ///
    /// # Errors
    /// As [`Launch::new`]; [`LaunchError::NotFound`] also where `before` is empty.
    pub fn wrapped_by(
        &mut self,
        before: &[OsString],
        after: &[OsString],
    ) -> Result<&mut Self, LaunchError> {
        let wrapper = before.first().map_or(OsStr::new(""), OsString::as_os_str);
        let path = OsStr::new("PATH");
        let path = self
            .environment
            .iter()
            .find_map(|variable| value_of(variable, path));
        let wrapper = c_string(resolve(wrapper, path)?.into_os_string())?;
        let words = |words: &[OsString]| words.iter().cloned().map(c_string).collect();
        let (before, after): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (words(before), words(after));
        let (mut arguments, after) = (before?, after?);
        arguments.push(std::mem::replace(&mut self.program, wrapper));
        arguments.extend(self.arguments.drain(..).skip(1));
        arguments.extend(after);
        self.arguments = arguments;
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

    /// This process's descriptor that it is given as number `number`.
    #[must_use]
    pub fn source_of(&self, number: RawFd) -> Option<RawFd> {
        let of_number = self.given().filter(|&(_, to)| to == number);
        of_number.last().map(|(from, _)| from)
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
        let mut launched = fork(start, reserved, set_up, become_program)?;
        launched.program = PathBuf::from(OsString::from_vec(self.program.as_bytes().to_vec()));
        Ok(launched)
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

fn c_string(value: OsString) -> Result<CString, LaunchError> {
    CString::new(value.as_bytes()).map_err(|_| LaunchError::NulByte(value))
}

/// `NAME=VALUE`, as environ(7) has it.
fn variable(name: &OsStr, value: &OsStr) -> Result<CString, LaunchError> {
    let mut variable = name.to_owned();
    variable.push("=");
    variable.push(value);
    c_string(variable)
}

/// The value of a variable, if it is the one called `name`.
fn value_of<'a>(variable: &'a CStr, name: &OsStr) -> Option<&'a OsStr> {
    let value = variable.to_bytes().strip_prefix(name.as_bytes())?;
    value.strip_prefix(b"=").map(OsStr::from_bytes)
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

    fn launch(environment: &[(&str, &str)]) -> Launch<'static> {
        let words = ["name", "one", "two"].map(OsStr::new);
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Launch::new(OsStr::new("/bin/sh"), words, environment).unwrap()
    }

    fn words(of: &[CString]) -> Vec<&str> {
        of.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn a_wrapper_gets_the_resolved_program_between_its_words() {
        let mut launch = launch(&[("PATH", "/nonexistent:/bin")]);
        let (before, after) = (["env".into(), "-i".into()], ["last".into()]);
        launch.wrapped_by(&before, &after).unwrap();
        assert_eq!(launch.program.to_str(), Ok("/bin/env"));
        assert_eq!(
            words(&launch.arguments),
            ["env", "-i", "/bin/sh", "one", "two", "last"]
        );
        // A second one wraps the first.
        launch.wrapped_by(&["/bin/nice".into()], &[]).unwrap();
        assert_eq!(launch.program.to_str(), Ok("/bin/nice"));
        assert_eq!(
            words(&launch.arguments),
            [
                "/bin/nice",
                "/bin/env",
                "-i",
                "/bin/sh",
                "one",
                "two",
                "last"
            ]
        );
    }

    #[test]
    fn a_wrapper_that_is_nowhere_changes_nothing() {
        let mut launch = launch(&[("PATH", "/bin")]);
        for wrapper in [vec!["no-such-command".into()], Vec::new()] {
            let error = launch.wrapped_by(&wrapper, &[]).unwrap_err();
            assert!(matches!(error, LaunchError::NotFound { .. }), "{error}");
        }
        assert_eq!(launch.program.to_str(), Ok("/bin/sh"));
        assert_eq!(words(&launch.arguments), ["name", "one", "two"]);
    }

    #[test]
    fn a_variable_replaces_the_one_of_its_name_only() {
        let mut launch = launch(&[("PATH", "/bin"), ("A", "1"), ("AB", "2")]);
        for value in ["3", "4=5"] {
            launch.set_env(OsStr::new("A"), OsStr::new(value)).unwrap();
        }
        assert_eq!(words(&launch.environment), ["PATH=/bin", "AB=2", "A=4=5"]);
        let error = launch
            .set_env(OsStr::new("A"), OsStr::new("\0"))
            .unwrap_err();
        assert!(matches!(error, LaunchError::NulByte(_)), "{error}");
    }

    #[test]
    fn refuses_words_execve_cannot_pass() {
        let words = [OsStr::new("sh"), OsStr::new("a\0b")];
        let error = Launch::new(OsStr::new("/bin/sh"), words, []).unwrap_err();
        assert!(matches!(error, LaunchError::NulByte(_)));
    }
}
