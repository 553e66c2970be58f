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
use harness_sys::rusage::thread_time;

use crate::{Arguments, During, Failure, Parameters, Processes, Statement, Workload, number};
use image::{ended_well, lookup, start};
use plan::Image;
use site::Site;

/// The first argument of the processes that make-sim executes.
pub(crate) const HIDDEN_WORD: &str = "__make-sim";

/// Units by default: one to three seconds on two CPUs, as what a call takes differs that much.
const UNITS: u32 = 6;
/// Units at once by default.
const JOBS: u32 = 2;
/// Services that the job server looks for, as `make` asks for users and groups.
const LOOKUPS: u64 = 2;
/// Turns of the computing loop for a microsecond of the plan by default: on the machine whose CPU
/// shares it was set on.
const TURNS: u32 = 480;
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
        &["--units", "--jobs", "--turns", "--seed", "--burn"]
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
            units,
            jobs,
            turns,
            seed,
            ..
        } = arguments.parameters;
        let job = Job {
            unit: 0,
            units: units.unwrap_or(UNITS),
            seed,
            burn: arguments.burn.unwrap_or(100),
            turns: turns.unwrap_or(TURNS),
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

/// What another machine needs to give make-sim the system share of CPU time that it is to have.
#[derive(Debug, Clone, Copy)]
pub struct Computing {
    units: u32,
}

impl Computing {
    /// The system share of CPU time of the build that make-sim follows: 21 s of 148 s.
    const SYSTEM_SHARE: f64 = 21.0 / 148.0;
    /// Between two steps of what [`Computing::turns`] gives. A machine is so said the same number
    /// again and again, though no two measurements are alike, and what it measures can be compared.
    const STEP: f64 = 1.1;
    /// As far as machines may differ, up or down.
    const MOST_STEPS: f64 = 30.0;

    /// For executions of so many units.
    #[must_use]
    pub fn of(units: u32) -> Self {
        Self { units }
    }

    /// An execution that makes all calls and computes so many turns for a microsecond of the plan.
    #[must_use]
    pub fn with(self, turns: u32) -> Parameters {
        Parameters {
            units: Some(self.units),
            turns: Some(turns),
            seed: 1,
            ..Parameters::default()
        }
    }

    /// The turns for a microsecond of the plan with which an execution has the share it is to
    /// have, where one [with](Self::with) `turns` took so long, and a turn takes `turn_ns`.
    #[must_use]
    pub fn turns(self, turns: u32, user_ns: u64, sys_ns: u64, turn_ns: f64) -> u32 {
        let (user_ns, sys_ns) = (user_ns as f64, sys_ns as f64);
        let whole = sys_ns / Self::SYSTEM_SHARE;
        let missing = whole - sys_ns - user_ns;
        let units = f64::from(self.units);
        let planned = units * plan::burn_us(&plan::SH) as f64
            + plan::STEPS.map(plan::burn_us).iter().sum::<u64>() as f64;
        let wanted = (f64::from(turns) + missing / (planned * turn_ns)).max(1.0);
        let steps = (wanted / f64::from(TURNS)).ln() / Self::STEP.ln();
        let steps = steps.round().clamp(-Self::MOST_STEPS, Self::MOST_STEPS);
        let turns = f64::from(TURNS) * Self::STEP.powf(steps);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 27 and 8,375"
        )]
        let turns = turns.round() as u32;
        turns
    }

    /// What a turn takes here, nanoseconds of CPU time.
    #[must_use]
    pub fn turn_ns() -> f64 {
        const TURNS_AT_ONCE: u64 = 1_000_000;
        let least = (0..5)
            .map(|_| {
                let before = thread_time();
                image::compute(TURNS_AT_ONCE);
                thread_time().saturating_sub(before).as_nanos()
            })
            .min();
        // What interrupts it makes it longer, never shorter.
        least.unwrap_or(0).max(1) as f64 / TURNS_AT_ONCE as f64
    }
}

/// What every process of a run is told.
#[derive(Debug, Clone, Copy)]
struct Job {
    unit: u32,
    units: u32,
    seed: u64,
    /// Percentage of the plan's computing and memory use.
    burn: u32,
    /// Turns of the computing loop for a microsecond of the plan.
    turns: u32,
}

impl Job {
    fn to_words(self) -> [String; 5] {
        [
            self.unit.to_string(),
            self.units.to_string(),
            self.seed.to_string(),
            self.burn.to_string(),
            self.turns.to_string(),
        ]
    }

    fn from_words(words: &[OsString]) -> Option<Self> {
        let [unit, units, seed, burn, turns] = words else {
            return None;
        };
        Some(Self {
            unit: number(unit)?,
            units: number(units)?,
            seed: number(seed)?,
            burn: number(burn)?,
            turns: number(turns)?,
        })
    }

    /// What `--burn` leaves of `amount`.
    fn scaled(&self, amount: u32) -> u64 {
        u64::from(amount) * u64::from(self.burn) / 100
    }
}

/// Runs the program image that `NAME UNIT UNITS SEED BURN TURNS` ask for.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a call and a turn take, within reason.
    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some seconds in nanoseconds"
    )]
    fn computing_gives_the_system_share_of_the_build() {
        let computing = Computing::of(4);
        let planned =
            4 * plan::burn_us(&plan::SH) + plan::STEPS.map(plan::burn_us).iter().sum::<u64>();
        for (user_ns, sys_ns, turn_ns) in [
            (100_000_000, 150_000_000, 2.0),
            (60_000_000, 400_000_000, 2.0),
            (90_000_000, 90_000_000, 0.7),
            (500_000_000, 700_000_000, 9.0),
        ] {
            let turns = computing.turns(0, user_ns, sys_ns, turn_ns);
            let computed = planned as f64 * f64::from(turns) * turn_ns;
            let share = sys_ns as f64 / ((user_ns + sys_ns) as f64 + computed);
            let off = share / Computing::SYSTEM_SHARE;
            assert!((0.95..1.05).contains(&off), "{share} with {turns} turns");
            // Told so already, it is told so again.
            let user_ns = user_ns + computed.round() as u64;
            assert_eq!(computing.turns(turns, user_ns, sys_ns, turn_ns), turns);
        }
    }

    #[test]
    fn a_machine_that_spends_enough_already_computes_the_least() {
        let least = Computing::of(1).turns(0, 1_000_000_000, 1, 2.0);
        assert_eq!(least, Computing::of(1).turns(0, 0, 1, 2.0));
        assert!(least > 0);
    }
}
