//! Where a program comes from: a compiler or a file.

use super::file;
use super::options::{Compilation, Numbers};
use crate::cmd::{Usage, complain};
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use harness_cbpf::{Program, ReadError};
use harness_filter::{Compiler, Options, as_table};
use harness_syscalls::{Arch, ParseError, TraceSet};
use std::path::{Path, PathBuf};

/// A program that a verb reads.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["trace", "file"]))]
pub(super) struct Source {
    /// Compile the filter of this trace set, in strace's grammar: names, numbers, lists, %class, !,
    /// /regex (POSIX extended, without back-references), name@32
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    trace: Option<String>,
    /// With this compiler; see `harness list compilers`
    #[arg(long, value_name = "NAME", default_value = "optimal", value_parser = compiler_names(), conflicts_with = "file")]
    compiler: String,
    /// Read the program from this file, - for standard input: an array of struct sock_filter, as
    /// bytes (any file with a NUL byte, which every instruction has), or text: assembler as bpf_asm
    /// takes it, a listing by scmp_bpf_disasm or `seccomp-tools disasm`, the output of bpf_asm or of
    /// `strace -d --seccomp-bpf`
    #[arg(long, value_name = "FILE", conflicts_with = "compilation")]
    file: Option<PathBuf>,
    #[command(flatten)]
    compilation: Compilation,
}

/// A program and what to call it.
pub(super) struct Named {
    pub(super) program: Program,
    /// `optimal for connect, table current`, or the file.
    pub(super) name: String,
    pub(super) from_file: bool,
}

pub(super) fn compiler_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        harness_filter::registry()
            .iter()
            .map(|compiler| compiler.name()),
    )
}

impl Source {
    pub(super) fn program(&self, numbers: &Numbers) -> anyhow::Result<Named> {
        if let Some(path) = &self.file {
            return Ok(Named {
                program: program(path)?,
                name: file::name(path),
                from_file: true,
            });
        }
        self.compilation.check_compiler(&self.compiler)?;
        let set = self.trace.as_deref().unwrap_or_default();
        let program = compile(
            find_compiler(&self.compiler)?,
            set,
            numbers,
            &self.compilation.options(numbers)?,
        )?;
        let table = numbers.table()?.name();
        Ok(Named {
            program,
            name: format!("{} for {set}, table {table}", self.compiler),
            from_file: false,
        })
    }
}

pub(super) fn find_compiler(name: &str) -> anyhow::Result<&'static dyn Compiler> {
    harness_filter::find(name).with_context(|| format!("no compiler {name}"))
}

/// A trace set that means nothing is a wrong command line.
pub(super) fn parsed<T>(set: Result<T, ParseError>) -> anyhow::Result<T> {
    set.map_err(|error| Usage(error.to_string()).into())
}

/// Says on standard error what of a set the machine does not have.
pub(super) fn say_absent(set: &TraceSet, arch: Arch) {
    if let Some(line) = set.absent_from(arch) {
        complain(&line);
    }
}

/// The program of a compiler for a set; for the table of a strace as that strace makes it.
pub(super) fn compile(
    compiler: &dyn Compiler,
    set: &str,
    numbers: &Numbers,
    options: &Options,
) -> anyhow::Result<Program> {
    let (set, options) = parsed(as_table(set, numbers.table()?, options))?;
    say_absent(&set, options.arch);
    Ok(compiler.compile(&set, &options)?)
}

/// The program in a file.
///
/// # Errors
/// The file, the place in it and the reason.
pub(in crate::cmd) fn program(path: &Path) -> anyhow::Result<Program> {
    let contents = file::read(path)?;
    let program = Program::from_file_contents(&contents);
    program.map_err(|error| {
        let read_as = match &error {
            ReadError::Foreign(_) => "",
            ReadError::ByteOrderMark { .. } => " (text)",
            ReadError::Text(_) => " (assembler text)",
            ReadError::Raw(_) => " (sock_filter bytes)",
        };
        anyhow::anyhow!("{}{read_as}: {error}", file::name(path))
    })
}
