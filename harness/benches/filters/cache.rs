//! The emulator's verdict against the clock: getppid(2) under filters of growing length, those it calls
//! cacheable and those it does not.

use crate::live;
use crate::rows::LEVEL;
use harness_cbpf::{Action, Insn, Program, Verdict, code, constant_allow, offset};
use harness_stats::random::Rng;
use harness_stats::{Interval, hodges_lehmann, median};
use harness_sys::probe_calls::Idle;
use harness_syscalls::{Abi, Table};

/// Executed instructions of getppid.
const EXECUTED: [u32; 5] = [10, 50, 100, 200, 400];

pub(crate) struct CacheRow {
    pub(crate) executed: u32,
    pub(crate) cacheable: bool,
    pub(crate) nanoseconds: Interval,
}

pub(crate) struct Cache {
    pub(crate) unfiltered: Interval,
    pub(crate) rows: Vec<CacheRow>,
    /// Time at the most instructions to that at the fewest, cacheable and not, from pairs of one round.
    pub(crate) growth: [Interval; 2],
}

/// Allows everything after `executed` instructions: tests for numbers that are never used, as long filters make them.
/// What is not cacheable begins with `tax`, as bit arrays need it, which the kernel's emulator does not know.
fn program(executed: u32, cacheable: bool) -> Program {
    let first = if cacheable {
        Insn::statement(code::LD_ABS, offset::ARCH)
    } else {
        Insn::statement(code::TAX, 0)
    };
    let mut instructions = vec![first, Insn::statement(code::LD_ABS, offset::NR)];
    let tests = executed - 3;
    for test in 0..tests {
        instructions.push(Insn::jump(
            code::JEQ_K,
            0x3000_0000 + test,
            u8::from(test + 1 == tests),
            0,
        ));
    }
    instructions.push(Insn::statement(code::RET_K, Action::Allow.to_u32()));
    instructions.push(Insn::statement(code::RET_K, Action::Errno(1).to_u32()));
    Program::new(instructions).expect("a valid program")
}

pub(crate) fn measure(rounds: usize, rng: &mut Rng) -> Cache {
    let table = Table::current();
    let getppid = table.numbers_of(Abi::X86_64, "getppid").next();
    let getppid = getppid.expect("in the table");
    let mut cases = Vec::new();
    for cacheable in [true, false] {
        for executed in EXECUTED {
            let program = program(executed, cacheable);
            let verdict = constant_allow(&program, Abi::X86_64.audit_arch(), getppid);
            assert_eq!(verdict == Verdict::Cached, cacheable, "{verdict:?}");
            cases.push((executed, cacheable, program));
        }
    }
    let mut samples = vec![Vec::new(); cases.len() + 1];
    let mut order: Vec<usize> = (0..=cases.len()).collect();
    for _ in 0..rounds {
        rng.shuffle(&mut order);
        for &at in &order {
            let program = cases.get(at).map(|(_, _, program)| program);
            let (nanoseconds, error) = live::time(program, Idle::Getppid);
            assert_eq!(error, 0, "getppid must be allowed");
            samples[at].push(nanoseconds);
        }
    }
    let growth = [0, EXECUTED.len()].map(|first| {
        let last = first + EXECUTED.len() - 1;
        let logs: Vec<f64> = samples[last]
            .iter()
            .zip(&samples[first])
            .map(|(long, short)| (long / short).ln())
            .collect();
        hodges_lehmann(&logs, LEVEL)
            .expect("finite numbers")
            .map(f64::exp)
    });
    let estimate = |sample: &[f64]| median(sample, LEVEL).expect("finite numbers");
    let rows = cases
        .iter()
        .zip(&samples)
        .map(|((executed, cacheable, _), sample)| CacheRow {
            executed: *executed,
            cacheable: *cacheable,
            nanoseconds: estimate(sample),
        })
        .collect();
    Cache {
        unfiltered: estimate(&samples[cases.len()]),
        rows,
        growth,
    }
}
