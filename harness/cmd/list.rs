//! `harness list`: what can be named on the command line.

use crate::cmd::{Exit, print};
use harness_mode::SeccompFile;
use harness_syscalls::{Abi, Table};
use std::fmt::Write;

/// List what can be named: modes, workloads, classes of system calls, filter compilers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_enum)]
    what: What,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// Ways of tracing, and whether they can run here
    Modes,
    /// Programs that are measured
    Workloads,
    /// Classes for --trace, with the number of x86-64 calls in them
    Classes,
    /// Ways to compile a seccomp filter
    Compilers,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let rows: Vec<(String, String)> = match args.what {
        What::Modes => modes(),
        What::Workloads => {
            let row = |workload: &&dyn harness_workloads::Workload| {
                let summary = format!(
                    "{} [--trace {}]",
                    workload.summary(),
                    workload.default_trace()
                );
                (workload.name().to_owned(), summary)
            };
            harness_workloads::registry().iter().map(row).collect()
        }
        What::Classes => classes(),
        What::Compilers => harness_filter::registry()
            .iter()
            .map(|compiler| (compiler.name().to_owned(), compiler.summary().to_owned()))
            .collect(),
    };
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, summary) in rows {
        writeln!(text, "{name:width$}  {summary}")?;
    }
    print(&text)?;
    Ok(Exit::Fine)
}

fn modes() -> Vec<(String, String)> {
    let row = |mode: &&dyn harness_mode::Mode| {
        let unavailable = mode.check().err().map(|why| format!(" (not here: {why})"));
        (
            mode.name().to_owned(),
            mode.summary().to_owned() + &unavailable.unwrap_or_default(),
        )
    };
    let file = (
        SeccompFile::NAME.to_owned(),
        SeccompFile::SUMMARY.to_owned(),
    );
    let modes = harness_mode::registry().iter().map(row);
    modes.chain([file]).collect()
}

fn classes() -> Vec<(String, String)> {
    let table = Table::current();
    let row = |class: harness_syscalls::Class| {
        let names: Vec<_> = table
            .calls(Abi::NATIVE)
            .filter(|call| call.classes.contains(class))
            .map(|call| call.name)
            .collect();
        let some = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > 4 { ", …" } else { "" };
        (
            class.name().to_owned(),
            format!("{:3}  {some}{more}", names.len()),
        )
    };
    table.classes().map(row).collect()
}
