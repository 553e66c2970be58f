//! Where a program comes from: a compiler or a file.

use super::options::{Compilation, Numbers};
use crate::cmd::{Usage, complain};
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use harness_cbpf::{Foreign, Program, ReadError};
use harness_filter::{Compiler, Options, as_table};
use harness_syscalls::{Arch, ParseError, TraceSet};
use std::fs::File;
use std::io::{self, Read};
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
                name: file_name(path),
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
    let contents = read(path)?;
    let program = Program::from_file_contents(&contents);
    program.map_err(|error| {
        let read_as = match &error {
            ReadError::Foreign(_) => "",
            ReadError::ByteOrderMark { .. } => " (text)",
            ReadError::Text(_) => " (assembler text)",
            ReadError::Raw(_) => " (sock_filter bytes)",
        };
        anyhow::anyhow!("{}{read_as}: {error}", file_name(path))
    })
}

/// The most that is read of a file: a hundred times what the longest program is as text.
const MOST_BYTES: u64 = 16 << 20;

/// What to call a file.
fn file_name(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The contents of a file, also of one that is a pipe, or of standard input for `-`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = file_name(path);
    let fails = |cause: io::Error| {
        let remedy = match cause.kind() {
            io::ErrorKind::NotFound => "; check the path",
            io::ErrorKind::PermissionDenied => "; name a file that you may read",
            _ => "",
        };
        anyhow::anyhow!("cannot read {name}: {cause}{remedy}")
    };
    let mut contents = Vec::new();
    if path.as_os_str() == "-" {
        let stdin = io::stdin().lock();
        stdin.take(MOST_BYTES + 1).read_to_end(&mut contents)
    } else {
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut contents))
    }
    .map_err(fails)?;
    let known = || Foreign::recognise(&contents).map_or_else(String::new, |is| format!("; {is}"));
    anyhow::ensure!(
        contents.len() as u64 <= MOST_BYTES,
        "{name}: longer than {} MiB, which no filter is{}",
        MOST_BYTES >> 20,
        known()
    );
    Ok(contents)
}
