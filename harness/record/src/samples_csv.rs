//! `samples.csv`: a row a sample, appended as it is taken.

use crate::error::Error;
use crate::{Counter, Counts, Role, Sample};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The columns before those of the counters, in the order of [`Sample`]'s fields.
const BEFORE: [&str; 20] = [
    "index",
    "workload",
    "mode",
    "block",
    "pass",
    "status",
    "error",
    "executions",
    "exit_code",
    "signal",
    "wall_ns",
    "loop_ns",
    "user_ns",
    "sys_ns",
    "tracer_user_ns",
    "tracer_sys_ns",
    "tracee_voluntary",
    "tracee_involuntary",
    "tracer_voluntary",
    "tracer_involuntary",
];

/// The columns behind those of the counters.
const AFTER: [&str; 8] = [
    "max_rss_kib",
    "env_padding_bytes",
    "steal_ns",
    "cpu_pressure_ns",
    "started_ns",
    "side",
    "others_cpu_ns",
    "lifetime_ns",
];

/// Every column.
fn columns() -> impl Iterator<Item = &'static str> {
    let counters = Counter::ALL.iter().map(|counter| counter.info().column);
    BEFORE.into_iter().chain(counters).chain(AFTER)
}

/// Columns that came later; what was written before lacks them.
const LATER: [&str; 3] = ["side", "others_cpu_ns", "lifetime_ns"];

/// How many counters there have always been; what was written before lacks the others.
const FIRST_COUNTERS: usize = 10;

fn is_optional(column: &str) -> bool {
    let mut later = Counter::ALL.iter().skip(FIRST_COUNTERS);
    LATER.contains(&column) || later.any(|counter| counter.info().column == column)
}

/// Appends samples to `samples.csv`, whole rows only.
///
/// A row is in the file when [`append`](Self::append) returns: it survives the
/// end of the harness, though not that of the machine, as a synchronisation
/// after each row would disturb what is measured.
#[derive(Debug)]
pub struct SampleWriter {
    file: File,
    path: PathBuf,
    /// End of the last whole row.
    end: u64,
}

impl SampleWriter {
    /// Writes the header to an empty file.
    pub(crate) fn new(file: File, path: PathBuf) -> Result<Self, Error> {
        let mut writer = Self { file, path, end: 0 };
        writer.write(header().as_bytes())?;
        Ok(writer)
    }

    /// Appends a row and hands it to the operating system.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], for example on a full disk; the file then ends with the
    /// row before.
    pub fn append(&mut self, sample: &Sample) -> Result<(), Error> {
        let row = rows(std::slice::from_ref(sample), &self.path)?;
        self.write(&row)
    }

    fn write(&mut self, row: &[u8]) -> Result<(), Error> {
        match self.file.write_all(row) {
            Ok(()) => {
                self.end += row.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // Should this fail too, the reader drops the unfinished row.
                let _ = self.file.set_len(self.end);
                let _ = self.file.seek(SeekFrom::Start(self.end));
                Err(Error::io("append to", &self.path)(cause))
            }
        }
    }
}

/// The whole file with these samples.
pub(crate) fn file(samples: &[Sample], path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = header().into_bytes();
    bytes.extend(rows(samples, path)?);
    Ok(bytes)
}

fn header() -> String {
    columns().collect::<Vec<_>>().join(",") + "\n"
}

fn rows(samples: &[Sample], path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |cause| Error::WriteRow {
        path: path.to_path_buf(),
        cause,
    };
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for sample in samples {
        csv.serialize(sample).map_err(failed)?;
    }
    csv.into_inner()
        .map_err(|error| failed(error.into_error().into()))
}

/// What `samples.csv` holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// The whole rows.
    pub samples: Vec<Sample>,
    /// Set where the last row was unfinished, as when the harness was killed
    /// while it wrote; a sentence that says so.
    pub dropped: Option<String>,
}

impl Samples {
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let whole = whole_rows(bytes);
        let dropped = (whole < bytes.len()).then(|| {
            format!(
                "The last row of {} was unfinished and is left out.",
                path.display()
            )
        });
        let mut reader = csv::Reader::from_reader(&bytes[..whole]);
        let header = reader
            .headers()
            .map_err(|error| row_error(path, &error, None))?
            .clone();
        let missing: Vec<_> = columns()
            .filter(|column| !is_optional(column))
            .filter(|column| !header.iter().any(|name| name == *column))
            .collect();
        if bytes.is_empty() {
            return Err(Error::Empty { path: path.into() });
        }
        if !missing.is_empty() {
            return Err(Error::MissingColumns {
                path: path.to_path_buf(),
                columns: missing,
            });
        }
        let counters: Vec<(usize, Counter)> = (header.iter().enumerate())
            .filter_map(|(at, column)| Some((at, Counter::of_column(column)?)))
            .collect();
        let mut samples = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| row_error(path, &error, Some(&header)))?;
            let sample = row.deserialize(Some(&header));
            let mut sample: Sample =
                sample.map_err(|error| row_error(path, &error, Some(&header)))?;
            sample.counts = counts(&row, &counters).map_err(|reason| Error::Row {
                path: path.to_path_buf(),
                line: row.position().map_or(1, csv::Position::line),
                reason,
            })?;
            without_false_tracer(&mut sample);
            samples.push(sample);
        }
        Ok(Self { samples, dropped })
    }
}

/// The counters of a row; a column that a record does not have is not known.
fn counts(row: &csv::StringRecord, columns: &[(usize, Counter)]) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for &(at, counter) in columns {
        let cell = row.get(at).unwrap_or_default();
        if !cell.is_empty() {
            let value: Result<u64, _> = cell.parse();
            let value =
                value.map_err(|error| format!("column {}: {error}", counter.info().column))?;
            counts.set(counter, value);
        }
    }
    Ok(counts)
}

/// Records from before the columns were left empty have the harness's own figures there.
fn without_false_tracer(sample: &mut Sample) {
    if Role::of_old(&sample.mode) != Role::Tracer {
        sample.tracer_user_ns = None;
        sample.tracer_sys_ns = None;
        sample.tracer_voluntary = None;
        sample.tracer_involuntary = None;
    }
}

/// Length of the leading part that ends with a row's end. A line break within
/// quotes is no row's end; an escaped quote is doubled, so it changes nothing.
fn whole_rows(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut end = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at + 1,
            _ => {}
        }
    }
    end
}

fn row_error(path: &Path, error: &csv::Error, header: Option<&csv::StringRecord>) -> Error {
    let reason = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err
                .field()
                .and_then(|field| header?.get(usize::try_from(field).ok()?));
            match column {
                Some(column) => format!("column {column}: {}", err.kind()),
                None => err.kind().to_string(),
            }
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} columns where the header has {expected_len}"),
        csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
        _ => error.to_string(),
    };
    Error::Row {
        path: path.to_path_buf(),
        line: error.position().map_or(1, csv::Position::line),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of the last row is not confused by quotes or line breaks in it.
    #[test]
    fn finds_the_whole_rows() {
        for (bytes, whole) in [
            ("", 0),
            ("a,b", 0),
            ("a,b\n", 4),
            ("a,b\n1", 4),
            ("a,b\n1,\"x\ny\"\n", 12),
            ("a,b\n1,\"x\ny", 4),
            ("a\n\"\"\"\n\"\n", 8),
            ("a\n\"\"\"\n", 2),
        ] {
            assert_eq!(whole_rows(bytes.as_bytes()), whole, "{bytes:?}");
        }
    }

    /// A full disk (full(4) stands in for one) is an error that names it.
    #[test]
    fn a_full_disk_is_named() {
        let path = PathBuf::from("/dev/full");
        let file = File::options().write(true).open(&path).unwrap();
        let error = SampleWriter::new(file, path).unwrap_err();
        assert!(error.is_out_of_space());
        let message = error.to_string();
        for part in ["/dev/full: No space left on device", "another file system"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
