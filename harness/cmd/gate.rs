//! `harness gate`: whether tracing is more expensive with one harness than with another.

use crate::cmd::blocks::Blocks;
use crate::cmd::compare::{self, FormatArg, Judging};
use crate::cmd::remedy::new_record;
use crate::cmd::{Exit, Usage, complain, print, provenance};
use anyhow::{Context, bail};
use harness_measure::gate::{Gate, GateRequest, Gated};
use harness_measure::{Error, Request};
use harness_record::{Calibration, Compared, Fingerprint, GateReport, SCHEMA_VERSION, Verdict};
use harness_report::render_gate;
use harness_sys::signals::Termination;
use harness_verdict::{floor, looks};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Say whether one harness makes tracing more expensive than another: pass, fail or inconclusive
///
/// Two harness binaries run the same workloads on this machine, alternating execution by execution,
/// with an untraced control in every block; or, with --baseline, two records are compared. Counts are
/// compared exactly. Ends with 0, with 3 after a regression, and with 4 if --strict and inconclusive.
/// For two git revisions, `ci/overhead-gate --base REV --head REV` builds both and calls this.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The harness to compare with
    #[arg(
        long,
        value_name = "PATH",
        requires = "head_bin",
        required_unless_present = "baseline"
    )]
    base_bin: Option<PathBuf>,
    /// The harness that is judged
    #[arg(long, value_name = "PATH", requires = "base_bin")]
    head_bin: Option<PathBuf>,
    /// Instead: the record to compare with, a directory that `harness run` wrote
    #[arg(long, value_name = "DIR", requires = "record", conflicts_with_all = ["base_bin", "workload", "modes", "trace", "max_blocks", "no_confirm", "operations", "units", "jobs", "output"])]
    baseline: Option<PathBuf>,
    /// The record that is judged, of the same host
    #[arg(long, value_name = "DIR", requires = "baseline")]
    record: Option<PathBuf>,
    #[command(flatten)]
    blocks: Blocks,
    /// System calls to trace, in strace's grammar [default: the workload's own]
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    trace: Option<String>,
    #[command(flatten)]
    judging: Judging,
    /// Most blocks of a workload, each with every mode twice under both harnesses
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_blocks: u32,
    /// Call a regression so at once, without seeing it in fresh blocks too
    #[arg(long)]
    no_confirm: bool,
    /// End with 4 where no verdict can be given
    #[arg(long)]
    strict: bool,
    /// Units make-sim builds at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Directory of gate.json and samples.csv, new or empty [default: results/TIME-HOST-gate]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
}

pub(super) fn run(args: Args, verbose: bool) -> anyhow::Result<Exit> {
    let strict = args.strict;
    if let (Some(baseline), Some(record)) = (&args.baseline, &args.record) {
        let report = compare::report(baseline, record, &args.judging)?;
        print(render_gate(&report, args.format.into())?)?;
        return Ok(exit(report.verdict, strict));
    }
    let (Some(base), Some(head)) = (args.base_bin.clone(), args.head_bin.clone()) else {
        return Err(Usage("name two harnesses, --base-bin and --head-bin".to_owned()).into());
    };
    let base = harness(&base, "--base-bin")?;
    let head = harness(&head, "--head-bin")?;
    measure(args, base, head, verbose)
}

fn exit(verdict: Verdict, strict: bool) -> Exit {
    match verdict {
        Verdict::Fail => Exit::Regression,
        Verdict::Inconclusive if strict => Exit::Inconclusive,
        _ => Exit::Fine,
    }
}

/// A binary that says it is a harness.
fn harness(path: &Path, option: &str) -> anyhow::Result<Compared> {
    let remedy = "give the path of a harness binary, as target/release/harness";
    let absolute = std::path::absolute(path)?;
    let output = Command::new(&absolute)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let output = output.with_context(|| format!("{option} {}: {remedy}", path.display()));
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().unwrap_or_default().trim();
    if !output.status.success() || !version.starts_with("harness ") {
        bail!("{option} {}: it is no harness; {remedy}", path.display());
    }
    Ok(Compared {
        path: absolute.display().to_string(),
        version: version.to_owned(),
    })
}

fn measure(args: Args, base: Compared, head: Compared, verbose: bool) -> anyhow::Result<Exit> {
    let started = OffsetDateTime::now_utc();
    let termination = Termination::block().context("signalfd(2)")?;
    let here = Fingerprint::of(&harness_measure::environment::read());
    let (calibration, mut warnings) = args.judging.calibration(&here)?;
    let rules = args.judging.rules(
        looks::schedule(args.max_blocks),
        args.blocks.seed,
        args.blocks.max_steal,
    );
    let request = Request {
        trace: args.trace.clone(),
        ..args.blocks.request(args.jobs, verbose)?
    };
    let gate = Gate::new(
        GateRequest {
            request,
            base: PathBuf::from(&base.path),
            head: PathBuf::from(&head.path),
            rules: rules.clone(),
            floors: calibration.as_ref().map(floors).unwrap_or_default(),
            confirm: !args.no_confirm,
        },
        &termination,
    );
    let gate = match gate {
        Err(Error::Interrupted(signal)) => return Ok(interrupted(signal)),
        gate => gate?,
    };
    let environment = gate.environment().clone();
    let path = match args.output {
        Some(path) => path,
        None => provenance::default_output(started, &environment.host, "-gate")?,
    };
    let directory = new_record(path, "--output")?;
    let gated = gate.run(&directory, &termination)?;
    let Gated {
        comparisons,
        dropped_blocks,
        warnings: observed,
        error,
        ..
    } = gated;
    warnings.extend(observed);
    if let Some(calibration) = &calibration {
        warnings.extend(floor::warnings(calibration, &comparisons));
    }
    let verdict = Verdict::of_all(comparisons.iter().map(|comparison| comparison.verdict));
    let report = GateReport {
        schema_version: SCHEMA_VERSION,
        harness: provenance::own(),
        command: provenance::command_line(),
        made_at: started.format(&Rfc3339)?,
        environment: Some(environment),
        base,
        head,
        rules,
        verdict,
        comparisons,
        dropped_blocks,
        warnings,
    };
    if let Some(error) = error {
        complain(&format!(
            "the samples taken so far are kept in {}",
            directory.path().display()
        ));
        return match error {
            Error::Interrupted(signal) => Ok(interrupted(signal)),
            error => Err(error.into()),
        };
    }
    directory.write_gate(&report)?;
    print(render_gate(&report, args.format.into())?)?;
    complain(&format!("record in {}", directory.path().display()));
    Ok(exit(report.verdict, args.strict))
}

fn interrupted(signal: i32) -> Exit {
    complain(&format!("stopped by signal {signal} before a verdict"));
    Exit::Signal(signal)
}

fn floors(calibration: &Calibration) -> Vec<(String, String, f64)> {
    let floors = calibration.floors.iter();
    floors
        .map(|floor| (floor.workload.clone(), floor.mode.clone(), floor.floor))
        .collect()
}
