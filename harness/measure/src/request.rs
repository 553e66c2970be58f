//! What somebody asks to be measured.

use crate::choice::Choice;
use harness_mode::Mode;
use harness_record::{Hooks, Pin, Role};
use std::ffi::OsString;
use std::sync::Arc;

/// What to measure, and how.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line of its own"
)]
pub struct Request {
    /// What is run.
    pub targets: Vec<Target>,
    /// The modes, in the order in which they are reported.
    pub modes: Vec<Choice>,
    /// Trace set; `None` is the workload's own.
    pub trace: Option<String>,
    /// Counted runs of each workload under each mode; at least 1.
    pub runs: u32,
    /// Uncounted runs before them.
    pub warmup: u32,
    /// Blocks in which others use more than this share of the CPU time of the run's CPUs are left
    /// out, a fraction; `None` is no limit.
    pub max_pressure: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Where tracer and tracees run; `None` is the workload's own.
    pub pin: Option<Pin>,
    /// Shell commands around the runs.
    pub hooks: Hooks,
    /// Whether a command may end otherwise than with 0.
    pub ignore_failure: bool,
    /// Whether a command may make other traced events under one mode than under another.
    pub accept_variation: bool,
    /// Whether a sample counts whose mode lost events.
    pub allow_loss: bool,
    /// Whether what the programs write goes to the harness's own streams.
    pub show_output: bool,
    /// Whether a progress bar is drawn, if standard error is a terminal.
    pub show_progress: bool,
    /// Size of the workloads.
    pub size: Size,
}

impl Request {
    /// The mode of that name.
    pub(crate) fn mode(&self, name: &str) -> Option<&dyn Mode> {
        let mut modes = self.modes.iter().map(|choice| &*choice.mode);
        modes.find(|mode| mode.about().name == name)
    }

    /// Adds the control where it is missing.
    pub(crate) fn add_control(&mut self) {
        let mut modes = self.modes.iter().map(|choice| choice.mode.about());
        if !modes.any(|about| about.role == Role::Control) {
            let mode = Arc::clone(harness_mode::control());
            let required = true;
            self.modes.insert(0, Choice { mode, required });
        }
    }
}

/// Size of the workloads; `None` is each workload's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    /// Operations of a loop.
    pub operations: Option<u64>,
    /// Whether loops whose operations are not given are one four-hundredth of their own
    /// length: many short samples say more than few long ones, and what is too
    /// short then is repeated within its sample.
    pub short_loops: bool,
    /// Units of a build.
    pub units: Option<u32>,
    /// Units built at once.
    pub jobs: Option<u32>,
}

/// One thing that is run.
#[derive(Debug, Clone)]
pub enum Target {
    /// A workload of the registry, by name.
    Workload(String),
    /// A program with its arguments; at least one word.
    Command(Vec<OsString>),
}
