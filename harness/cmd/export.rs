//! `harness export`: a record in the format of another tool.

use crate::cmd::{Exit, complain, print};
use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use harness_record::RecordDirectory;
use harness_report::{EXPORT_FORMATS, ExportFormat};
use std::path::PathBuf;

/// Write a record to standard output in the format of another tool
///
/// Only samples that count are exported, and nothing that is not verified; what is left out is said
/// on standard error.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the record
    directory: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    to: &'static ExportFormat,
}

fn format_parser() -> impl TypedValueParser<Value = &'static ExportFormat> {
    let values = EXPORT_FORMATS
        .iter()
        .map(|format| PossibleValue::new(format.name).help(format.summary));
    PossibleValuesParser::new(values).map(|name| {
        let mut formats = EXPORT_FORMATS.iter();
        formats
            .find(|format| format.name == name)
            .expect("the name of a format")
    })
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let directory = RecordDirectory::open(&args.directory)?;
    let record = directory.read_record()?;
    let mut samples = directory.read_samples()?;
    // As marked already, but where the measurement did not come to its end.
    harness_record::leave_out_busy_blocks(&mut samples.samples, &record.plan);
    let export = harness_report::export(&record, &samples.samples, args.to)
        .with_context(|| args.directory.display().to_string())?;
    for remark in samples.dropped.iter().chain(&export.remarks) {
        complain(remark);
    }
    print(&export.text)?;
    Ok(Exit::Fine)
}
