//! `harness filter dump`: the filters of a running process.

use super::options::TableArg;
use super::output::{self, ProgramFormat};
use crate::cmd::{Exit, print};
use anyhow::Context;
use harness_cbpf::{Insn, Program};
use harness_sys::Tid;

/// Dump the seccomp filters of a running process, which is stopped for a moment and goes on
///
/// Needs CAP_SYS_ADMIN and a kernel with CONFIG_CHECKPOINT_RESTORE. Filters belong to threads: other
/// threads of the process may have others, or none.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The process, or a thread of it
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: i32,
    /// One filter of the thread; 0 is the one installed first [default: all of them]
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    #[command(flatten)]
    table: TableArg,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = ProgramFormat::Text)]
    format: ProgramFormat,
}

/// A filter and its place in the thread's list.
struct Filter {
    index: usize,
    program: Program,
}

impl Filter {
    fn name(&self, pid: i32) -> String {
        format!(
            "thread {pid}, filter {} in the order of installation",
            self.index
        )
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let programs = harness_tracer::dump::filters(Tid(args.pid), args.index)?;
    let first = args.index.unwrap_or(0);
    let filters = programs
        .into_iter()
        .enumerate()
        .map(|(at, program)| checked(first + at, program));
    let filters: Vec<Filter> = filters.collect::<Result<_, _>>()?;
    if filters.is_empty() {
        anyhow::bail!(
            "thread {} has no filter {first}: leave --index out to see those it has",
            args.pid
        );
    }
    let name = |filter: &Filter| filter.name(args.pid);
    match args.format {
        ProgramFormat::Text => {
            let table = args.table.get()?;
            let texts: Vec<String> = filters
                .iter()
                .map(|filter| output::text(&filter.program, &name(filter), table))
                .collect();
            print(texts.join("\n"))?;
        }
        ProgramFormat::Raw => {
            let [filter] = &filters[..] else {
                anyhow::bail!(
                    "thread {} has {} filters, and --format raw holds one: choose it with --index",
                    args.pid,
                    filters.len()
                );
            };
            output::refuse_terminal()?;
            print(filter.program.to_bytes())?;
        }
        ProgramFormat::C => {
            let table = args.table.get()?;
            let texts: Vec<String> = filters
                .iter()
                .map(|filter| {
                    let index = Some(filter.index);
                    output::c_array(&filter.program, &name(filter), index, table)
                })
                .collect();
            print(texts.join("\n"))?;
        }
        ProgramFormat::Json => {
            let objects = filters.iter().map(|filter| {
                let instructions = output::instructions(&filter.program)?;
                Ok(format!("{{\"index\": {}, {instructions}}}", filter.index))
            });
            let objects: Vec<String> = objects.collect::<anyhow::Result<_>>()?;
            let objects = objects.join(",\n");
            print(format!(
                "{{\"pid\": {}, \"filters\": [\n{objects}\n]}}\n",
                args.pid
            ))?;
        }
    }
    Ok(Exit::Fine)
}

fn checked(index: usize, instructions: Vec<Insn>) -> anyhow::Result<Filter> {
    let program = Program::new(instructions).with_context(|| {
        format!("the kernel runs filter {index}, but it is not understood here")
    })?;
    Ok(Filter { index, program })
}
