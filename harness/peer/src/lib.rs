//! Tracers that people run ("peers"): strace, perf trace and whatever a TOML file describes.
//!
//! A [`Peer`] is a file of `harness/peers` and, where it is built in, a line of `registry`; no peer has
//! code of its own. The way of a run: [`Description`] makes the command line, [`Peer::run`] starts it
//! around the program, waits for the whole tree and reads the peer's own account while it is a
//! zombie, and [`counting`] counts the events in what it wrote. `description`, `template` and
//! `counting` are pure.
//!
//! A run's wall time begins with the peer's own execve(2), as a user waits for its start-up, too.

mod check;
pub mod counting;
mod description;
mod registry;
mod run;
mod template;
mod tree;

pub use check::{Facts, Unavailable};
pub use description::{
    Capabilities, Counts, Description, DescriptionError, PassesOn, Privileges, Selects,
};
pub use registry::registry;
pub use run::{Ended, PeerError, PeerOutcome};
use std::ffi::OsStr;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A tracer that people run. What it is like is in its [`Description`].
#[derive(Debug, Clone)]
pub struct Peer(Description);

impl Deref for Peer {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.0
    }
}

impl Peer {
    /// A peer from the text of a description; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DescriptionError`].
    pub fn parse(file: &str, text: &str) -> Result<Self, DescriptionError> {
        Description::parse(file, text).map(Self)
    }

    /// A peer from a file.
    ///
    /// # Errors
    /// [`DescriptionError`], also where the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, DescriptionError> {
        let file = path.to_string_lossy();
        let text = std::fs::read_to_string(path).map_err(|error| DescriptionError {
            file: file.to_string(),
            line: None,
            what: format!("cannot be read: {error}"),
            remedy: "give the path of a peer's TOML file".to_owned(),
        })?;
        Self::parse(&file, &text)
    }

    /// A peer that was [`to_bytes`](Description::to_bytes) in another process.
    ///
    /// # Errors
    /// [`DescriptionError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let mut parts = bytes.splitn(3, |&byte| byte == 0);
        let mut part = || parts.next().unwrap_or_default();
        let (file, binary, text) = (part(), part(), part());
        let peer = Self::parse(
            &String::from_utf8_lossy(file),
            &String::from_utf8_lossy(text),
        )?;
        Ok(peer.with_binary(OsStr::from_bytes(binary)))
    }

    /// The same peer, with another binary.
    #[must_use]
    pub fn with_binary(self, path: &OsStr) -> Self {
        Self(self.0.with_binary(path))
    }
}

/// Words as they would be typed, more or less.
fn command_line(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let word = |word: &OsStr| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@%+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = words.into_iter().map(|one| word(one.as_ref()));
    words.collect::<Vec<_>>().join(" ")
}
