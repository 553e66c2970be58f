//! Whether a peer can run here, by trying.

use crate::run::last_line;
use crate::{Peer, Privileges, Selects};
use harness_sys::launcher::resolve;
use harness_sys::{Errno, Tid, process, wait};
use harness_syscalls::{Table, TraceSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// After which a trial has failed.
const LIMIT: Duration = Duration::from_secs(10);

/// What was found of a peer that can run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its binary.
    pub binary: PathBuf,
    /// Its version, as it says it.
    pub version: String,
}

/// Why a peer cannot run here, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Unavailable {
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Peer {
    /// Looks for its binary, asks for its version and runs true(1) under it once, which takes some
    /// milliseconds to some tenths of a second. Starts processes and waits for them.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub fn check(&self) -> Result<Facts, Unavailable> {
        if self.privileges == Privileges::Root && process::effective_user() != 0 {
            return Err(Unavailable {
                reason: format!("{} needs root", self.name),
                remedy: "run the harness as root (sudo)".to_owned(),
            });
        }
        let path = std::env::var_os("PATH");
        let found = |program: &OsStr| resolve(program, path.as_deref());
        let binary = found(self.binary()).map_err(|error| Unavailable {
            reason: error
                .to_string()
                .split("; ")
                .next()
                .unwrap_or_default()
                .to_owned(),
            remedy: format!("install it: {}", self.install),
        })?;
        let version = self.ask_version()?;
        let program = found(OsStr::new("true")).map_err(|error| Unavailable {
            reason: format!("{} cannot be tried: {error}", self.name),
            remedy: "install coreutils".to_owned(),
        })?;
        self.try_on(&program)?;
        Ok(Facts { binary, version })
    }

    fn ask_version(&self) -> Result<String, Unavailable> {
        let words = self.version_command();
        let said =
            bounded(&words).map_err(|error| self.failed("asked for its version, it", &error))?;
        let found = self.version.captures(&said.text);
        // Without a group the whole match is the version.
        let found = found.and_then(|found| found.get(1).or_else(|| found.get(0)));
        found
            .map(|version| version.as_str().to_owned())
            .ok_or_else(|| Unavailable {
                reason: format!(
                    "{}: `{}` does not say a version that `version.regex` matches{}",
                    self.name,
                    crate::command_line(&words),
                    quoted(&said.text)
                ),
                remedy: "correct `version` in its description".to_owned(),
            })
    }

    /// Runs `program`, which must make a call and end with 0.
    fn try_on(&self, program: &Path) -> Result<(), Unavailable> {
        let set = match self.selects() {
            Selects::Names if self.argv_all.is_none() => "execve",
            _ => "all",
        };
        let set = TraceSet::parse(set, Table::current())
            .map_err(|error| self.failed("it", &error.to_string()))?;
        let scratch = tempfile::tempdir().map_err(|error| Unavailable {
            reason: format!(
                "{} cannot be tried: no temporary directory: {error}",
                self.name
            ),
            remedy: "make TMPDIR a directory that can be written to".to_owned(),
        })?;
        let output = scratch.path().join("peer-output");
        let (mut words, after) = self.words(&set, &output);
        words.push(program.into());
        words.extend(after);
        let mut tried =
            bounded(&words).map_err(|error| self.failed("tried on true(1), it", &error))?;
        // perf trace writes its own errors there.
        if !tried.status.success() {
            tried.text += &std::fs::read_to_string(&output).unwrap_or_default();
        }
        let Err(error) = self.judge(&tried, &output) else {
            return Ok(());
        };
        let remedy = self.remedy(&tried.text);
        let by_hand = || format!("run `{}` to see why", crate::command_line(&words));
        Err(Unavailable {
            reason: format!("{}: tried on true(1), {error}", self.name),
            remedy: remedy.map_or_else(by_hand, str::to_owned),
        })
    }

    /// Whether a trial ended well and counted a call.
    fn judge(&self, tried: &Done, output: &Path) -> Result<(), String> {
        let wrote = quoted(&tried.text);
        if !tried.status.success() {
            return Err(format!("it ended with {}{wrote}", tried.status));
        }
        let file = File::open(output).map_err(|_| format!("it wrote nothing{wrote}"))?;
        let counted = self.count(BufReader::new(file));
        match counted {
            Ok(counted) if counted.total() > 0 => Ok(()),
            Ok(_) => Err(format!("it counted no call{wrote}")),
            Err(error) => Err(format!("{error}{wrote}")),
        }
    }

    fn failed(&self, what: &str, error: &str) -> Unavailable {
        Unavailable {
            reason: format!("{}: {what} {error}", self.name),
            remedy: format!("install another version: {}", self.install),
        }
    }
}

fn quoted(text: &str) -> String {
    match last_line(text) {
        "" => String::new(),
        line => format!(" (it wrote: {line})"),
    }
}

/// What a command did.
struct Done {
    status: ExitStatus,
    /// What it wrote to standard output and standard error.
    text: String,
}

/// Waits for what a peer did not wait for, which comes to this process where it is a subreaper.
fn reap_orphans(peer: &Child, deadline: Instant) {
    let Ok(group) = i32::try_from(peer.id()).map(Tid) else {
        return;
    };
    while Instant::now() < deadline {
        match wait::poll_group(group) {
            Ok(Some(_)) | Err(Errno::EINTR) => {}
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => return,
        }
    }
    let _ = process::kill_group(group);
}

/// Runs a command, and kills it at the limit.
fn bounded(words: &[impl AsRef<OsStr>]) -> Result<Done, String> {
    let io = |error| format!("could not be run: {error}");
    let mut text = tempfile::tempfile().map_err(io)?;
    let [stdout, stderr] = [text.try_clone(), text.try_clone()];
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(stdout.map_err(io)?)
        .stderr(stderr.map_err(io)?)
        // So that all that it starts can be killed.
        .process_group(0)
        .spawn()
        .map_err(io)?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait().map_err(io)? {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            None => {
                // They fail only where it has just ended.
                let _ = i32::try_from(child.id()).map(|id| process::kill_group(Tid(id)));
                let _ = child.wait();
                return Err(format!("did not end within {} seconds", LIMIT.as_secs()));
            }
        }
    };
    reap_orphans(&child, deadline);
    let mut bytes = Vec::new();
    text.rewind()
        .and_then(|()| text.read_to_end(&mut bytes))
        .map_err(io)?;
    Ok(Done {
        status,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
