//! Creating files and replacing them whole.
//!
//! A replaced file is written under a temporary name, synchronised, renamed: a
//! reader sees the old file or the new one, and a symbolic link in its place is
//! replaced, never followed.

use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// `O_CREAT | O_EXCL`: never follows a link, never opens what is there.
pub(crate) fn create_new(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(Error::io("create", path))
}

/// Puts a whole file in the place of `directory/name`.
pub(crate) fn replace(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let temporary = directory.join(format!(".{name}.{}.tmp", std::process::id()));
    // Ours by its name; left behind if a process of the same id was killed.
    match fs::remove_file(&temporary) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &temporary)(cause));
        }
        _ => {}
    }
    let target = directory.join(name);
    let mut file = create_new(&temporary)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, &target));
    written.map_err(|cause| {
        // The error to report is the one that happened first.
        let _ = fs::remove_file(&temporary);
        Error::io("write", &target)(cause)
    })
}
