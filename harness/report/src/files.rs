//! A record's directory: the generated files in it, and reading it again.

use crate::disturbance::disturbances;
use crate::summary::summarise;
use crate::{html, plots};
use harness_record::{Error, Record, RecordDirectory, State, leave_out_busy_blocks};

/// Writes what is generated from a record into its directory: `summary.csv`,
/// `plots/*.svg` and `report.html`. Existing ones are replaced; everything else
/// in the directory stays.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::NotADirectory`].
pub fn write_report(directory: &RecordDirectory, record: &Record) -> Result<(), Error> {
    directory.write_summary(&record.results)?;
    let plots = plots(record);
    for plot in &plots {
        directory.write_plot(&plot.name, &plot.svg)?;
    }
    directory.write_report(&html::page(record, &plots))
}

/// The record of a directory, its results counted from the samples again where
/// the measurement did not come to write them.
///
/// # Errors
///
/// As [`RecordDirectory::read_record`] and [`RecordDirectory::read_samples`].
pub fn load(directory: &RecordDirectory) -> Result<Record, Error> {
    let mut record = directory.read_record()?;
    if record.results.is_empty() || record.state == State::Running {
        let samples = if record.state == State::Running {
            directory.read_samples_so_far()?
        } else {
            directory.read_samples()?
        };
        let mut taken = samples.samples;
        record.dropped_blocks = leave_out_busy_blocks(&mut taken, &record.plan);
        record.results = summarise(&record.plan, &taken);
        record.warnings.extend(disturbances(&record, &taken));
        record.warnings.extend(samples.dropped);
    }
    Ok(record)
}
