//! The command line: one file a subcommand.

mod attach;
mod blocks;
mod calibrate;
mod compare;
mod doctor;
mod export;
mod filter;
mod gate;
mod history;
mod list;
mod modes;
mod provenance;
mod remedy;
mod report;
mod run;

use clap::{Parser, Subcommand};
use harness_measure::Kind;
use harness_record::shown;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Measures what each way of tracing Linux system calls costs.
#[derive(Debug, Parser)]
#[command(name = "harness", version = env!("HARNESS_VERSION"), max_term_width = 100)]
struct Cli {
    /// Say on standard error what is being done; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Filter(Box<filter::Args>),
    List(list::Args),
    Doctor(doctor::Args),
    Report(report::Args),
    Compare(compare::Args),
    Gate(Box<gate::Args>),
    Calibrate(calibrate::Args),
    Export(export::Args),
    History(history::Args),
}

/// How the program ends.
enum Exit {
    /// All is well.
    Fine,
    /// Something was not as it must be; it has been said.
    Error,
    /// A regression was found.
    Regression,
    /// No verdict could be given, and one was insisted on.
    Inconclusive,
    /// Stopped by this signal; what was taken is kept.
    Signal(i32),
}

/// Words of the command line that contradict each other, where clap cannot tell.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Exit code for what went wrong.
const FAILURE: u8 = 1;
/// Exit code for a wrong command line, as clap has it.
const USAGE: u8 = 2;
/// Exit code for a regression.
const REGRESSION: u8 = 3;
/// Exit code where no verdict could be given, and one was insisted on.
const INCONCLUSIVE: u8 = 4;

/// Reads the command line and does what it says. Exit codes: 0 fine, 1 error,
/// 2 usage, 3 regression, 4 inconclusive where that was asked for, 128 and the
/// signal where one stopped it.
pub(crate) fn main() -> ExitCode {
    harness_sys::process::become_dumpable();
    if let Err(errno) = harness_sys::signals::wait_for_children() {
        complain(&format!("sigaction(2) of SIGCHLD: {errno}"));
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    log(cli.verbose);
    let result = match cli.command {
        Command::Run(args) => run::run(*args, cli.verbose > 0),
        Command::Filter(args) => filter::run(&args),
        Command::List(args) => list::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Gate(args) => gate::run(*args, cli.verbose > 0),
        Command::Calibrate(args) => calibrate::run(&args, cli.verbose > 0),
        Command::Export(args) => export::run(&args),
        Command::History(args) => history::run(args),
    };
    match result {
        Ok(Exit::Fine) => ExitCode::SUCCESS,
        Ok(Exit::Error) => ExitCode::FAILURE,
        Ok(Exit::Regression) => ExitCode::from(REGRESSION),
        Ok(Exit::Inconclusive) => ExitCode::from(INCONCLUSIVE),
        Ok(Exit::Signal(signal)) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
        Err(error) => {
            complain(&one_line(&error));
            ExitCode::from(if is_usage(&error) { USAGE } else { FAILURE })
        }
    }
}

/// Whether it is the command line that is wrong.
fn is_usage(error: &anyhow::Error) -> bool {
    let measuring = error.downcast_ref::<harness_measure::Error>();
    measuring.is_some_and(|error| error.kind() == Kind::Usage) || error.is::<Usage>()
}

/// An error and its causes, without those that the error itself tells of.
fn one_line(error: &anyhow::Error) -> String {
    let line = error.chain().fold(String::new(), |line, cause| {
        let cause = cause.to_string();
        if line.is_empty() {
            cause
        } else if line.contains(&cause) {
            line
        } else {
            format!("{line}: {cause}")
        }
    });
    let measuring = error.downcast_ref().map(remedy::remedy);
    let recording = || error.downcast_ref().map(remedy::of_record);
    line + &measuring.or_else(recording).unwrap_or_default()
}

/// One line on standard error. What it quotes, a file may have said.
fn complain(line: &str) {
    // Nothing is left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "harness: {}", shown(line));
}

/// Writes a result to standard output. A reader that has seen enough and
/// closed its end is no error.
fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => {
            result.map_err(|error| anyhow::anyhow!("cannot write to standard output: {error}"))
        }
    }
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
}
