//! What a program does with each system call, and what that costs.

use std::collections::BTreeSet;
use std::fmt;

use harness_cbpf::{Action, Obstacle, Program, SeccompData, Verdict, constant_allow, run};
use harness_syscalls::{Abi, Arch, Table};

use crate::explore::{Budget, Explorer, Undecided};

/// What a program does with one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The ABI.
    pub abi: Abi,
    /// The number in the ABI's table, for x32 without its bit.
    pub nr: u32,
    /// Its name; `None` for a number without a call, the first beyond the table among them.
    pub name: Option<&'static str>,
    /// What the program returns if all arguments are 0.
    pub action_value: u32,
    /// How many instructions it executes then.
    pub executed: u32,
    /// Whether arguments or the instruction pointer were looked at, so that other calls of the number may fare
    /// otherwise.
    pub conditional: bool,
    /// Whether the kernel runs the program at all.
    pub cache: Cache,
    /// Whether newer kernels run no filter for the call, whatever the program says.
    pub exempt: Option<Exempt>,
}

impl Explanation {
    /// The action; `None` for one no kernel knows.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        Action::from_u32(self.action_value)
    }
}

/// Whether the kernel (Linux 5.11 and later) allows a call without running the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// It does.
    Cached,
    /// It runs the program each time.
    No {
        /// Where the kernel's emulation ends, counted from 0.
        pc: usize,
        /// Why.
        obstacle: Obstacle,
    },
    /// The kernel's bitmap has no bit for such a number: x32, or beyond the table.
    Outside,
}

/// A call that the kernel runs no filter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exempt {
    /// Its name; it may be in no table.
    pub name: &'static str,
    /// Since which Linux.
    pub since: &'static str,
}

/// `uretprobe skips filters since 6.14`.
impl fmt::Display for Exempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, since } = self;
        write!(f, "{name} skips filters since {since}")
    }
}

impl Exempt {
    /// `seccomp_uprobe_exception`, `kernel/seccomp.c`: calls that the kernel puts into programs that are probed, which a
    /// filter that does not know them would kill. 335 is exempt since commit cf6cb56ef244 (6.14, and stable releases of
    /// 6.12 and 6.13), 336 since it exists (56101b69c919 and 89d1d8434d24, 6.18).
    const fn of(abi: Abi, nr: u32) -> Option<Self> {
        let (name, since) = match (abi, nr) {
            (Abi::X86_64, 335) => ("uretprobe", "6.14"),
            (Abi::X86_64, 336) => ("uprobe", "6.18"),
            _ => return None,
        };
        Some(Self { name, since })
    }
}

/// `cached`, or why not.
impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached => f.write_str("cached"),
            Self::No { pc, obstacle } => write!(f, "instruction {pc} {obstacle}"),
            Self::Outside => f.write_str("the kernel's bitmap has no such number"),
        }
    }
}

/// Explains every number of `table`, and the first beyond it, in every ABI of the programs that `arch` runs.
///
/// The kernel's own table may be longer or shorter than `table`: a number is reported as cached if the kernel knows it.
#[must_use]
pub fn explain(program: &Program, table: &Table, arch: Arch) -> Vec<Explanation> {
    let native_first = arch.runs().iter().rev();
    native_first
        .flat_map(|&abi| (0..=table.size(abi)).map(move |nr| (abi, nr)))
        .map(|(abi, nr)| explain_call(program, table, abi, nr))
        .collect()
}

/// Explains number `nr` (for x32 without its bit) of `abi`.
#[must_use]
pub fn explain_call(program: &Program, table: &Table, abi: Abi, nr: u32) -> Explanation {
    let (arch, raw) = (abi.audit_arch(), abi.raw_number(nr));
    let outcome = run(program, &SeccompData::new(arch, raw));
    let cache = if abi == Abi::X32 || nr >= table.size(abi) {
        Cache::Outside
    } else {
        match constant_allow(program, arch, raw) {
            Verdict::Cached => Cache::Cached,
            Verdict::NotCached { pc, obstacle } => Cache::No { pc, obstacle },
        }
    };
    Explanation {
        abi,
        nr,
        name: table.name_of(abi, nr),
        action_value: outcome.action_value,
        executed: outcome.executed,
        conditional: outcome.conditional,
        cache,
        exempt: Exempt::of(abi, nr),
    }
}

/// Every action that a call of number `nr` of `abi` can get, depending on arguments and instruction pointer, and why
/// these may not be all. What is found comes out of `budget`, of which a number gets a part.
#[must_use]
pub fn actions(
    program: &Program,
    abi: Abi,
    nr: u32,
    budget: &mut Budget,
) -> (BTreeSet<Action>, Option<Undecided>) {
    let mut explorer = Explorer::new(vec![program], budget.part()).of_one_number();
    explorer.push(SeccompData::new(abi.audit_arch(), abi.raw_number(nr)));
    let mut found = BTreeSet::new();
    while let Some(data) = explorer.pop() {
        found.insert(Action::effect(explorer.run(0, &data).action_value));
    }
    budget.spend(explorer.spent());
    (found, explorer.undecided())
}

#[cfg(test)]
mod tests {
    use super::{Cache, actions, explain, explain_call};
    use crate::explore::{Budget, Undecided};
    use harness_cbpf::{Action, Obstacle, assemble};
    use harness_syscalls::{Abi, Arch, Table};
    use std::fmt::Write;

    #[test]
    fn each_call_is_explained_by_what_happens_to_it() {
        // read is traced, write depends on its first argument, everything else passes.
        let program = assemble(
            "ld [0]
             jeq #0, trace
             jne #1, allow
             ld [16]
             jeq #2, trace
             allow: ret #0x7fff0000
             trace: ret #0x7ff00001",
        )
        .expect("valid");
        let table = Table::current();
        let of = |abi, nr| explain_call(&program, table, abi, nr);
        let read = of(Abi::X86_64, 0);
        assert_eq!(
            (read.name, read.executed, read.conditional),
            (Some("read"), 3, false)
        );
        assert_eq!(read.action(), Some(Action::Trace(1)));
        let obstacle = Obstacle::Returns(0x7ff0_0001);
        assert_eq!(read.cache, Cache::No { pc: 6, obstacle });
        assert_eq!(read.cache.to_string(), "instruction 6 returns TRACE(0x1)");
        let write = of(Abi::X86_64, 1);
        assert_eq!((write.executed, write.conditional), (6, true));
        let (found, undecided) = actions(&program, Abi::X86_64, 1, &mut Budget::new());
        assert!(found.into_iter().eq([Action::Trace(1), Action::Allow]));
        assert_eq!(undecided, None);
        assert_eq!(write.cache.to_string(), "instruction 3 loads argument 0");
        assert_eq!(of(Abi::X86_64, 42).cache, Cache::Cached);
        assert_eq!(of(Abi::I386, 42).cache, Cache::Cached);
        assert_eq!(of(Abi::X32, 42).cache, Cache::Outside);
        assert_eq!(of(Abi::X86_64, 472).cache, Cache::Outside);
        for (abi, nr, exempt) in [
            (Abi::X86_64, 334, false),
            (Abi::X86_64, 335, true),
            (Abi::X86_64, 336, true),
            (Abi::I386, 335, false),
            (Abi::X32, 335, false),
        ] {
            assert_eq!(of(abi, nr).exempt.is_some(), exempt, "{abi} {nr}");
        }
    }

    #[test]
    fn a_number_of_too_many_ways_leaves_enough_for_the_others() {
        let mut text = "ld [0]\njeq #0, many\nld [16]\njeq #2, no\nret #0x7fff0000\n".to_owned();
        text += "no: ret #0x50001\nmany: ld [16]\n";
        for n in 0..25 {
            let _ = writeln!(text, "jset #{}, to{n}\nto{n}:", 1 << n);
        }
        text += "ret #0x7fff0000";
        let program = assemble(&text).expect("valid");
        let mut budget = Budget::of(1 << 16);
        let mut of = |nr| actions(&program, Abi::X86_64, nr, &mut budget);
        let (found, undecided) = of(0);
        assert!(found.into_iter().eq([Action::Allow]));
        assert!(matches!(undecided, Some(Undecided::TooMany { .. })));
        let (found, undecided) = of(1);
        assert!(found.into_iter().eq([Action::Errno(1), Action::Allow]));
        assert_eq!(undecided, None);
    }

    #[test]
    fn every_number_of_every_abi_is_explained_once() {
        let program = assemble("ret #0x7fff0000").expect("valid");
        let table = Table::current();
        for arch in [Arch::X86, Arch::Aarch64] {
            let found: Vec<_> = explain(&program, table, arch)
                .into_iter()
                .map(|call| (call.abi, call.nr))
                .collect();
            let mut unique = found.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), found.len());
            let expected: u32 = arch.runs().iter().map(|&abi| table.size(abi) + 1).sum();
            assert_eq!(found.len(), expected as usize);
            assert_eq!(found[0], (arch.native_abi(), 0));
        }
    }
}
