//! The directory of a record: creating it, and writing and reading its files.

use crate::calls_csv::calls_csv;
use crate::error::Error;
use crate::files::{self, create_new, replace};
use crate::samples_csv::{self, SampleWriter, Samples};
use crate::{AttachReport, CallRow, GateReport, Record, ResultRow, Sample, json, summary_csv};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const RUN: &str = "run.json";
const GATE: &str = "gate.json";
const ATTACH: &str = "attach.json";
const SAMPLES: &str = "samples.csv";
const SUMMARY: &str = "summary.csv";
const CALLS: &str = "calls.csv";
const REPORT: &str = "report.html";
const PLOTS: &str = "plots";
const FILTER: &str = "seccomp-file.txt";

/// Several times what the harness has; each is a table and some pictures.
const MOST_WORKLOADS: usize = 100;
/// Several times what the harness has; each is a row of those.
const MOST_MODES: usize = 100;
/// A hundred for each workload and mode of a record with many of both.
const MOST_CALLS: usize = 200_000;

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
    /// [`Error::NotARecord`] where it has no `run.json`,
    /// [`Error::AnotherKind`] where it has what another command leaves.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let opened = Self::open_with(path.into(), RUN);
        if let Err(Error::NotARecord { path }) = &opened {
            let kinds = [(ATTACH, "harness run --attach"), (GATE, "harness gate")];
            let kind = kinds.into_iter().find(|(file, _)| path.join(file).exists());
            if let Some((file, writer)) = kind {
                let path = path.clone();
                return Err(Error::AnotherKind { path, file, writer });
            }
        }
        opened
    }

    /// Opens the directory that a gate wrote.
    ///
    /// # Errors
    ///
    /// As [`RecordDirectory::open`], for `gate.json`.
    pub fn open_gate(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::open_with(path.into(), GATE)
    }

    fn open_with(path: PathBuf, file: &str) -> Result<Self, Error> {
        let metadata = fs::metadata(&path).map_err(Error::io("open record", &path))?;
        if !metadata.is_dir() {
            return Err(Error::NotADirectory { path });
        }
        let file = path.join(file);
        match file.try_exists() {
            Ok(true) => Ok(Self { path }),
            Ok(false) => Err(Error::NotARecord { path }),
            Err(cause) => Err(Error::io("open", &file)(cause)),
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
        replace(&self.path, RUN, json::text(record)?.as_bytes())
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NotRegular`], [`Error::TooLong`],
    /// [`Error::Json`] for a truncated or damaged file,
    /// [`Error::SchemaVersion`], or [`Error::TooMany`].
    pub fn read_record(&self) -> Result<Record, Error> {
        let path = self.path.join(RUN);
        let mut record: Record = json::read(&path, "a record's run.json")?;
        for (what, found, most) in [
            ("workloads", record.plan.workloads.len(), MOST_WORKLOADS),
            ("modes", record.plan.modes.len(), MOST_MODES),
            ("results", record.results.len(), MOST_WORKLOADS * MOST_MODES),
            ("rows of calls", record.calls.len(), MOST_CALLS),
        ] {
            if found > most {
                return Err(Error::TooMany {
                    path,
                    what,
                    found,
                    most,
                });
            }
        }
        for row in &mut record.results {
            row.without_false_tracer();
        }
        Ok(record)
    }

    /// Writes `seccomp-file.txt`, the program of mode `seccomp-file`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_filter(&self, text: &str) -> Result<(), Error> {
        replace(&self.path, FILTER, text.as_bytes())
    }

    /// Writes `gate.json`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the former `gate.json` is then still whole.
    pub fn write_gate(&self, report: &GateReport) -> Result<(), Error> {
        replace(&self.path, GATE, json::text(report)?.as_bytes())
    }

    /// Reads `gate.json`.
    ///
    /// # Errors
    /// As [`RecordDirectory::read_record`].
    pub fn read_gate(&self) -> Result<GateReport, Error> {
        json::read(&self.path.join(GATE), "a gate.json")
    }

    /// Writes `attach.json`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the former `attach.json` is then still whole.
    pub fn write_attach(&self, report: &AttachReport) -> Result<(), Error> {
        replace(&self.path, ATTACH, json::text(report)?.as_bytes())
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

    /// Writes `samples.csv` anew, atomically: what is known of a sample may change with those
    /// after it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the former `samples.csv` is then still whole.
    pub fn replace_samples(&self, samples: &[Sample]) -> Result<(), Error> {
        let bytes = samples_csv::file(samples, &self.path.join(SAMPLES))?;
        replace(&self.path, SAMPLES, &bytes)
    }

    /// Reads `samples.csv`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NotRegular`], [`Error::TooLong`],
    /// [`Error::MissingColumns`] or [`Error::Row`]. A last row
    /// without its end is no error: see [`Samples::dropped`].
    pub fn read_samples(&self) -> Result<Samples, Error> {
        let path = self.path.join(SAMPLES);
        let bytes = files::read(&path)?;
        Samples::parse(&bytes, &path)
    }

    /// Reads what `samples.csv` holds of a measurement that did not end: as
    /// [`read_samples`](Self::read_samples), and nothing where it ended before
    /// the file was made, or the header written.
    ///
    /// # Errors
    ///
    /// As [`read_samples`](Self::read_samples).
    pub fn read_samples_so_far(&self) -> Result<Samples, Error> {
        let length = match fs::metadata(self.path.join(SAMPLES)) {
            Ok(metadata) => metadata.len(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => 0,
            Err(_) => 1,
        };
        if length == 0 {
            return Ok(Samples::default());
        }
        self.read_samples()
    }

    /// Writes `summary.csv`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_summary(&self, results: &[ResultRow]) -> Result<(), Error> {
        replace(&self.path, SUMMARY, summary_csv(results).as_bytes())
    }

    /// Writes `calls.csv`, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_calls(&self, rows: &[CallRow]) -> Result<(), Error> {
        replace(&self.path, CALLS, calls_csv(rows).as_bytes())
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
        replace(&plots, format!("{name}.svg"), svg.as_bytes())
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
