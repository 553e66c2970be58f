//! What `harness gate` and `harness calibrate` measure: blocks with two sides.

use crate::cmd::{compare, modes};
use clap::builder::NonEmptyStringValueParser;
use harness_measure::request::Size;
use harness_measure::{Request, Target};
use harness_record::Hooks;

/// What is measured in blocks.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Blocks {
    /// Workloads, separated by commas; see `harness list workloads`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "getppid", value_parser = NonEmptyStringValueParser::new())]
    workload: Vec<String>,
    /// Modes, separated by commas; `none` is the control and always among them
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "ptrace,seccomp-linear,seccomp-bitmap", value_parser = NonEmptyStringValueParser::new())]
    modes: Vec<String>,
    /// Leave out blocks in which more CPU time than this was stolen, in percent
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = compare::percent)]
    pub(super) max_steal: f64,
    /// Seed of the order, the environment's padding and the workloads
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 1
    )]
    pub(super) seed: u64,
    /// Operations of a microbenchmark's loop [default: one four-hundredth of its own]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    operations: Option<u64>,
    /// Units of make-sim; its time and counts grow with them
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    units: Option<u32>,
}

impl Blocks {
    /// The same as a request, in which blocks are taken as the rules say.
    ///
    /// # Errors
    /// A name of a mode that is none.
    pub(super) fn request(&self, jobs: Option<u32>, verbose: bool) -> anyhow::Result<Request> {
        let mut unique: Vec<&String> = Vec::new();
        for name in &self.workload {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        Ok(Request {
            targets: unique.into_iter().cloned().map(Target::Workload).collect(),
            modes: modes::choose(&self.modes, None, &[])?,
            trace: None,
            runs: 1,
            warmup: 1,
            max_pressure: None,
            seed: self.seed,
            pin: None,
            hooks: Hooks::default(),
            ignore_failure: false,
            accept_variation: false,
            allow_loss: false,
            show_output: false,
            show_progress: !verbose,
            size: Size {
                operations: self.operations,
                short_loops: true,
                units: self.units,
                jobs,
            },
        })
    }
}
