//! `harness report`: summary, plots and page of a record, again.

use crate::cmd::run::FormatArg;
use crate::cmd::{Exit, print};
use harness_record::{AttachReport, RecordDirectory};
use harness_report::{render, render_attach, render_with_calls, summarise_windows};
use std::path::PathBuf;

/// Make summary, plots and page of a record again, also of an interrupted one
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the record
    directory: PathBuf,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    /// Print each call by its number, too, as `harness run --summary` does
    #[arg(long)]
    summary: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    // Of a process that was running already; nothing else is made of it.
    let attach = args.directory.join("attach.json");
    if attach.exists() {
        let mut report = AttachReport::read(&attach)?;
        report.rates = summarise_windows(&report.windows);
        print(render_attach(&report, args.format.into())?)?;
        return Ok(Exit::Fine);
    }
    let directory = RecordDirectory::open(&args.directory)?;
    let record = harness_report::load(&directory)?;
    // First what does not depend on the directory, which may be on a full disk.
    let render = if args.summary {
        render_with_calls
    } else {
        render
    };
    print(render(&record, args.format.into())?)?;
    harness_report::write_report(&directory, &record)?;
    Ok(Exit::Fine)
}
