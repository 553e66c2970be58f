//! `make-sim`: a job like a kernel build, without a compiler and without make.
//!
//! A job server runs `--jobs` units at a time. Each unit is a chain of real processes: a shell that
//! runs compiler drivers, which run a compiler and an assembler, and small tools. They look for
//! headers along an include path, read them, map memory, compute, write objects and rename them. An
//! archive and a link step follow. Every process executes this binary anew, under another name.
//!
//! No count depends on time: nobody polls, every process waits for each of its children once,
//! and blocks. Its shape is that of a real build; see [`plan`].

mod cost;
mod image;
mod plan;
#[cfg(test)]
mod profile;
mod site;

use std::ffi::OsString;

use harness_sys::calls;

use crate::{Arguments, During, Failure, Parameters, Processes, Statement, Workload, number};
use image::{ended_well, lookup, start};
use plan::Image;
use site::Site;

/// The first argument of the processes that make-sim executes.
pub(crate) const HIDDEN_WORD: &str = "__make-sim";

/// Units by default: about two seconds on two CPUs.
const UNITS: u32 = 14;
/// Units at once by default.
const JOBS: u32 = 2;
/// Services that the job server looks for, as `make` asks for users and groups.
const LOOKUPS: u64 = 2;
/// The PATH directory misses of the archive and link steps.
const STEP_MISSES: u32 = 0;

pub(crate) struct MakeSim;

impl Workload for MakeSim {
    fn name(&self) -> &'static str {
        "make-sim"
    }

    fn summary(&self) -> &'static str {
        "a job like a kernel build: many short processes, no compiler needed"
    }

    fn processes(&self) -> Processes {
        Processes::Several
    }

    fn default_trace(&self) -> &'static str {
        "connect"
    }

    fn times_itself(&self) -> bool {
        false
    }

    fn options(&self) -> &'static [&'static str] {
        &["--units", "--jobs", "--seed", "--burn"]
    }

    fn statement(&self, parameters: &Parameters) -> Statement {
        let units = parameters.units.unwrap_or(UNITS);
        let mut statement = Statement::of_one_process();
        statement.operations = u64::from(units);
        statement.add("prctl", 1);
        statement.add("rt_sigprocmask", 1);
        Site::add_cost(&mut statement, units);
        cost::add_work(&mut statement, plan::Work::Lookup, LOOKUPS);
        let mut unit = Statement::default();
        cost::add_image(&mut unit, &plan::SH, 0, units);
        statement.add_statement(&unit, u64::from(units));
        for step in plan::STEPS {
            cost::add_image(&mut statement, step, STEP_MISSES, units);
        }
        statement
    }

    fn run(&self, arguments: &Arguments) -> Result<(), Failure> {
        let Parameters {
            units, jobs, seed, ..
        } = arguments.parameters;
        let job = Job {
            unit: 0,
            units: units.unwrap_or(UNITS),
            seed,
            burn: arguments.burn.unwrap_or(100),
        };
        calls::disable_huge_pages().during("forgo huge pages")?;
        calls::block_sigchld().during("block SIGCHLD")?;
        let site = Site::make(seed)?;
        match build(&job, jobs.unwrap_or(JOBS)) {
            Ok(()) => site.remove(job.units),
            Err(failure) => {
                site.remove_whatever_is_there();
                Err(failure)
            }
        }
    }
}

/// Runs all units, `jobs` at a time, and then the steps that need them all.
///
/// # Errors
/// The first failure, when no child runs any more.
fn build(job: &Job, jobs: u32) -> Result<(), Failure> {
    for _ in 0..LOOKUPS {
        lookup()?;
    }
    let mut result = Ok(());
    let (mut started, mut running) = (0, 0);
    loop {
        while result.is_ok() && started < job.units && running < jobs {
            match start(
                &plan::SH,
                0,
                &Job {
                    unit: started,
                    ..*job
                },
            ) {
                Ok(_) => running += 1,
                Err(failure) => result = Err(failure),
            }
            started += 1;
        }
        if running == 0 {
            break;
        }
        let (_, status) = calls::wait4(-1).during("wait for a unit")?;
        running -= 1;
        result = result.and(ended_well(&plan::SH, status));
    }
    result?;
    for step in plan::STEPS {
        start(step, STEP_MISSES, job)?;
        let (_, status) = calls::wait4(-1).during("wait for a step")?;
        ended_well(step, status)?;
    }
    Ok(())
}

/// What every process of a run is told.
#[derive(Debug, Clone, Copy)]
struct Job {
    unit: u32,
    units: u32,
    seed: u64,
    /// Percentage of the plan's computing and memory use.
    burn: u32,
}

impl Job {
    fn to_words(self) -> [String; 4] {
        [
            self.unit.to_string(),
            self.units.to_string(),
            self.seed.to_string(),
            self.burn.to_string(),
        ]
    }

    fn from_words(words: &[OsString]) -> Option<Self> {
        let [unit, units, seed, burn] = words else {
            return None;
        };
        Some(Self {
            unit: number(unit)?,
            units: number(units)?,
            seed: number(seed)?,
            burn: number(burn)?,
        })
    }

    /// What `--burn` leaves of `amount`.
    fn scaled(&self, amount: u32) -> u64 {
        u64::from(amount) * u64::from(self.burn) / 100
    }
}

/// Runs the program image that `NAME UNIT UNITS SEED BURN` ask for.
///
/// # Errors
/// The image's, or that the words are not those that make-sim starts its processes with.
pub(crate) fn image(words: &[OsString]) -> Result<(), Failure> {
    let parsed = words.split_first().and_then(|(name, job)| {
        Some((name.to_str().and_then(plan::image)?, Job::from_words(job)?))
    });
    let Some((image, job)): Option<(&Image, Job)> = parsed else {
        return Err(Failure::new(HIDDEN_WORD, "only make-sim starts this"));
    };
    image::run(image, &job).map_err(|failure| Failure {
        operation: format!("{} of unit {}: {}", image.name, job.unit, failure.operation),
        ..failure
    })
}
