//! `harness run`: takes a measurement and reports it.

use crate::cmd::attach::{self, AttachArgs};
use crate::cmd::remedy::{new_record, told};
use crate::cmd::{Exit, Usage, compare, complain, modes, print, provenance};
use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use harness_cbpf::disassemble;
use harness_measure::request::Size;
use harness_measure::{Choice, Error, Finished, Request, Session, Target};
use harness_mode::{Mode, SeccompFile};
use harness_record::{
    Hooks, Pin, Record, RecordDirectory, SCHEMA_VERSION, State, StopLog, leave_out_busy_blocks,
};
use harness_report::{Format, render, render_with_calls};
use harness_sys::signals::Termination;
use std::ffi::OsString;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Measure workloads or a command under several modes, interleaved in one run
///
/// Each run is a process of its own and is verified before it counts. The record (run.json,
/// samples.csv, summary.csv, calls.csv, plots, report.html) goes to a directory, the result to standard output.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line of its own"
)]
pub(super) struct Args {
    /// Workloads, separated by commas; see `harness list workloads`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    workload: Vec<String>,
    /// Modes, separated by commas, or a group of which those that can run here are taken: `all`,
    /// `core`, `peers`. NAME=PARAMETER is a mode with a parameter; see `harness list modes`
    /// [default: all; with --attach core]
    #[arg(long, value_name = "LIST|all", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    modes: Vec<String>,
    /// System calls to trace, in strace's grammar: names, numbers, lists, %class, !, /regex, name@32
    /// [default: all with --summary; else connect, for a microbenchmark the call it makes]
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    trace: Option<String>,
    /// A seccomp program of your own, as mode seccomp-file: bytes or text, as `harness filter show
    /// --file` takes it. Each SECCOMP_RET_TRACE of it is a traced event; --trace is not applied to it
    #[arg(long, value_name = "FILE")]
    filter: Option<PathBuf>,
    /// A tracer of your own, described by a file as harness/peers/strace.toml is; a mode of the name that
    /// stands there. May be given more than once
    #[arg(long, value_name = "FILE.toml")]
    peer: Vec<PathBuf>,
    /// Counted runs of each workload under each mode; 6 is the least that gives a 95 % interval
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Uncounted runs before them
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 1
    )]
    warmup: u32,
    /// Leave out blocks in which other processes used more than this percentage of the CPU time
    /// available to the run. Short samples get an allowance, as the kernel counts in ticks of 10 ms
    /// [default: no limit]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = compare::share)]
    max_pressure: Option<f64>,
    /// Seed of the order, the environment's padding and the workloads
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 1
    )]
    seed: u64,
    /// Where tracer and tracees run [default: same-cpu for workloads of one process, else none]
    #[arg(long, value_enum)]
    pin: Option<PinArg>,
    /// Shell command before all runs of a workload
    #[arg(long, value_name = "CMD")]
    setup: Option<String>,
    /// Shell command before each run
    #[arg(long, value_name = "CMD")]
    prepare: Option<String>,
    /// Shell command after each run
    #[arg(long, value_name = "CMD")]
    conclude: Option<String>,
    /// Shell command after all runs of a workload
    #[arg(long, value_name = "CMD")]
    cleanup: Option<String>,
    /// Accept a command that ends otherwise than with 0, if it does so in every mode
    #[arg(long)]
    ignore_failure: bool,
    /// Accept a command whose traced events differ between modes by more than chance, and say so.
    /// One whose counts vary by themselves needs no option
    #[arg(long)]
    accept_variation: bool,
    /// Accept samples whose mode lost events; how many is in their column lost_events
    #[arg(long)]
    allow_loss: bool,
    /// Show what the measured programs write, on standard error
    #[arg(long)]
    show_output: bool,
    /// Write every stop of every tracee to a new file, a line of JSON each: when, which thread, what,
    /// how it was restarted. Nothing stops under none and seccomp-allow. Times then include writing it
    #[arg(long, value_name = "FILE")]
    log_stops: Option<PathBuf>,
    /// Directory of the record, new or empty [default: results/TIME-HOST, in UTC]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    /// Print each call by its number, too, as strace -c does: how many, how many failed and how long they
    /// took, as far as each mode knows. With --format csv that alone, what calls.csv holds
    #[arg(long)]
    summary: bool,
    /// Operations of a microbenchmark's loop
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    operations: Option<u64>,
    /// Units of make-sim; its time and counts grow with them
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    units: Option<u32>,
    /// Units make-sim builds at once
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    #[command(flatten)]
    attach: AttachArgs,
    /// Measure this line as `sh -c` runs it, with pipes and redirections; what the shell itself
    /// does is measured too. A command that needs no shell goes behind --
    #[arg(long, value_name = "LINE", conflicts_with = "command", value_parser = NonEmptyStringValueParser::new())]
    shell: Option<String>,
    /// A command to measure, with its arguments; executed without a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum PinArg {
    /// Tracer and tracees on one CPU
    #[value(alias = "same-core")]
    SameCpu,
    /// The tracer on one CPU, all tracees on another, on a different core if possible
    Split,
    /// Wherever the scheduler puts them
    None,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum FormatArg {
    /// For reading
    Table,
    /// What run.json holds
    Json,
    /// What summary.csv holds
    Csv,
    /// The table for a pull request
    Markdown,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Json => Self::Json,
            FormatArg::Csv => Self::Csv,
            FormatArg::Markdown => Self::Markdown,
        }
    }
}

pub(super) fn run(args: Args, verbose: bool) -> anyhow::Result<Exit> {
    let format = args.format.into();
    if let Some(pid) = args.attach.attach {
        let common = attach::Common {
            modes: or_default(args.modes, "core"),
            trace: args.trace,
            runs: args.runs,
            seed: args.seed,
            output: args.output,
            format,
        };
        return attach::run(pid, &args.attach, common, verbose);
    }
    args.attach.check()?;
    let started = OffsetDateTime::now_utc();
    let output = args.output.clone();
    let summary = args.summary;
    let log = args.log_stops.clone();
    if let Some(log) = &log {
        StopLog::check(log)?;
    }
    // Reads the filter, which may be long in coming: a signal then ends all at once.
    let request = request(args, verbose)?;
    let termination = Termination::block().context("signalfd(2)")?;
    let program = own_program(&request.modes)?;
    let session = match Session::new(request, &termination) {
        Err(Error::Interrupted(signal)) => {
            complain(&format!("stopped by signal {signal} before the first run"));
            return Ok(Exit::Signal(signal));
        }
        session => session?,
    };
    let path = match output {
        Some(path) => path,
        None => provenance::default_output(started, &session.environment().host, "")?,
    };
    let directory = new_record(path, "--output")?;
    // It may be in that directory.
    let log = log.as_deref().map(StopLog::create).transpose()?;
    if let Some(program) = program {
        // The file may have changed when somebody reads the record.
        directory.write_filter(&program)?;
    }
    let mut record = Record {
        schema_version: SCHEMA_VERSION,
        harness: provenance::own(),
        command: provenance::command_line(),
        started_at: started.format(&Rfc3339)?,
        finished_at: None,
        state: State::Running,
        environment: session.environment().clone(),
        plan: session.plan().clone(),
        results: Vec::new(),
        calls: Vec::new(),
        dropped_blocks: 0,
        warnings: session.warnings().to_vec(),
    };
    directory.write_record(&record)?;
    let finished = session.run(&directory, log, &termination)?;
    let render = if summary { render_with_calls } else { render };
    finish(&mut record, &directory, finished, |record| {
        render(record, format)
    })
}

/// Writes and prints what was taken, also where the measurement ended early.
fn finish(
    record: &mut Record,
    directory: &RecordDirectory,
    finished: Finished,
    render: impl Fn(&Record) -> Result<String, harness_record::Error>,
) -> anyhow::Result<Exit> {
    record.finished_at = Some(OffsetDateTime::now_utc().format(&Rfc3339)?);
    let mut samples = finished.samples;
    record.dropped_blocks = leave_out_busy_blocks(&mut samples, &record.plan);
    record.results = harness_report::summarise(&record.plan, &samples);
    record.calls = finished.calls.rows(&record.plan, &samples);
    record.warnings = finished.warnings;
    let disturbances = harness_report::disturbances(record, &samples);
    record.warnings.extend(disturbances);
    let ended_early = finished.error.is_some();
    let (state, exit) = match finished.error {
        None if record.results.iter().any(|row| row.verified == Some(false)) => {
            (State::Complete, Exit::Error)
        }
        None if left_out_wholly(record).next().is_some() => (State::Complete, Exit::Error),
        None => (State::Complete, Exit::Fine),
        Some(Error::Interrupted(signal)) => {
            complain(&format!(
                "stopped by signal {signal}; the samples taken so far are kept"
            ));
            (State::Interrupted { signal }, Exit::Signal(signal))
        }
        Some(error) => {
            complain(&told(&error));
            (
                State::Failed {
                    reason: error.to_string(),
                },
                Exit::Error,
            )
        }
    };
    // A sample that ended the measurement has been complained of already.
    for row in record
        .results
        .iter()
        .filter(|row| row.verified == Some(false) && (row.failed_samples == 0 || !ended_early))
    {
        complain(&format!(
            "{} under {} is not verified: {}",
            row.workload, row.mode, row.verification
        ));
    }
    for workload in left_out_wholly(record) {
        complain(&format!(
            "{workload}: others used too much CPU time in every block (--max-pressure): there is no result; end what \
             else runs, or allow more. Children of the measured program whose parent ignores SIGCHLD count as others"
        ));
    }
    record.state = state;
    let marked = match record.dropped_blocks {
        0 => Ok(()),
        _ => directory.replace_samples(&samples),
    };
    let written = marked
        .and_then(|()| directory.write_record(record))
        .and_then(|()| directory.write_calls(&record.calls))
        .and_then(|()| harness_report::write_report(directory, record));
    match written {
        // That the disk is full has been said where a sample met it.
        Err(_) if matches!(exit, Exit::Error) => {}
        written => {
            written?;
            complain(&format!("record in {}", directory.path().display()));
        }
    }
    // After the record is whole: what cannot be printed is then still there.
    if !samples.is_empty() {
        print(render(record)?)?;
    }
    Ok(exit)
}

/// The workloads none of whose blocks counts.
fn left_out_wholly(record: &Record) -> impl Iterator<Item = &str> {
    let workloads = record.plan.workloads.iter();
    let workloads = workloads.map(|workload| workload.name.as_str());
    workloads.filter(|name| {
        let rows = || record.results.iter().filter(|row| row.workload == **name);
        rows().any(|row| row.dropped_samples > 0)
            && rows().all(|row| row.samples == 0 && row.failed_samples == 0)
    })
}

fn request(args: Args, verbose: bool) -> anyhow::Result<Request> {
    let mut targets: Vec<Target> = Vec::new();
    for name in args.workload {
        if !targets
            .iter()
            .any(|target| matches!(target, Target::Workload(known) if *known == name))
        {
            targets.push(Target::Workload(name));
        }
    }
    if !args.command.is_empty() {
        targets.push(Target::Command(args.command));
    }
    if let Some(line) = args.shell {
        // By its path, as system(3) has it: PATH is for what the line names.
        let words = ["/bin/sh", "-c", &line].map(OsString::from);
        targets.push(Target::Command(words.into()));
    }
    if targets.is_empty() {
        return Err(Usage(
            "name what to measure: --workload NAME, -- COMMAND, --shell LINE or --attach PID; `harness list workloads` has the names"
                .to_owned(),
        )
        .into());
    }
    Ok(Request {
        targets,
        modes: modes::choose(
            &or_default(args.modes, "all"),
            args.filter.as_deref(),
            &args.peer,
        )?,
        // What strace -c counts.
        trace: args.trace.or(args.summary.then(|| "all".to_owned())),
        runs: args.runs,
        warmup: args.warmup,
        max_pressure: args.max_pressure,
        seed: args.seed,
        pin: args.pin.map(|pin| match pin {
            PinArg::SameCpu => Pin::SameCpu,
            PinArg::Split => Pin::Split,
            PinArg::None => Pin::None,
        }),
        hooks: Hooks {
            setup: args.setup,
            prepare: args.prepare,
            conclude: args.conclude,
            cleanup: args.cleanup,
        },
        ignore_failure: args.ignore_failure,
        accept_variation: args.accept_variation,
        allow_loss: args.allow_loss,
        show_output: args.show_output,
        show_progress: !verbose,
        size: Size {
            operations: args.operations,
            short_loops: false,
            units: args.units,
            jobs: args.jobs,
        },
    })
}

/// The modes that are named, or a group of them.
fn or_default(modes: Vec<String>, group: &str) -> Vec<String> {
    if modes.is_empty() {
        vec![group.to_owned()]
    } else {
        modes
    }
}

/// The program of the user's that one of the modes installs, as text.
fn own_program(modes: &[Choice]) -> anyhow::Result<Option<String>> {
    let mut modes = modes.iter().map(|choice| &*choice.mode);
    let own = modes.find(|mode| mode.about().name == SeccompFile::NAME);
    let bytes = own.and_then(Mode::parameter);
    let file = bytes.map(|bytes| SeccompFile::from_bytes(&bytes));
    Ok(file.transpose()?.map(|file| disassemble(file.program())))
}
