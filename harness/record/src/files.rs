//! Creating files, replacing them whole, and reading those of strangers.
//!
//! A replaced file is written under a temporary name that nobody can guess,
//! synchronised, renamed: a reader sees the old file or the new one, and a
//! symbolic link in its place is replaced, never followed.

use crate::error::Error;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The most that is read of a file: a hundred thousand runs of ten modes have
/// less. A record may come from anybody.
const MOST_BYTES: u64 = 256 << 20;

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
    let target = directory.join(name);
    let write = || {
        // `O_CREAT | O_EXCL`; removed again where something fails below.
        let mut file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".tmp")
            // As any new file: less what umask(2) says.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(())
    };
    write().map_err(Error::io("write", &target))
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
