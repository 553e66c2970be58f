//! Where a case runs, and what it leaves there.

use crate::scenario::End;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) end: Option<End>,
    /// Every file of its directory, by name: its permissions and what it holds.
    pub(crate) files: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Done {
    /// What it wrote.
    pub(crate) fn out(&self) -> String {
        let out = self.files.get("out").map(|(_, text)| text.as_slice());
        String::from_utf8_lossy(out.unwrap_or_default()).into_owned()
    }
}

/// A case's directories; removed with it.
pub(crate) struct Room {
    directory: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new(directory: tempfile::TempDir) -> Self {
        std::fs::create_dir(directory.path().join("w")).expect("a directory");
        Self { directory }
    }

    /// Where the program works, and nothing else is.
    pub(crate) fn work(&self) -> PathBuf {
        self.directory.path().join("w")
    }

    /// A file beside that directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let text = std::fs::read(self.file(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What the program has left in its directory.
    pub(crate) fn files(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let entries = std::fs::read_dir(self.work()).expect("a directory");
        entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                let mode = entry.metadata().expect("metadata").permissions().mode();
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, (mode, std::fs::read(entry.path()).expect("a file")))
            })
            .collect()
    }

    /// How the only run of the record in `r` ended.
    ///
    /// # Errors
    /// There is no such run.
    pub(crate) fn sampled_end(&self) -> Result<Option<End>, String> {
        let samples = std::fs::read_to_string(self.file("r/samples.csv"));
        let samples = samples.map_err(|error| format!("samples.csv: {error}"))?;
        let mut lines = samples.lines().map(|line| line.split(','));
        let (Some(header), Some(row)) = (lines.next(), lines.next()) else {
            return Err(format!("samples.csv: {samples}"));
        };
        let row: BTreeMap<_, _> = header.zip(row).collect();
        let number = |column| row.get(column).and_then(|text: &&str| text.parse().ok());
        let killed = number("signal").map(End::Killed);
        Ok(number("exit_code").map(End::Exited).or(killed))
    }
}
