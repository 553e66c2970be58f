//! What the microbenchmarks share: a loop of one operation that times itself.

use std::time::Duration;

use harness_sys::calls;

use crate::{Arguments, During, Failure, Parameters, Processes, Statement, Workload, clock};

/// Calls by name, each so many times.
type Calls = &'static [(&'static str, u64)];

/// A microbenchmark. The calls of its fields do not include the report of the time.
pub(crate) struct Micro {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) trace: &'static str,
    pub(crate) processes: Processes,
    /// Operations by default.
    ///
    /// So many that one execution under a tracer which stops it twice a call (some 7 µs on one CPU)
    /// takes well below a second.
    pub(crate) operations: u64,
    /// Calls of one operation.
    pub(crate) each: Calls,
    /// Whether every one of `each` fails, as it should.
    pub(crate) fails: bool,
    /// Calls before and after the loop.
    pub(crate) around: Calls,
    /// Program images that one operation executes.
    pub(crate) execs_each: u64,
    /// Processes and threads that one operation creates.
    pub(crate) tasks_each: u64,
    /// Processes created before the loop.
    pub(crate) tasks_around: u64,
    /// Does so many operations, and returns what [`timed`] says.
    pub(crate) program: fn(u64) -> Result<Duration, Failure>,
}

impl Micro {
    /// The usual: one process, nothing around the loop, nothing created.
    pub(crate) const fn new(
        name: &'static str,
        summary: &'static str,
        program: fn(u64) -> Result<Duration, Failure>,
    ) -> Self {
        Self {
            name,
            summary,
            trace: name,
            processes: Processes::Single,
            operations: 0,
            each: &[],
            fails: false,
            around: &[],
            execs_each: 0,
            tasks_each: 0,
            tasks_around: 0,
            program,
        }
    }
}

impl Workload for Micro {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn processes(&self) -> Processes {
        self.processes
    }

    fn default_trace(&self) -> &'static str {
        self.trace
    }

    fn times_itself(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [&'static str] {
        &["--operations", "--report-fd"]
    }

    /// Includes the report through `--report-fd`.
    fn statement(&self, parameters: &Parameters) -> Statement {
        let operations = parameters.operations.unwrap_or(self.operations);
        let mut statement = Statement::of_one_process();
        statement.operations = operations;
        for &(name, count) in self.each {
            statement.add(name, count * operations);
            statement.loop_calls += count * operations;
        }
        statement.errors = if self.fails { statement.loop_calls } else { 0 };
        for &(name, count) in self.around {
            statement.add(name, count);
        }
        statement.add("pwrite64", 1);
        statement.clock_readings = 2;
        statement.loop_execs = self.execs_each * operations;
        statement.execs += self.execs_each * operations;
        statement.tasks += self.tasks_each * operations + self.tasks_around;
        statement
    }

    fn run(&self, arguments: &Arguments) -> Result<(), Failure> {
        let operations = arguments.parameters.operations.unwrap_or(self.operations);
        let time = (self.program)(operations)?;
        let report = format!("loop_ns={}\n", time.as_nanos());
        let written = match arguments.report {
            Some(descriptor) => calls::pwrite64_inherited(descriptor, report.as_bytes()),
            None => calls::write_inherited(1, report.as_bytes()),
        };
        match written.during("report the loop's time")? {
            all if all == report.len() => Ok(()),
            part => Err(Failure::new(
                "report the loop's time",
                format!("wrote {part} bytes of it"),
            )),
        }
    }
}

/// Does an operation so many times, and returns how long all of them took by [`clock::now`], which
/// is read twice.
///
/// # Errors
/// The first of the operation's.
#[inline]
pub(crate) fn timed(
    operations: u64,
    mut operation: impl FnMut() -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let start = clock::now();
    for _ in 0..operations {
        operation()?;
    }
    Ok(start.elapsed())
}

/// That a call moved the one byte it was to move.
///
/// # Errors
/// The call's, or that it moved none.
#[inline]
pub(crate) fn one_byte(result: std::io::Result<usize>, operation: &str) -> Result<(), Failure> {
    match result.during(operation)? {
        1 => Ok(()),
        _ => Err(Failure::new(operation, "no byte was transferred")),
    }
}
