//! `harness filter`: compiles, reads, charts and compares seccomp filters; one file a verb.

mod chart;
mod check;
mod dump;
mod explain;
mod file;
pub(super) mod input;
mod options;
mod output;
mod show;

use crate::cmd::Exit;

/// Compile, read, chart and compare seccomp filters
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Show(show::Args),
    Explain(explain::Args),
    Chart(chart::Args),
    Check(check::Args),
    Dump(dump::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Show(args) => show::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Chart(args) => chart::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Dump(args) => dump::run(args),
    }
}
