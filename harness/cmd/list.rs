//! `harness list`: what can be named on the command line.

mod modes;

use crate::cmd::{Exit, Usage, print};
use harness_syscalls::{Abi, Table};
use std::fmt::Write;

/// List what can be named: modes, workloads, classes of system calls, filter compilers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_enum)]
    what: What,
    /// How modes are listed, with what each can do
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
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

/// How modes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ListFormat {
    /// For reading
    Table,
    /// For programs
    Json,
    /// For documents
    Markdown,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.format != ListFormat::Table && !matches!(args.what, What::Modes) {
        return Err(Usage("--format is for `harness list modes`: leave it out".to_owned()).into());
    }
    let rows: Vec<(String, String)> = match args.what {
        What::Modes => {
            print(modes::text(args.format)?)?;
            return Ok(Exit::Fine);
        }
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
