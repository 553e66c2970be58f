//! A program's text with the names of what its numbers mean.

use harness_cbpf::{
    Action, Condition, Op, Operand, Program, Register, SeccompData, disassemble_with, offset,
};
use harness_syscalls::{Abi, Arch, Table, X32_SYSCALL_BIT, architecture_name};

/// What is known before an instruction, on every path to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    accumulator: Accumulator,
    /// The architecture, once a test has shown it.
    arch: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Accumulator {
    Number,
    Architecture,
    #[default]
    Other,
}

impl Known {
    /// What is known where two paths meet.
    fn and(self, other: Self) -> Self {
        Self {
            accumulator: if self.accumulator == other.accumulator {
                self.accumulator
            } else {
                Accumulator::Other
            },
            arch: self.arch.filter(|arch| other.arch == Some(*arch)),
        }
    }
}

/// The program in the assembler's syntax, commented: fields of `seccomp_data`, architectures, names of system calls
/// from `table`, actions.
#[must_use]
pub fn listing(program: &Program, table: &Table) -> String {
    let comments = comments(program, table);
    disassemble_with(program, |pc, _| comments[pc].clone())
}

/// What [`listing`] says of each instruction; `None` where that is nothing.
#[must_use]
pub fn comments(program: &Program, table: &Table) -> Vec<Option<String>> {
    let known = flow(program.ops());
    let main = machines(program)
        .first()
        .map_or(Abi::NATIVE, |arch| arch.native_abi());
    let instructions = known.into_iter().zip(program.ops());
    instructions
        .map(|(known, &op)| {
            known.map_or_else(
                || Some("never reached".to_owned()),
                |known| comment(op, known, main, table),
            )
        })
        .collect()
}

/// The architectures (`AUDIT_ARCH_*`) that a program compares with, in the order of its instructions.
#[must_use]
pub fn architectures(program: &Program) -> Vec<u32> {
    let known = flow(program.ops());
    known
        .into_iter()
        .zip(program.ops())
        .filter_map(|(known, &op)| match (known?.accumulator, op) {
            (Accumulator::Architecture, Op::Branch { operand, .. }) => operand.constant(),
            _ => None,
        })
        .collect()
}

/// The machines for which a program is written: those whose architectures it tests for.
#[must_use]
pub fn machines(program: &Program) -> Vec<Arch> {
    let tested = architectures(program);
    let tests = |abi: &Abi| tested.contains(&abi.audit_arch());
    [Arch::X86, Arch::Aarch64]
        .into_iter()
        .filter(|arch| arch.runs().iter().any(tests))
        .collect()
}

/// What is known before each instruction; `None` where no path leads.
fn flow(ops: &[Op]) -> Vec<Option<Known>> {
    let mut known: Vec<Option<Known>> = vec![None; ops.len()];
    known[0] = Some(Known::default());
    // All jumps are forward, so every path to an instruction is known when its turn comes.
    for (pc, &op) in ops.iter().enumerate() {
        let Some(here) = known[pc] else { continue };
        let mut reach = |skipped: usize, what: Known| {
            let there = &mut known[pc + 1 + skipped];
            *there = Some(there.map_or(what, |known| known.and(what)));
        };
        let accumulator = match op {
            Op::Branch {
                condition,
                operand,
                jt,
                jf,
            } => {
                let of_architecture = here.accumulator == Accumulator::Architecture;
                let arch = match operand {
                    Operand::Constant(k) if of_architecture && condition == Condition::Equal => {
                        Some(k)
                    }
                    _ => here.arch,
                };
                reach(jt.into(), Known { arch, ..here });
                reach(jf.into(), here);
                continue;
            }
            Op::Jump(skip) => {
                reach(skip as usize, here);
                continue;
            }
            Op::Return(_) | Op::ReturnA => continue,
            Op::LoadData(offset::NR) => Accumulator::Number,
            Op::LoadData(offset::ARCH) => Accumulator::Architecture,
            Op::LoadConstant(Register::X, _)
            | Op::LoadLength(Register::X)
            | Op::LoadMemory(Register::X, _)
            | Op::Store(..)
            | Op::Tax => here.accumulator,
            Op::LoadData(_)
            | Op::LoadConstant(Register::A, _)
            | Op::LoadLength(Register::A)
            | Op::LoadMemory(Register::A, _)
            | Op::Arithmetic(..)
            | Op::Negate
            | Op::Txa => Accumulator::Other,
        };
        reach(
            0,
            Known {
                accumulator,
                ..here
            },
        );
    }
    known
}

fn comment(op: Op, known: Known, main: Abi, table: &Table) -> Option<String> {
    let (condition, k) = match op {
        Op::LoadData(offset) => return Some(field(offset)),
        Op::Return(value) => {
            return Some(Action::from_u32(value).map_or_else(
                || "an action no kernel knows: kills the process".to_owned(),
                |action| action.to_string(),
            ));
        }
        Op::Branch {
            condition, operand, ..
        } if condition != Condition::AnyBit => (condition, operand.constant()?),
        _ => return None,
    };
    match known.accumulator {
        Accumulator::Architecture => Abi::ALL
            .into_iter()
            .find(|abi| abi.audit_arch() == k)
            .map(Abi::name)
            .or_else(|| architecture_name(k))
            .map(str::to_owned),
        Accumulator::Number if (condition, k) == (Condition::GreaterOrEqual, X32_SYSCALL_BIT) => {
            Some("x32".to_owned())
        }
        Accumulator::Number => {
            let name = |arch| {
                let (abi, nr) = Abi::of(arch, k)?;
                table.name_of(abi, nr)
            };
            if let Some(arch) = known.arch {
                return name(arch).map(str::to_owned);
            }
            // Before the architecture is known a number has a name in each.
            name(main.audit_arch()).map(|name| format!("{main} {name}"))
        }
        Accumulator::Other => None,
    }
}

fn field(offset: u32) -> String {
    let half = if offset.is_multiple_of(8) {
        "low"
    } else {
        "high"
    };
    match offset {
        offset::NR => "nr".to_owned(),
        offset::ARCH => "arch".to_owned(),
        8 | 12 => format!("instruction pointer, {half} half"),
        _ => {
            let argument = (offset.min(SeccompData::SIZE) - 16) / 8;
            format!("argument {argument}, {half} half")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{listing, machines};
    use harness_cbpf::assemble;
    use harness_syscalls::{Arch, Table};

    #[test]
    fn a_program_is_for_the_machines_that_it_tests_for() {
        for (text, expected) in [
            ("ld [4]\njeq #0xc000003e, a\na: ret #0", &[Arch::X86][..]),
            ("ld [4]\njne #0x40000003, a\na: ret #0", &[Arch::X86]),
            ("ld [4]\njeq #0xc00000b7, a\na: ret #0", &[Arch::Aarch64]),
            (
                "ld [4]\njeq #0xc00000b7, a\njeq #0xc000003e, a\na: ret #0",
                &[Arch::X86, Arch::Aarch64],
            ),
            // A number, an architecture of neither, nothing.
            ("ld [0]\njeq #0xc000003e, a\na: ret #0", &[]),
            ("ld [4]\njeq #0xc00000f3, a\na: ret #0", &[]),
            ("ld [4]\njeq #0x40000028, a\na: ret #0", &[Arch::Aarch64]),
            ("ret #0", &[]),
        ] {
            let program = assemble(text).expect(text);
            assert_eq!(machines(&program), expected, "{text}");
        }
    }

    #[test]
    fn comments_say_what_numbers_mean_on_the_path_at_hand() {
        let text = "
                ld [4]
                jeq #0xc000003e, x86_64
                jne #0x40000003, no
                ld [0]
                jeq #11, yes, no
        x86_64: ld [0]
                jge #0x40000000, x32
                jeq #59, yes, no
        x32:    jeq #0x40000208, yes
                ld [16]
                jeq #59, yes
        no:     ret #0x7fff0000
        yes:    ret #0x7ff005ec
                ret #0xff000000
        ";
        let program = assemble(text).expect("valid");
        let comments: Vec<String> = listing(&program, Table::current())
            .lines()
            .map(|line| {
                let comment = line.split_once("/* ").map_or("", |(_, comment)| comment);
                comment.trim_end_matches(" */").to_owned()
            })
            .collect();
        let expected = [
            "arch",
            "x86_64",
            "i386",
            "nr",
            "execve",
            "nr",
            "x32",
            "execve",
            "execve",
            "argument 0, low half",
            "",
            "ALLOW",
            "TRACE(0x5ec)",
            "never reached",
        ];
        assert_eq!(comments, expected);
    }
}
