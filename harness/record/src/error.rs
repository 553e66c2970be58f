//! What can go wrong with a record's files.

use std::io;
use std::path::{Path, PathBuf};

/// A record that could not be written or read. Each message is one whole line:
/// what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output directory has something in it.
    #[error("cannot start a record in {}: the directory is not empty; name a new or empty one", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The path is something else than a directory.
    #[error("{} is not a directory; name a directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The path names no file.
    #[error("{} names no file; name one", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Something that is no file where one is to be written.
    #[error("cannot write {}: it is not a regular file; name a new file", path.display())]
    NotReplaceable {
        /// The path.
        path: PathBuf,
    },
    /// There is something where a file is to be created.
    #[error("cannot create {}: it exists already; name a new file, or remove it", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A file was replaced while it was used.
    #[error("cannot append to {}: another file has its name now; leave it alone while the harness runs", path.display())]
    Replaced {
        /// The path.
        path: PathBuf,
    },
    /// A FIFO, a device or the like where a file belongs.
    #[error("{} is not a regular file; name what the harness wrote", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// A file longer than any record's.
    #[error("{} is longer than {mebibytes} MiB, which no file of the harness is; name one that it wrote", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        mebibytes: u64,
    },
    /// More parts than any record has.
    #[error("{} has {found} {what}, and at most {most} are read; name a record that `harness run` wrote", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The most that are read.
        most: usize,
    },
    /// No `run.json` in the directory.
    #[error("{} is not a record: it has no run.json; name a directory that `harness run` wrote", path.display())]
    NotARecord {
        /// The directory.
        path: PathBuf,
    },
    /// What another command than `harness run` on a workload or command wrote.
    #[error("{} is of `{writer}`: it has {file} and no run.json; name a record of `harness run` that has one", path.display())]
    AnotherKind {
        /// The directory.
        path: PathBuf,
        /// The file that tells.
        file: &'static str,
        /// The command that wrote it.
        writer: &'static str,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {cause}{}", path.display(), remedy(cause))]
    Io {
        /// The operation, a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The record was written in another version of the format.
    #[error("{} has schema version {found}, but this harness reads version {supported}; use the harness that wrote it", path.display())]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u32,
        /// The version this crate reads.
        supported: u32,
    },
    /// No JSON, truncated, or JSON of something else.
    #[error("cannot read {}: {cause}; {}", path.display(), json_remedy(cause, what))]
    Json {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// The error of the parser, with line and column.
        cause: serde_json::Error,
    },
    /// A number that JSON cannot hold, or the like.
    #[error("cannot turn the record into JSON: {cause}")]
    Serialize {
        /// The error of the serializer.
        cause: serde_json::Error,
    },
    /// A CSV file without a header.
    #[error("{} is empty; restore it from a copy or measure again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A CSV file lacks columns.
    #[error("{} lacks the columns {}; it is not a harness's samples.csv, or was edited", path.display(), columns.join(", "))]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// The missing columns.
        columns: Vec<&'static str>,
    },
    /// A row of a CSV file cannot be read.
    #[error("{} line {line}: {reason}; correct or remove that row", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line, from 1 (the header).
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that cannot be written as CSV.
    #[error("cannot turn a sample into a row of {}: {cause}", path.display())]
    WriteRow {
        /// The file.
        path: PathBuf,
        /// The error of the serializer.
        cause: csv::Error,
    },
}

impl Error {
    /// Whether a file did not fit on its file system, so that its last words are of another.
    #[must_use]
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if is_out_of_space(cause))
    }

    /// For `map_err`: `action` on `path` failed.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}

fn is_out_of_space(cause: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(cause.kind(), StorageFull | QuotaExceeded)
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        _ if is_out_of_space(cause) => {
            "; free some space, or name a directory on another file system"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; name a directory that you may use"
        }
        io::ErrorKind::NotFound => "; check the path",
        _ => "",
    }
}

fn json_remedy(cause: &serde_json::Error, what: &str) -> String {
    let fault = if cause.is_eof() {
        "truncated".to_owned()
    } else {
        format!("damaged or not {what}")
    };
    format!("the file is {fault}: restore it from a copy or measure again")
}
