//! A program run under a peer, to the end of the whole tree.

use crate::counting::{CountError, Counted};
use crate::{PassesOn, Peer, tree};
use harness_sys::launcher::{Launch, LaunchError, LaunchReport, Start};
use harness_sys::proc_account::{self, Account};
use harness_sys::{Tid, process};
use harness_syscalls::TraceSet;
use harness_tracer::End;
use harness_tracer::tree::{Beside, WaitError, await_end};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked whether the peer hangs.
const PERIOD: Duration = Duration::from_secs(1);

/// So many looks after another that find nobody but the peer: it hangs.
const LOOKS: u32 = 10;

/// What one run under a peer was seen to do.
#[derive(Debug)]
pub struct PeerOutcome {
    /// How the peer ended: as the program did where it passes that on ([`PassesOn`]).
    pub end: End,
    /// From the release into execve(2) of the peer to the end of the last process of its tree.
    pub wall: Duration,
    /// What the peer itself used, without the program.
    pub account: Account,
    /// Bytes that the peer wrote to its output.
    pub output_bytes: u64,
    /// What the peer counted. More than 0 lost events make it too few.
    pub counted: Counted,
    /// What the launch was like.
    pub launch: LaunchReport,
}

/// Why a run under a peer does not count.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Its tree could not be waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The directory for its output, or the output, could not be used.
    #[error("{peer}: {operation} {}: {source}", path.display())]
    Io {
        /// The peer.
        peer: String,
        /// What could not be done.
        operation: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its own account could not be read.
    #[error("{peer}: its own CPU time cannot be read: {source}; mount /proc of this PID namespace")]
    Account {
        /// The peer.
        peer: String,
        /// Why.
        source: io::Error,
    },
    /// It went on after the program.
    #[error(
        "{peer} hangs: it went on for {LOOKS} seconds after all processes of the program had ended, and was killed; \
         run `{command}` to see what it waits for"
    )]
    Hangs {
        /// The peer.
        peer: String,
        /// Its command line.
        command: String,
    },
    /// It ended before the program.
    #[error(
        "{peer} {end} and left {left} of the program's processes behind, which went on untraced; describe one that \
         follows them all, or measure a program without processes in the background"
    )]
    LeftBehind {
        /// The peer.
        peer: String,
        /// How it ended.
        end: Ended,
        /// How many processes went on.
        left: usize,
    },
    /// A signal killed it.
    #[error(
        "{peer} {end}, and not because the program was; look for who killed it (dmesg names the OOM killer)"
    )]
    Killed {
        /// The peer.
        peer: String,
        /// By which signal.
        end: Ended,
    },
    /// It ended before it had run the program.
    #[error(
        "{peer} {end} without output{}; run `{command}` and correct its description or the trace set",
        said(stderr)
    )]
    Refused {
        /// The peer.
        peer: String,
        /// How it ended.
        end: Ended,
        /// The last line that was written to standard error.
        stderr: String,
        /// Its command line.
        command: String,
    },
    /// It ended well, and its output is empty or not there.
    #[error(
        "{peer} wrote nothing to its output{}; run `{command}` to see where its output goes",
        said(stderr)
    )]
    WroteNothing {
        /// The peer.
        peer: String,
        /// The last line that was written to standard error.
        stderr: String,
        /// Its command line.
        command: String,
    },
    /// What it wrote is not what was expected.
    #[error(
        "{peer}: {error}; its version may write another format: describe that in a TOML file (--peer)"
    )]
    Output {
        /// The peer.
        peer: String,
        /// Where and what.
        error: CountError,
    },
}

/// An end in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended(pub End);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            End::Exited(code) => write!(f, "ended with exit code {code}"),
            End::Killed(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(" (standard error: {stderr})")
    }
}

/// The last line of `text` that is not blank.
pub(crate) fn last_line(text: &str) -> &str {
    let last = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    last.unwrap_or("")
}

impl Peer {
    /// Runs the program of `launch` under this peer, which traces `set` as far as it can
    /// ([`Selects`](crate::Selects)), to the end of the whole tree. Then, outside of the time, what
    /// it wrote is counted and deleted. `scratch` is a directory for that. Where the launch's standard
    /// error is a file, its last line explains an error.
    ///
    /// The calling process must be a subreaper, have a single thread and no other child, and use
    /// SIGCHLD for nothing else.
    ///
    /// # Errors
    /// [`PeerError`]. No process of the tree is left then either.
    pub fn run(
        &self,
        mut launch: Launch<'_>,
        set: &TraceSet,
        scratch: &Path,
    ) -> Result<PeerOutcome, PeerError> {
        let output = OutputFile::new(self, scratch)?;
        let (before, after) = self.words(set, &output.path);
        launch.wrapped_by(&before, &after)?;
        let ran = run(&launch).inspect_err(|_| process::kill_descendants())?;
        let peer = || self.name.clone();
        let program = [OsString::from("COMMAND")];
        let command = || crate::command_line(before.iter().chain(&program).chain(&after));
        if ran.watch.hangs {
            return Err(PeerError::Hangs {
                peer: peer(),
                command: command(),
            });
        }
        let end = Ended(ran.end);
        if ran.watch.left > 0 {
            return Err(PeerError::LeftBehind {
                peer: peer(),
                end,
                left: ran.watch.left,
            });
        }
        let killed = matches!(ran.end, End::Killed(_));
        if killed && self.end == PassesOn::Itself {
            return Err(PeerError::Killed { peer: peer(), end });
        }
        let bytes = output.length()?;
        let none = self.output.empty_is_none && bytes == Some(0);
        // Where an empty output says that nothing was counted, who was killed is not told: the peer ends
        // as the program did, and that is held to how it ends untraced.
        if bytes.unwrap_or(0) == 0 && !none {
            let stderr = last_line_of_stderr(&launch);
            return Err(match ran.end {
                End::Killed(_) => PeerError::Killed { peer: peer(), end },
                End::Exited(0) => PeerError::WroteNothing {
                    peer: peer(),
                    stderr,
                    command: command(),
                },
                End::Exited(_) => PeerError::Refused {
                    peer: peer(),
                    end,
                    stderr,
                    command: command(),
                },
            });
        }
        let counted = if none {
            Counted::default()
        } else {
            let counted = self.count(output.open()?);
            match counted {
                // A peer that was killed may have been in the middle of a line.
                Err(CountError::BreaksOff { .. }) if killed => {
                    return Err(PeerError::Killed { peer: peer(), end });
                }
                counted => counted.map_err(|error| PeerError::Output {
                    peer: peer(),
                    error,
                })?,
            }
        };
        if killed && counted.killed == Some(false) {
            return Err(PeerError::Killed { peer: peer(), end });
        }
        let account = ran
            .watch
            .account
            .unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        Ok(PeerOutcome {
            end: ran.end,
            wall: ran.wall,
            account: account.map_err(|source| PeerError::Account {
                peer: peer(),
                source,
            })?,
            output_bytes: bytes.unwrap_or(0),
            counted,
            launch: ran.launch,
        })
    }
}

/// The last line that was written to standard error, where that is a file.
fn last_line_of_stderr(launch: &Launch<'_>) -> String {
    const KEPT: u64 = 2048;
    let read = || -> io::Result<String> {
        let number = launch.source_of(2).ok_or(io::ErrorKind::NotFound)?;
        let path = format!("/proc/self/fd/{number}");
        let meta = fs::metadata(&path)?;
        // Another kind would have to be waited for.
        if !meta.is_file() {
            return Ok(String::new());
        }
        // Opened anew, so that the position of the one that is shared stays.
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(meta.len().saturating_sub(KEPT)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(last_line(&String::from_utf8_lossy(&bytes)).to_owned())
    };
    // It is only context.
    read().unwrap_or_default()
}

/// A tree that has ended.
struct Ran {
    end: End,
    wall: Duration,
    launch: LaunchReport,
    watch: Watch,
}

fn run(launch: &Launch<'_>) -> Result<Ran, PeerError> {
    let mut child = launch.spawn(Start::UNTRACED)?;
    let mut watch = Watch::new(child.tid());
    child.await_ready();
    let started = Instant::now();
    child.release();
    let end = await_end(child.tid(), &mut watch)?;
    // Where the peer was the last to end, its account was read within the time: that is not its.
    let ended = watch.root_ended_at.filter(|_| watch.left == 0);
    let wall = ended.unwrap_or_else(Instant::now) - started;
    Ok(Ran {
        end,
        wall,
        launch: child.report()?,
        watch,
    })
}

/// What is looked at while the tree is waited for.
struct Watch {
    root: Tid,
    root_ended_at: Option<Instant>,
    account: Option<io::Result<Account>>,
    /// Processes of the tree that lived when the peer had ended.
    left: usize,
    /// How many looks after another found nobody but the peer.
    alone: u32,
    hangs: bool,
}

impl Watch {
    fn new(root: Tid) -> Self {
        Self {
            root,
            root_ended_at: None,
            account: None,
            left: 0,
            alone: 0,
            hangs: false,
        }
    }
}

impl Beside for Watch {
    type Error = WaitError;

    fn period(&self) -> Option<Duration> {
        // Once the peer has ended it cannot hang.
        self.root_ended_at.is_none().then_some(PERIOD)
    }

    fn tick(&mut self) -> Result<(), WaitError> {
        if self.root_ended_at.is_some() {
            return Ok(());
        }
        let alone = tree::is_alone(self.root);
        self.alone = if alone { self.alone + 1 } else { 0 };
        if self.alone >= LOOKS {
            self.hangs = true;
            // It fails only where the peer has just ended.
            let _ = process::kill(self.root);
        }
        Ok(())
    }

    fn looks_at_root(&self) -> bool {
        true
    }

    fn root_ended(&mut self, root: Tid) {
        self.root_ended_at = Some(Instant::now());
        self.account = Some(proc_account::of_zombie(root));
        // Its children are ours now.
        let children = process::children();
        let left = children
            .into_iter()
            .filter(|&child| child != root && tree::lives(child));
        self.left = left.count();
    }
}

/// The file that a peer writes, deleted in the end.
struct OutputFile<'a> {
    peer: &'a Peer,
    path: PathBuf,
}

impl<'a> OutputFile<'a> {
    fn new(peer: &'a Peer, scratch: &Path) -> Result<Self, PeerError> {
        // The program may start in another directory.
        let path = std::path::absolute(scratch).map(|scratch| scratch.join("peer-output"));
        let path = path.map_err(|source| PeerError::Io {
            peer: peer.name.clone(),
            operation: "cannot use",
            path: scratch.to_owned(),
            source,
        })?;
        let output = Self { peer, path };
        output.remove()?;
        Ok(output)
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(io::Error) -> PeerError {
        move |source| PeerError::Io {
            peer: self.peer.name.clone(),
            operation,
            path: self.path.clone(),
            source,
        }
    }

    fn remove(&self) -> Result<(), PeerError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.error("cannot delete")(error))
            }
            _ => Ok(()),
        }
    }

    /// Its length, bytes; `None` where it is not there.
    fn length(&self) -> Result<Option<u64>, PeerError> {
        match fs::metadata(&self.path) {
            Ok(meta) => Ok(Some(meta.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("cannot look at")(error)),
        }
    }

    fn open(&self) -> Result<BufReader<File>, PeerError> {
        let file = File::open(&self.path).map_err(self.error("cannot open"))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }
}

impl Drop for OutputFile<'_> {
    fn drop(&mut self) {
        // The directory is the run's, and goes with it.
        let _ = self.remove();
    }
}
