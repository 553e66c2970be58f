//! The directory of a record: creating it, and writing and reading its files.
//!
//! Every file but `samples.csv` is replaced whole: written under a temporary
//! name, synchronised, renamed. A reader sees the old file or the new one, and
//! a symbolic link in the place of a file is replaced, never followed.

use crate::error::Error;
use crate::samples_csv::{SampleWriter, Samples};
use crate::{Record, ResultRow, SCHEMA_VERSION, summary_csv};
use serde::Deserialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const RUN: &str = "run.json";
const SAMPLES: &str = "samples.csv";
const SUMMARY: &str = "summary.csv";
const REPORT: &str = "report.html";
const PLOTS: &str = "plots";

/// The directory of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDirectory {
    path: PathBuf,
}

impl RecordDirectory {
    /// Makes the directory of a new record, its parents included.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`] or [`Error::NotADirectory`] where something is
    /// there already, [`Error::Io`] where it cannot be made or written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match fs::read_dir(&path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(Error::NotEmpty { path });
                }
            }
            Err(cause) => match cause.kind() {
                io::ErrorKind::NotFound => {
                    fs::create_dir_all(&path).map_err(Error::io("create directory", &path))?;
                }
                io::ErrorKind::NotADirectory => return Err(Error::NotADirectory { path }),
                _ => return Err(Error::io("read directory", &path)(cause)),
            },
        }
        // Whether it can be written to should be known before hours of runs.
        let probe = path.join(".probe");
        create_new(&probe)?;
        fs::remove_file(&probe).map_err(Error::io("remove", &probe))?;
        Ok(Self { path })
    }

    /// Opens the directory of an existing record.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is none, [`Error::NotADirectory`], or
    /// [`Error::NotARecord`] where it has no `run.json`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let metadata = fs::metadata(&path).map_err(Error::io("open record", &path))?;
        if !metadata.is_dir() {
            return Err(Error::NotADirectory { path });
        }
        let run = path.join(RUN);
        match run.try_exists() {
            Ok(true) => Ok(Self { path }),
            Ok(false) => Err(Error::NotARecord { path }),
            Err(cause) => Err(Error::io("open", &run)(cause)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `run.json`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the former `run.json` is then still whole.
    pub fn write_record(&self, record: &Record) -> Result<(), Error> {
        replace(&self.path, RUN, record.to_json()?.as_bytes())
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Json`] for a truncated or damaged file, or
    /// [`Error::SchemaVersion`].
    pub fn read_record(&self) -> Result<Record, Error> {
        // Alone, so that another version is named before its fields are missed.
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let path = self.path.join(RUN);
        let json = fs::read(&path).map_err(Error::io("read", &path))?;
        let damaged = |cause| Error::Json {
            path: path.clone(),
            cause,
        };
        let Version { schema_version } = serde_json::from_slice(&json).map_err(damaged)?;
        if schema_version != SCHEMA_VERSION {
            return Err(Error::SchemaVersion {
                path,
                found: schema_version,
                supported: SCHEMA_VERSION,
            });
        }
        serde_json::from_slice(&json).map_err(damaged)
    }

    /// Starts `samples.csv`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; an existing file is one.
    pub fn sample_writer(&self) -> Result<SampleWriter, Error> {
        let path = self.path.join(SAMPLES);
        let file = create_new(&path)?;
        SampleWriter::new(file, path)
    }

    /// Reads `samples.csv`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::MissingColumns`] or [`Error::Row`]. A last row
    /// without its end is no error: see [`Samples::dropped`].
    pub fn read_samples(&self) -> Result<Samples, Error> {
        let path = self.path.join(SAMPLES);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        Samples::parse(&bytes, &path)
    }

    /// Writes `summary.csv`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_summary(&self, results: &[ResultRow]) -> Result<(), Error> {
        replace(&self.path, SUMMARY, summary_csv(results).as_bytes())
    }

    /// Writes `plots/NAME.svg`, atomically. In `name`, anything but ASCII
    /// letters, digits, `-`, `_` and inner `.` becomes `_`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or [`Error::NotADirectory`] where `plots` is something
    /// else, a link included.
    pub fn write_plot(&self, name: &str, svg: &str) -> Result<(), Error> {
        let plots = self.path.join(PLOTS);
        match fs::create_dir(&plots) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                let metadata =
                    fs::symlink_metadata(&plots).map_err(Error::io("examine", &plots))?;
                if !metadata.is_dir() {
                    return Err(Error::NotADirectory { path: plots });
                }
            }
            Err(cause) => return Err(Error::io("create directory", &plots)(cause)),
        }
        let name: String = name
            .chars()
            .enumerate()
            .map(|(at, c)| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
                '.' if at > 0 => c,
                _ => '_',
            })
            .collect();
        replace(&plots, &format!("{name}.svg"), svg.as_bytes())
    }

    /// Writes `report.html`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_report(&self, html: &str) -> Result<(), Error> {
        replace(&self.path, REPORT, html.as_bytes())
    }
}

impl Record {
    /// What `run.json` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`].
    pub fn to_json(&self) -> Result<String, Error> {
        let mut json =
            serde_json::to_string_pretty(self).map_err(|cause| Error::Serialize { cause })?;
        json.push('\n');
        Ok(json)
    }
}

/// `O_CREAT | O_EXCL`: never follows a link, never opens what is there.
fn create_new(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(Error::io("create", path))
}

/// Puts a whole file in the place of `directory/name`.
fn replace(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
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
