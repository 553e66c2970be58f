//! `harness history`: ratios over many records, and where they changed.

use crate::cmd::{Exit, complain, print};
use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use harness_record::{Error, RecordDirectory};
use harness_report::{Format, NamedRecord, Selection};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Show the ratios to untraced over many records, in the order of their start, with change points
///
/// Only records of one machine, kernel and way to measure are put into one series; the others are
/// kept apart, and that is said. Change points are advice: they never change the exit code.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of records, in any order
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Workloads, separated by commas [default: all in the records]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    workload: Vec<String>,
    /// Modes, separated by commas [default: all in the records]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    modes: Vec<String>,
    /// Write the trend as a picture; a file or link of that name is replaced
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    /// For reading
    Table,
    /// Machines, their series, points and change points
    Json,
    /// A row a point
    Csv,
    /// The tables for a pull request
    Markdown,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Json => Self::Json,
            FormatArg::Csv => Self::Csv,
            FormatArg::Markdown => Self::Markdown,
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<Exit> {
    let (mut records, mut others) = (Vec::new(), Vec::new());
    for (path, name) in args.directories.iter().zip(names(&args.directories)) {
        match RecordDirectory::open(path) {
            Ok(directory) => {
                let record = harness_report::load(&directory)?;
                records.push(NamedRecord { name, record });
            }
            // `results/2026*` names these too.
            Err(Error::AnotherKind { writer, .. }) => others.push(format!("{name} ({writer})")),
            Err(error) => return Err(error.into()),
        }
    }
    if !others.is_empty() {
        let others = others.join(", ");
        if records.is_empty() {
            bail!(
                "no record has ratios over runs: {others}; name directories of `harness run` with a run.json"
            );
        }
        complain(&format!("left out, as they have no run.json: {others}"));
    }
    let selection = Selection {
        workloads: args.workload,
        modes: args.modes,
    };
    let history = harness_report::history(records, &selection)?;
    if let Some(path) = &args.plot {
        let plot = harness_report::plot_history(&history);
        harness_record::replace_file(path, plot.as_bytes())?;
    }
    if matches!(args.format, FormatArg::Json | FormatArg::Csv) {
        // The tables hold them.
        for warning in &history.warnings {
            complain(&format!("WARNING: {warning}"));
        }
    }
    print(harness_report::render_history(&history, args.format.into()))?;
    Ok(Exit::Fine)
}

/// The last parts of the paths where they tell them apart, else the whole paths.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let last = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let lasts: Option<Vec<_>> = paths.iter().map(last).collect();
    let distinct = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    lasts.filter(distinct).unwrap_or_else(|| {
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    })
}
