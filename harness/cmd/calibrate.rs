//! `harness calibrate`: how far this harness is from itself on this host.

use crate::cmd::blocks::Blocks;
use crate::cmd::compare::{self, CALIBRATION};
use crate::cmd::remedy::new_record;
use crate::cmd::{Exit, complain, print, provenance};
use anyhow::{Context, bail};
use harness_measure::Error;
use harness_measure::gate::{Gate, GateRequest};
use harness_record::{
    Calibration, Fingerprint, Floor, Plan, Rules, SCHEMA_VERSION, Sample, WorkloadPlan, counted,
};
use harness_sys::signals::Termination;
use harness_verdict::floor::{self, Design, with_itself};
use harness_verdict::observe::{self, Scope};
use std::fmt::Write;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Compare this harness with itself, and keep the noise of this host for gate and compare
///
/// Prints, for each workload and mode, the noise floor (95th percentile of the change that a
/// comparison of a thing with itself shows, or the largest of fewer than 20) and how often the test called the two different, and
/// what other orders of the same runs would have made of it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    measured: Blocks,
    /// Comparisons of the harness with itself
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Blocks of each
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(6..=1000))]
    blocks: u32,
    /// Probability at which the two are called different, two-sided
    #[arg(long, value_name = "P", default_value = "0.05", value_parser = compare::probability)]
    alpha: f64,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = CALIBRATION)]
    output: PathBuf,
    /// Keep the samples in this directory, new or empty [default: not kept]
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,
}

pub(super) fn run(args: &Args, verbose: bool) -> anyhow::Result<Exit> {
    Calibration::probe(&args.output)?;
    let termination = Termination::block().context("signalfd(2)")?;
    let own = std::env::current_exe().context("cannot find the harness's own binary")?;
    let rules = Rules {
        alpha: args.alpha,
        min_effect: 0.0,
        looks: vec![args.repeats * args.blocks],
        seed: args.measured.seed,
        max_steal: args.measured.max_steal,
    };
    let gate = GateRequest {
        request: args.measured.request(None, verbose)?,
        base: own.clone(),
        head: own,
        rules,
        floors: Vec::new(),
        confirm: false,
    };
    let gate = match Gate::new(gate, &termination) {
        Err(Error::Interrupted(signal)) => return Ok(Exit::Signal(signal)),
        gate => gate?,
    };
    let (fingerprint, plan) = (Fingerprint::of(gate.environment()), gate.plan().clone());
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let kept = args.samples.clone();
    let path = kept.unwrap_or(temporary.path().join("samples"));
    let directory = new_record(path, "--samples")?;
    let gated = gate.run(&directory, &termination)?;
    match gated.error {
        Some(Error::Interrupted(signal)) => {
            complain(&format!(
                "stopped by signal {signal}; nothing is calibrated"
            ));
            return Ok(Exit::Signal(signal));
        }
        Some(error) => return Err(error.into()),
        None => {}
    }
    let mut calibration = Calibration {
        schema_version: SCHEMA_VERSION,
        harness: provenance::own(),
        made_at: OffsetDateTime::now_utc().format(&Rfc3339)?,
        fingerprint,
        repeats: args.repeats,
        blocks: args.blocks,
        alpha: args.alpha,
        floors: Vec::new(),
    };
    let mut text = String::from("noise of this harness against itself\n");
    let cells: Vec<(&WorkloadPlan, &str)> = cells(&plan);
    let control = plan.control().unwrap_or_default();
    let width = cells.iter().map(|(w, m)| w.name.len() + m.len()).max();
    let width = width.unwrap_or(0) + 2;
    for &(workload, mode) in &cells {
        let floor = noise(args, workload, mode, control, &gated.samples)?;
        writeln!(
            text,
            "  {:width$}  floor {:.2} % ({})  called different {} of {} ({:.1} %; {:.1} % expected)",
            format!("{}, {mode}", workload.name),
            floor.floor * 100.0,
            floor::kind(floor.comparisons),
            floor.false_positives,
            floor.comparisons,
            share(floor.false_positives, floor.comparisons),
            args.alpha * 100.0
        )?;
        calibration.floors.push(floor);
    }
    designs(args, &cells, &gated.samples, &mut text)?;
    calibration.write(&args.output)?;
    print(text)?;
    if calibration
        .floors
        .iter()
        .any(|floor| floor.comparisons < floor::ENOUGH)
    {
        complain(&format!(
            "WARNING: of fewer than {} comparisons there is no 95th percentile, and the floor is the largest change: give more --repeats",
            floor::ENOUGH
        ));
    }
    complain(&format!("calibration in {}", args.output.display()));
    Ok(Exit::Fine)
}

/// The workloads and traced modes of a plan.
fn cells(plan: &Plan) -> Vec<(&WorkloadPlan, &str)> {
    let modes = plan.modes.iter().filter(|mode| mode.available);
    let modes = modes.map(|mode| mode.name.as_str());
    let control = plan.control();
    let traced: Vec<&str> = modes.filter(|mode| Some(*mode) != control).collect();
    plan.workloads
        .iter()
        .flat_map(|workload| traced.iter().map(move |mode| (workload, *mode)))
        .collect()
}

fn noise(
    args: &Args,
    workload: &WorkloadPlan,
    mode: &str,
    control: &str,
    samples: &[Sample],
) -> anyhow::Result<Floor> {
    let scope = Scope {
        workload: &workload.name,
        mode,
        control,
        of: workload.time_measure(),
        blocks: 0..args.repeats * args.blocks,
        max_steal: args.measured.max_steal,
    };
    let observations = observe::ratios(samples, &scope);
    if observations.change.len() < args.blocks as usize {
        bail!(
            "{} under {mode}: only {} left after those with stolen time; try again on a quieter host",
            workload.name,
            counted(observations.change.len() as u64, "block")
        );
    }
    let noise = with_itself(&observations, args.blocks as usize, args.alpha)?;
    Ok(Floor {
        workload: workload.name.clone(),
        mode: mode.to_owned(),
        floor: noise.floor,
        false_positives: noise.false_positives,
        comparisons: noise.comparisons,
    })
}

/// What other orders would have made of the same runs.
fn designs(
    args: &Args,
    cells: &[(&WorkloadPlan, &str)],
    samples: &[Sample],
    text: &mut String,
) -> std::fmt::Result {
    // A block has four samples of a mode: two sides, two passes.
    let length = 4 * args.blocks as usize;
    writeln!(
        text,
        "the same runs assigned to two sides otherwise, called different"
    )?;
    for design in Design::ALL {
        let (mut different, mut all) = (0, 0);
        for (workload, mode) in cells {
            let samples = floor::in_order(samples, &workload.name, mode);
            for segment in samples.chunks_exact(length) {
                if let Some(judged) = design.judge(segment, workload.time_measure(), 0.0) {
                    all += 1;
                    different += u32::from(judged.p_change <= args.alpha);
                }
            }
        }
        writeln!(
            text,
            "  {:30} {different} of {all} ({:.1} %)",
            design.name(),
            share(different, all)
        )?;
    }
    Ok(())
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(whole.max(1))
}
