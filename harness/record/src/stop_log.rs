//! The log of stops: a line of JSON each, written as the tracee is stopped.

use crate::error::Error;
use crate::files::create_new;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Which run a line belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRun {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// Whether the run does not count; those that do not are numbered by themselves.
    pub warm_up: bool,
    /// Of a run that counts, `index` of its row in `samples.csv`.
    pub run: u64,
    /// Which execution of the run, from 0; short loops have several.
    pub execution: u32,
}

/// What happened to a tracee, and what its tracer did. What does not apply is
/// left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedStop {
    /// Since the restart into execve(2), nanoseconds.
    pub at_ns: u64,
    /// The thread.
    pub tid: i32,
    /// What it is.
    pub stop: StopKind,
    /// The way into the kernel that the call took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
    /// Number of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Name of the call, where the number has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What the call returned; a negated errno where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
    /// The arguments of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<[u64; 6]>,
    /// How long the call took, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ns: Option<u64>,
    /// `SECCOMP_RET_DATA` of the filter that stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<u32>,
    /// The signal that is delivered, stopped it or killed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The new task of a fork, vfork or clone; the former id of a thread that executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<i32>,
    /// What it exited with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The request that restarts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// The signal that is delivered with the restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inject: Option<i32>,
}

/// What is logged of a tracee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// syscall-enter-stop.
    SyscallEnter,
    /// syscall-exit-stop.
    SyscallExit,
    /// seccomp-stop.
    Seccomp,
    /// `PTRACE_EVENT_FORK`.
    Fork,
    /// `PTRACE_EVENT_VFORK`.
    Vfork,
    /// `PTRACE_EVENT_CLONE`.
    Clone,
    /// `PTRACE_EVENT_EXEC`.
    Exec,
    /// `PTRACE_EVENT_STOP` that is no group-stop: the first stop of a new tracee,
    /// or the end of a group-stop.
    EventStop,
    /// group-stop.
    Group,
    /// signal-delivery-stop.
    Signal,
    /// A stop of a tracee that died in it before it could be looked at.
    #[default]
    Dying,
    /// Any other event stop.
    OtherEvent,
    /// No stop of ptrace(2): a call waited for a supervisor, which let it go on.
    Notification,
    /// No stop: a call has ended that a program in the kernel saw. It has no result where the task ended
    /// in it.
    Returned,
    /// No stop: it exited. A process that nobody waited for is reported again when
    /// its parent ends and the tracer inherits it.
    Exited,
    /// No stop: a signal killed it; reported again likewise.
    Killed,
}

/// The request that restarts a tracee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// Until its next stop that is none of a call.
    #[serde(rename = "PTRACE_CONT")]
    Cont,
    /// Until its next stop.
    #[serde(rename = "PTRACE_SYSCALL")]
    Syscall,
    /// It stays in its group-stop.
    #[serde(rename = "PTRACE_LISTEN")]
    Listen,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLine {
    /// Which run.
    #[serde(flatten)]
    pub run: LoggedRun,
    /// What happened in it.
    #[serde(flatten)]
    pub stop: LoggedStop,
}

/// The file of a log, which processes that write to it one after the other open
/// in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLog {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl StopLog {
    /// Creates the file.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is anything, a symbolic link included;
    /// [`Error::Io`] where it cannot be created.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::check(path)?;
        let file = create_new(path)?;
        let metadata = file.metadata().map_err(Error::io("examine", path))?;
        Ok(Self {
            path: std::path::absolute(path).map_err(Error::io("find", path))?,
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Whether there is nothing yet, before anything else is done.
    ///
    /// # Errors
    /// [`Error::Exists`].
    pub fn check(path: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(path) {
            Ok(_) => Err(Error::Exists {
                path: path.to_path_buf(),
            }),
            // Why nothing can be found there, creating it says.
            Err(_) => Ok(()),
        }
    }

    /// Opens it to append the lines of `run`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Replaced`] where another file has its name now.
    pub fn append(&self, run: LoggedRun) -> Result<StopWriter, Error> {
        let path = &self.path;
        let open = File::options().append(true).open(path);
        let file = open.map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("examine", path))?;
        if (metadata.dev(), metadata.ino()) != (self.device, self.inode) {
            return Err(Error::Replaced { path: path.clone() });
        }
        Ok(StopWriter {
            file,
            path: path.clone(),
            end: metadata.len(),
            run,
        })
    }
}

/// Appends lines, whole ones only. A line is in the file when
/// [`write`](Self::write) returns, so that the last one says where a run hangs.
#[derive(Debug)]
pub struct StopWriter {
    file: File,
    path: PathBuf,
    /// End of the last whole line.
    end: u64,
    run: LoggedRun,
}

impl StopWriter {
    /// Appends a line.
    ///
    /// # Errors
    /// [`Error::Io`], for example on a full disk; the file then ends with the line
    /// before.
    pub fn write(&mut self, stop: &LoggedStop) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            run: &'a LoggedRun,
            #[serde(flatten)]
            stop: &'a LoggedStop,
        }
        let line = Line {
            run: &self.run,
            stop,
        };
        let mut line = serde_json::to_vec(&line).map_err(|cause| Error::Serialize { cause })?;
        line.push(b'\n');
        match self.file.write_all(&line) {
            Ok(()) => {
                self.end += line.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // Should this fail too, the last line is none that can be read.
                let _ = self.file.set_len(self.end);
                Err(Error::io("append to", &self.path)(cause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> LoggedRun {
        LoggedRun {
            workload: "getppid".to_owned(),
            mode: "ptrace".to_owned(),
            warm_up: false,
            run: 3,
            execution: 0,
        }
    }

    #[test]
    fn lines_say_what_applies_and_are_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stops.jsonl");
        let log = StopLog::create(&path).unwrap();
        let stop = LoggedStop {
            at_ns: 17,
            tid: 4711,
            stop: StopKind::Group,
            signal: Some(19),
            restart: Some(Restart::Listen),
            ..LoggedStop::default()
        };
        log.append(run()).unwrap().write(&stop).unwrap();
        log.append(run()).unwrap().write(&stop).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected = r#"{"workload":"getppid","mode":"ptrace","warm_up":false,"run":3,"execution":0,"at_ns":17,"tid":4711,"stop":"group","signal":19,"restart":"PTRACE_LISTEN"}"#;
        assert_eq!(text.lines().collect::<Vec<_>>(), [expected; 2]);
        let line: StopLine = serde_json::from_str(expected).unwrap();
        assert_eq!(line, StopLine { run: run(), stop });
    }

    #[test]
    fn what_is_there_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        fs::write(path("mine"), "precious").unwrap();
        std::os::unix::fs::symlink(path("mine"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nothing"), path("dangling")).unwrap();
        for name in ["mine", "link", "dangling", "."] {
            let error = StopLog::create(&path(name)).unwrap_err().to_string();
            assert!(error.contains("exists already"), "{error}");
        }
        assert_eq!(fs::read_to_string(path("mine")).unwrap(), "precious");
        assert!(!path("nothing").exists());

        let log = StopLog::create(&path("log")).unwrap();
        fs::remove_file(path("log")).unwrap();
        std::os::unix::fs::symlink(path("mine"), path("log")).unwrap();
        let error = log.append(run()).unwrap_err().to_string();
        assert!(error.contains("another file"), "{error}");
        assert_eq!(fs::read_to_string(path("mine")).unwrap(), "precious");
    }
}
