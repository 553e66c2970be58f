//! How long programs are and how much of them a call executes, over sets and compilers.

use harness_cbpf::{Cacheable, Op, Program, SeccompData, cacheable, run};
use harness_syscalls::{Abi, Arch, ParseError, Table, TraceSet};

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
    /// How many calls of the 64-bit ABI the program allows, and how many of them the kernel can cache.
    pub cacheable: Cacheable,
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
    /// There is nothing to take a mean over.
    #[error("the profile has no call of {0}: a mean over none means nothing")]
    NoCalls(Abi),
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
/// A set that cannot be read or compiled, a profile without calls.
pub fn chart(
    sets: &[&str],
    table: &'static Table,
    compilers: &[&dyn Compiler],
    options: &Options,
) -> Result<Vec<ChartRow>, ChartError> {
    let native = options.arch.native_abi();
    if let Some(profile) = &options.profile
        && profile.calls(table, native).all(|(_, calls)| calls == 0)
    {
        return Err(ChartError::NoCalls(native));
    }
    let mut rows = Vec::with_capacity(sets.len() * compilers.len());
    for text in sets {
        let (set, options) = as_table(text, table, options)?;
        for compiler in compilers {
            let program = compiler.compile(&set, &options)?;
            let (mean_executed, worst_executed) =
                cost(&program, table, options.arch, options.profile.as_ref());
            let numbers = table.calls(native).map(|call| call.nr);
            rows.push(ChartRow {
                set: set.to_string(),
                compiler: compiler.name(),
                instructions: program.len(),
                mean_executed,
                worst_executed,
                cacheable: cacheable(&program, native.audit_arch(), numbers),
            });
        }
    }
    Ok(rows)
}

/// Instructions a call executes on average and at most, if all its arguments are 0.
///
/// The average is over the calls of `profile`, without one over every named call of `table`, each counting once; both of
/// the 64-bit ABI of `arch`. The most is over every number of every ABI, the first beyond the table, the numbers
/// next to each constant that the program compares with, and a foreign architecture.
#[must_use]
pub fn cost(
    program: &Program,
    table: &'static Table,
    arch: Arch,
    profile: Option<&Profile>,
) -> (f64, u32) {
    const FOREIGN: u32 = 0;
    let executed = |arch, nr| run(program, &SeccompData::new(arch, nr)).executed;
    let mut worst = executed(FOREIGN, 0);
    for &abi in arch.abis() {
        let known = (0..=table.size(abi)).map(|nr| abi.raw_number(nr));
        for nr in known.chain(boundaries(program)) {
            worst = worst.max(executed(abi.audit_arch(), nr));
        }
    }
    let native = arch.native_abi();
    let calls: Vec<(u32, u64)> = match profile {
        Some(profile) => profile.calls(table, native).collect(),
        None => table.calls(native).map(|call| (call.nr, 1)).collect(),
    };
    let (sum, count) = calls
        .iter()
        .fold((0_u128, 0_u128), |(sum, count), &(nr, calls)| {
            let executed = executed(native.audit_arch(), nr);
            let calls = u128::from(calls);
            (sum + calls * u128::from(executed), count + calls)
        });
    (sum as f64 / count.max(1) as f64, worst)
}

/// Numbers at which a comparison of the program changes, which may be made for a longer table than the one at hand.
fn boundaries(program: &Program) -> impl Iterator<Item = u32> {
    let compared = program.ops().iter().filter_map(|op| match op {
        Op::Branch { operand, .. } => operand.constant(),
        _ => None,
    });
    compared.flat_map(|k| [k.wrapping_sub(1), k, k.wrapping_add(1)])
}
