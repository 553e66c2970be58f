//! What is executed: a workload of the harness's own, or a command.

use crate::request::{Request, Target};
use crate::startup::{Calls, Startup};
use crate::wire::REPORT_FD;
use crate::{Error, computing, nearest, processors};
use harness_record::{Pin, WorkloadPlan};
use harness_sys::launcher::Launch;
use harness_sys::signals::Termination;
use harness_syscalls::{Abi, Table, TraceSet};
use harness_workloads::{Parameters, Processes, Statement, Workload};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Something to execute, with what is expected of it.
pub(crate) struct Subject {
    pub(crate) plan: WorkloadPlan,
    /// The trace set that the plan names.
    pub(crate) set: TraceSet,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// Whether it is one of the harness's own, which works in a fresh directory.
    pub(crate) own: bool,
}

/// The name under which a command of the user's is recorded.
pub(crate) const COMMAND: &str = "command";

/// How much shorter short loops are: under a tracer an execution is then a few milliseconds,
/// less than a virtual machine's speed lasts.
const SHORT_LOOP: u64 = 400;

/// The workload called `name`.
pub(crate) fn find(name: &str) -> Result<&'static dyn Workload, Error> {
    harness_workloads::find(name).ok_or_else(|| Error::UnknownWorkload {
        name: name.to_owned(),
        nearest: nearest(
            name,
            harness_workloads::registry()
                .iter()
                .map(|workload| workload.name()),
        ),
    })
}

/// Refuses a size that nothing which is asked for would have.
pub(crate) fn check_size(request: &Request) -> Result<(), Error> {
    let size = request.size;
    let given = [
        ("--operations", size.operations.is_some()),
        ("--units", size.units.is_some()),
        ("--jobs", size.jobs.is_some()),
    ];
    let mut taken = Vec::new();
    for target in &request.targets {
        if let Target::Workload(name) = target {
            taken.extend(find(name)?.options());
        }
    }
    for (option, _) in given.iter().filter(|(_, is_given)| *is_given) {
        if !taken.contains(option) {
            return Err(Error::SizeUnused { option });
        }
    }
    Ok(())
}

impl Subject {
    /// Whether the statement of a target can be used to verify it.
    pub(crate) fn has_statement(target: &Target) -> bool {
        matches!(target, Target::Workload(_))
    }

    /// Prepares a target. The workloads are in the binary `harness`; `startup`
    /// is what the machine adds to their calls, where that could be measured.
    pub(crate) fn new(
        target: &Target,
        request: &Request,
        harness: &Path,
        startup: Option<&Startup>,
        termination: &Termination,
    ) -> Result<Self, Error> {
        match target {
            Target::Workload(name) => {
                let workload = find(name)?;
                let turns = computing::is_told(workload)
                    .then(|| computing::turns(workload, harness, termination))
                    .transpose()?;
                Self::workload(workload, request, harness, startup, turns)
            }
            Target::Command(words) => Self::command(words, request),
        }
    }

    fn workload(
        workload: &'static dyn Workload,
        request: &Request,
        harness: &Path,
        startup: Option<&Startup>,
        turns: Option<u32>,
    ) -> Result<Self, Error> {
        let mut parameters = Parameters {
            operations: request.size.operations,
            units: request.size.units,
            jobs: request.size.jobs,
            turns,
            seed: request.seed,
        };
        if request.size.short_loops && workload.times_itself() {
            let own = workload.statement(&parameters).operations;
            let short = (own / SHORT_LOOP).max(1);
            parameters.operations.get_or_insert(short);
        }
        let statement = workload.statement(&parameters);
        let mut options = workload.arguments(&parameters);
        if workload.times_itself() {
            options.extend(["--report-fd".to_owned(), REPORT_FD.to_string()]);
        }
        let arguments = harness_workloads::words(workload.name(), options);
        let (trace, set) = trace_set(request, workload.default_trace())?;
        let single_process = workload.processes() == Processes::Single;
        let calls = startup.map(|startup| startup.all_calls(&statement));
        let pin = request.pin.unwrap_or(if single_process {
            Pin::SameCpu
        } else {
            Pin::None
        });
        let placement = processors::place_here(pin)?;
        let plan = WorkloadPlan {
            name: workload.name().to_owned(),
            command: displayed(&arguments),
            trace,
            pin,
            cpus: processors::used(placement)?,
            placement,
            warmup: Some(if workload.times_itself() {
                // A loop's length must be known before samples of it can be made long enough.
                request.warmup.max(1)
            } else {
                request.warmup
            }),
            times_itself: workload.times_itself(),
            operations: workload.times_itself().then_some(statement.operations),
            loop_syscalls: loop_syscalls(workload, &statement, startup),
            stated_traced_events: calls.as_ref().map(|calls| traced(calls, &set)),
            stated_calls: calls,
            stated_execs: Some(statement.execs),
            stated_tasks: Some(statement.tasks),
        };
        Ok(Self {
            plan,
            set,
            program: harness.into(),
            arguments,
            own: true,
        })
    }

    fn command(words: &[OsString], request: &Request) -> Result<Self, Error> {
        let program = words.first().cloned().unwrap_or_default();
        let arguments = words.iter().map(OsString::as_os_str);
        let launch = Launch::new(&program, arguments, std::env::vars_os())?;
        let (trace, set) = trace_set(request, "connect")?;
        harness_tracer::trial::executes(&launch)?;
        let pin = request.pin.unwrap_or(Pin::None);
        let placement = processors::place_here(pin)?;
        let plan = WorkloadPlan {
            name: COMMAND.to_owned(),
            command: displayed(words),
            trace,
            pin,
            cpus: processors::used(placement)?,
            placement,
            warmup: Some(request.warmup),
            times_itself: false,
            operations: None,
            loop_syscalls: None,
            stated_calls: None,
            stated_traced_events: None,
            stated_execs: None,
            stated_tasks: None,
        };
        Ok(Self {
            plan,
            set,
            program,
            arguments: words.to_vec(),
            own: false,
        })
    }
}

fn trace_set(request: &Request, default: &str) -> Result<(String, TraceSet), Error> {
    let text = request.trace.clone().unwrap_or_else(|| default.to_owned());
    match TraceSet::parse(&text, Table::current()) {
        Ok(set) => Ok((text, set)),
        Err(source) => Err(Error::TraceSet { text, source }),
    }
}

/// Calls made while the workload times its loop. Where reading the clock is one,
/// that time contains the end of the first reading and the beginning of the
/// second: together one reading.
fn loop_syscalls(
    workload: &dyn Workload,
    statement: &Statement,
    startup: Option<&Startup>,
) -> Option<u64> {
    let per_image = match statement.loop_execs {
        0 => 0,
        _ => startup?.per_image(),
    };
    // Where nothing can be traced nobody knows, and no mode stops at it.
    let reading = startup.map_or(0, Startup::per_clock_reading);
    workload
        .times_itself()
        .then_some(statement.loop_calls + statement.loop_execs * per_image + reading)
}

/// How many of `calls` are in the set.
pub(crate) fn traced(calls: &Calls, set: &TraceSet) -> u64 {
    let table = Table::current();
    let in_set = |name: &str| {
        table
            .numbers_of(Abi::NATIVE, name)
            .any(|number| set.contains(Abi::NATIVE, number))
    };
    calls
        .iter()
        .filter(|(name, _)| in_set(name))
        .map(|(_, count)| count)
        .sum()
}

fn displayed(words: &[OsString]) -> Vec<String> {
    words
        .iter()
        .map(|word: &OsString| OsStr::to_string_lossy(word).into_owned())
        .collect()
}
