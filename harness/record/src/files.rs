//! Creating files, replacing them whole, and reading those of strangers.
//!
//! A replaced file is written under a temporary name that nobody can guess,
//! synchronised, renamed: a reader sees the old file or the new one, and a
//! symbolic link in its place is replaced, never followed.

use crate::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// The most that is read of a file: a hundred thousand runs of ten modes have
/// less. A record may come from anybody.
const MOST_BYTES: u64 = 256 << 20;

/// `O_CREAT | O_EXCL`: never follows a link, never opens what is there.
pub(crate) fn create_new(path: &Path) -> Result<File, Error> {
    create_exclusive(path).map_err(Error::io("create", path))
}

pub(crate) fn create_exclusive(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// A new file with a name that cannot be guessed, removed again with the value.
/// Errors do not have that name, which nobody gave, in them.
pub(crate) fn temporary(
    directory: &Path,
    prefix: &OsStr,
    suffix: &str,
) -> io::Result<NamedTempFile<File>> {
    let mut cause = None;
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(suffix)
        .make_in(directory, |path| {
            create_exclusive(path).inspect_err(|error| cause = error.raw_os_error())
        })
        .map_err(|error| cause.map_or(error, io::Error::from_raw_os_error))
}

/// Puts a whole file in the place of `directory/name`.
pub(crate) fn replace(
    directory: &Path,
    name: impl AsRef<OsStr>,
    bytes: &[u8],
) -> Result<(), Error> {
    let name = name.as_ref();
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let target = directory.join(name);
    let write = || {
        let mut file = temporary(directory, &prefix, ".tmp")?;
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(())
    };
    write().map_err(Error::io("write", &target))
}

/// Puts a whole file in the place of a path that the user names.
///
/// # Errors
///
/// [`Error::NotReplaceable`] for a device, a FIFO, a directory or a link to one
/// (as /dev/stdout), [`Error::NotAFile`], or [`Error::Io`].
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (directory, name) = place(path)?;
    replace(directory, name, bytes)
}

/// The directory of a file that the user names and its name in it, where there
/// is nothing that must not be replaced.
pub(crate) fn place(path: &Path) -> Result<(&Path, &OsStr), Error> {
    // A `/` at its end is no part of `file_name`.
    let is_directory = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let name = path.file_name().filter(|_| !is_directory);
    let name = name.ok_or_else(|| Error::NotAFile { path: path.into() })?;
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(Error::NotReplaceable { path: path.into() });
        }
        // Nothing, or a link to nothing.
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("write", path)(cause));
        }
        _ => {}
    }
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")), name))
}

/// The contents of a regular file of at most 256 MiB: whatever somebody put
/// there, reading it ends, and takes no more memory than that.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    // Before it is opened, as opening a FIFO would wait.
    let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::NotRegular { path: path.into() });
    }
    let too_long = || Error::TooLong {
        path: path.into(),
        mebibytes: MOST_BYTES >> 20,
    };
    if metadata.len() > MOST_BYTES {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile, and files of /proc have no length.
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_long());
    }
    Ok(bytes)
}
