//! How long programs are and how much of them a call executes, over sets and compilers.

use harness_cbpf::{Cacheable, Program, SeccompData, cacheable, run};
use harness_syscalls::{Arch, ParseError, Table, TraceSet};

use crate::{Compiler, Error, Options, Profile};

/// The sets of the published chart of program lengths: *strace --seccomp-bpf: a look under the hood* (P. Chaignon,
/// FOSDEM 2020).
pub const TALK_SETS: [&str; 10] = [
    "none",
    "ptrace",
    "!ptrace",
    "%desc",
    "%file",
    "%fstat",
    "%ipc",
    "!%ipc",
    "%lstat",
    "%memory,%ipc,%pure,%signal,%network",
];

/// A bar of the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartRow {
    /// The trace set as written.
    pub set: String,
    /// The compiler.
    pub compiler: &'static str,
    /// The program's length.
    pub instructions: usize,
    /// Instructions executed a call, on average; see [`cost`].
    pub mean_executed: f64,
    /// Instructions executed at most.
    pub worst_executed: u32,
    /// Whether the kernel can cache every number of the 64-bit ABI that the program allows.
    pub cacheable: bool,
}

/// Why there is no chart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// A set cannot be read.
    #[error(transparent)]
    Set(#[from] ParseError),
    /// A set cannot be compiled.
    #[error(transparent)]
    Compile(#[from] Error),
}

/// A trace set as programs for `table` take it, and the options to go with it: for a strace table with the rows that
/// strace always traces and strace's way with unknown numbers.
///
/// # Errors
///
/// Those of [`TraceSet::parse`].
pub fn as_table(
    text: &str,
    table: &'static Table,
    options: &Options,
) -> Result<(TraceSet, Options), ParseError> {
    let set = TraceSet::parse(text, table)?;
    Ok(if table.is_strace() {
        let unknown = crate::Unknown::AsStrace;
        (
            set.with_always_traced(),
            Options {
                unknown,
                ..options.clone()
            },
        )
    } else {
        (set, options.clone())
    })
}

/// Compiles every set with every compiler.
///
/// # Errors
///
/// A set that cannot be read or compiled.
pub fn chart(
    sets: &[&str],
    table: &'static Table,
    compilers: &[&dyn Compiler],
    options: &Options,
) -> Result<Vec<ChartRow>, ChartError> {
    let mut rows = Vec::with_capacity(sets.len() * compilers.len());
    for text in sets {
        let (set, options) = as_table(text, table, options)?;
        for compiler in compilers {
            let program = compiler.compile(&set, &options)?;
            let (mean_executed, worst_executed) =
                cost(&program, table, options.arch, options.profile.as_ref());
            let native = options.arch.native_abi();
            let numbers = 0..table.size(native);
            rows.push(ChartRow {
                set: set.to_string(),
                compiler: compiler.name(),
                instructions: program.len(),
                mean_executed,
                worst_executed,
                cacheable: cacheable(&program, native.audit_arch(), numbers) == Cacheable::All,
            });
        }
    }
    Ok(rows)
}

/// Instructions a call executes on average and at most, if all its arguments are 0.
///
/// The average is over the calls of `profile`, without one over every named call of `table`, each counting once; both of
/// the 64-bit ABI of `arch`. The most is over every number of every ABI, the first beyond the table, and a foreign
/// architecture.
#[must_use]
pub fn cost(
    program: &Program,
    table: &'static Table,
    arch: Arch,
    profile: Option<&Profile>,
) -> (f64, u32) {
    const FOREIGN: u32 = 0;
    let executed = |arch, nr| run(program, &SeccompData::new(arch, nr)).executed;
    let worst = arch
        .abis()
        .iter()
        .flat_map(|&abi| (0..=table.size(abi)).map(move |nr| (abi, nr)))
        .map(|(abi, nr)| executed(abi.audit_arch(), abi.raw_number(nr)))
        .fold(executed(FOREIGN, 0), u32::max);
    let native = arch.native_abi();
    let calls: Vec<(u32, u64)> = match profile {
        Some(profile) => profile.calls(table, native).collect(),
        None => table.calls(native).map(|call| (call.nr, 1)).collect(),
    };
    let (sum, count) = calls.iter().fold((0, 0), |(sum, count), &(nr, calls)| {
        let executed = executed(native.audit_arch(), nr);
        (sum + calls * u64::from(executed), count + calls)
    });
    (sum as f64 / count.max(1) as f64, worst)
}
