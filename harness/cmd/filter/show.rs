//! `harness filter show`: a program as text, bytes, C or JSON.

use super::input::Source;
use super::options::Numbers;
use super::output::{self, ProgramFormat};
use crate::cmd::{Exit, print};

/// Show a filter: as text with the names of system calls, as bytes, as C or JSON
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    numbers: Numbers,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = ProgramFormat::Text)]
    format: ProgramFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let named = args.source.program(&args.numbers)?;
    let (program, name) = (&named.program, &named.name);
    match args.format {
        ProgramFormat::Text => print(output::text(program, name, args.numbers.table()?))?,
        ProgramFormat::Raw => {
            output::refuse_terminal()?;
            print(program.to_bytes())?;
        }
        ProgramFormat::C => print(output::c_array(program, name, None, args.numbers.table()?))?,
        ProgramFormat::Json => print(format!("{{{}}}\n", output::instructions(program)?))?,
    }
    Ok(Exit::Fine)
}
