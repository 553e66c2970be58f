//! `harness run --attach`: a process that is running already, with and without a tracer.

use crate::cmd::remedy::{new_record, told};
use crate::cmd::{Exit, Usage, complain, modes, print, provenance};
use anyhow::Context;
use harness_measure::attach::{AttachRequest, Attaching, Watched};
use harness_measure::{Choice, Error};
use harness_mode::{SeccompFile, no_filter_on_running};
use harness_record::{AttachReport, AttachState, RecordDirectory, SCHEMA_VERSION};
use harness_report::{Format, render_attach, summarise_windows};
use harness_sys::signals::Termination;
use std::path::PathBuf;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where no length of a window is given.
const DEFAULT_WINDOW: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct AttachArgs {
    /// Instead of running something, attach to a running process, its descendants and the children they
    /// make: --runs windows under each mode and as many untraced. They go on unharmed. Modes ptrace and those
    /// of eBPF, and none, the control, which is always taken
    #[arg(
        long,
        value_name = "PID",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(1..),
        conflicts_with_all = [
            "workload", "command", "shell", "filter", "warmup", "max_pressure", "pin", "setup", "prepare", "conclude", "cleanup",
            "ignore_failure", "accept_variation", "allow_loss", "show_output", "log_stops", "summary", "operations", "units", "jobs",
        ]
    )]
    pub(super) attach: Option<i32>,
    /// Length of a window with --attach [default: 2]
    #[arg(long = "for", value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    window: Option<Duration>,
    /// Shell command that prints a counter of what the process does, such as requests served; it is read at
    /// both ends of each window with --attach, and its rate compared
    #[arg(long, value_name = "CMD", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    rate_command: Option<String>,
}

impl AttachArgs {
    /// `--for` needs `--attach`. Clap's `requires` would not say so of a command line
    /// that also has an option which contradicts `--attach`.
    pub(super) fn check(&self) -> Result<(), Usage> {
        match (self.attach, self.window) {
            (None, Some(_)) => Err(Usage(
                "--for is the length of a window on a running process: name that with --attach PID, or leave --for out"
                    .to_owned(),
            )),
            (None, None) if self.rate_command.is_some() => Err(Usage(
                "--rate-command counts what a running process does: name that with --attach PID, or leave --rate-command out"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// A length of a window, as 0.5.
fn seconds(text: &str) -> Result<Duration, String> {
    const SHORTEST: f64 = 0.001;
    const LONGEST: f64 = 86_400.0;
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds, as 2 or 0.5")?;
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(format!("a window is {SHORTEST} to {LONGEST} seconds long"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The options of `harness run` that count here too.
pub(super) struct Common {
    pub(super) modes: Vec<String>,
    pub(super) trace: Option<String>,
    pub(super) runs: u32,
    pub(super) seed: u64,
    pub(super) output: Option<PathBuf>,
    pub(super) format: Format,
}

/// The modes that are named.
fn chosen(words: &[String]) -> anyhow::Result<Vec<Choice>> {
    if words.iter().any(|word| word == SeccompFile::NAME) {
        // Whatever its program.
        let mode = SeccompFile::NAME.to_owned();
        let why = no_filter_on_running();
        return Err(Error::CannotAttach { mode, why }.into());
    }
    modes::choose(words, None, &[])
}

pub(super) fn run(
    pid: i32,
    args: &AttachArgs,
    common: Common,
    verbose: bool,
) -> anyhow::Result<Exit> {
    let started = OffsetDateTime::now_utc();
    let termination = Termination::block().context("signalfd(2)")?;
    let request = AttachRequest {
        pid,
        window: args.window.unwrap_or(DEFAULT_WINDOW),
        modes: chosen(&common.modes)?,
        trace: common.trace,
        rate_command: args.rate_command.clone(),
        runs: common.runs,
        seed: common.seed,
        show_progress: !verbose,
    };
    let attaching = match Attaching::new(request, &termination) {
        Err(Error::Interrupted(signal)) => {
            complain(&format!(
                "stopped by signal {signal} before the first window; process {pid} is untraced"
            ));
            return Ok(Exit::Signal(signal));
        }
        attaching => attaching?,
    };
    let path = match common.output {
        Some(path) => path,
        None => provenance::default_output(started, &attaching.environment().host, "-attach")?,
    };
    let directory = new_record(path, "--output")?;
    let mut report = AttachReport {
        schema_version: SCHEMA_VERSION,
        harness: provenance::own(),
        command: provenance::command_line(),
        started_at: started.format(&Rfc3339)?,
        finished_at: None,
        state: AttachState::Running,
        environment: attaching.environment().clone(),
        process: attaching.process().clone(),
        plan: attaching.plan().clone(),
        windows: Vec::new(),
        rates: Vec::new(),
        warnings: Vec::new(),
    };
    // Also of a harness that is killed in its first window there is a record.
    directory.write_attach(&report)?;
    let watched = attaching.run(&termination, |windows| {
        report.windows = windows.to_vec();
        Ok(directory.write_attach(&report)?)
    });
    finish(report, &directory, watched, common.format)
}

/// Writes and prints what was seen, also where the measurement ended early.
fn finish(
    mut report: AttachReport,
    directory: &RecordDirectory,
    watched: Watched,
    format: Format,
) -> anyhow::Result<Exit> {
    let pid = report.process.pid;
    report.finished_at = Some(OffsetDateTime::now_utc().format(&Rfc3339)?);
    report.rates = summarise_windows(&watched.windows);
    report.windows = watched.windows;
    report.warnings = watched.warnings;
    let (state, exit) = match watched.error {
        Some(Error::Interrupted(signal)) => {
            complain(&format!(
                "stopped by signal {signal}; process {pid} is untraced, and the windows taken so far are kept"
            ));
            (AttachState::Interrupted { signal }, Exit::Signal(signal))
        }
        Some(error) => {
            complain(&told(&error));
            let reason = error.to_string();
            (AttachState::Failed { reason }, Exit::Error)
        }
        None if watched.process_ended && report.windows.is_empty() => {
            complain(&format!(
                "process {pid} ended before the first window did: use shorter windows (--for), or have the harness \
                 run it: harness run -- COMMAND"
            ));
            (AttachState::ProcessEnded, Exit::Error)
        }
        // It may: what it did until then has been seen.
        None if watched.process_ended => {
            complain(&format!(
                "process {pid} ended before all windows were taken; those until then are kept"
            ));
            (AttachState::ProcessEnded, Exit::Fine)
        }
        None => (AttachState::Complete, Exit::Fine),
    };
    report.state = state;
    match directory.write_attach(&report) {
        // That the disk is full has been said where a window met it.
        Err(_) if matches!(exit, Exit::Error) => {}
        written => {
            written?;
            complain(&format!("record in {}", directory.path().display()));
        }
    }
    if !report.windows.is_empty() {
        print(render_attach(&report, format)?)?;
    }
    Ok(exit)
}
