//! What several tests need: every kind of instruction, and every kind of configuration.

#![allow(dead_code, reason = "no test needs all of it")]

use harness_ebpf::{
    Alu, Attachment, Condition, Config, Helper, Hooks, Insn, Level, Map, Operand, PidNamespace,
    Reg, Scope, Size, Wide, Width,
};

pub(crate) const LEVELS: [Level; 7] = [
    Level::Empty,
    Level::Tree,
    Level::Count,
    Level::Errors,
    Level::Time,
    Level::Histogram,
    Level::Stream,
];

pub(crate) const ALU: [Alu; 7] = [
    Alu::Add,
    Alu::Sub,
    Alu::Or,
    Alu::And,
    Alu::Lsh,
    Alu::Rsh,
    Alu::Mov,
];

pub(crate) const CONDITIONS: [Condition; 7] = [
    Condition::Eq,
    Condition::Gt,
    Condition::Ge,
    Condition::Set,
    Condition::Ne,
    Condition::Lt,
    Condition::Le,
];

pub(crate) const SIZES: [Size; 4] = [Size::B, Size::H, Size::W, Size::Dw];

/// As [`Map::ALL`] has them; their descriptors are 1 and on.
pub(crate) fn descriptor(map: Map) -> i32 {
    map as i32 + 1
}

/// The other way round.
pub(crate) fn map(descriptor: i32) -> Option<Map> {
    Map::ALL
        .into_iter()
        .find(|&map| self::descriptor(map) == descriptor)
}

/// The words of instructions.
pub(crate) fn encode(insns: &[Insn]) -> Vec<u64> {
    let mut words = Vec::new();
    for insn in insns {
        insn.encode(descriptor, &mut words);
    }
    words
}

/// Their bytes, in the order of x86-64.
pub(crate) fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Every combination of operation, size, width and kind of operand, with registers that stand in the way of each other.
pub(crate) fn instructions() -> Vec<Insn> {
    let (dst, base) = (Reg::R3, Reg::R10);
    let operands = [Operand::Reg(Reg::R4), Operand::Imm(7), Operand::Imm(-4095)];
    let mut insns = vec![
        Insn::Exit,
        Insn::Jump { offset: 0 },
        Insn::Jump { offset: 2 },
    ];
    for op in ALU {
        for width in [Width::W32, Width::W64] {
            for src in operands {
                // A shift is by less than the width.
                let is_shift = matches!(op, Alu::Lsh | Alu::Rsh);
                let src = if is_shift && src == Operand::Imm(-4095) {
                    Operand::Imm(31)
                } else {
                    src
                };
                insns.push(Insn::Alu {
                    op,
                    width,
                    dst,
                    src,
                });
            }
        }
    }
    for condition in CONDITIONS {
        for src in operands {
            let offset = 1;
            insns.push(Insn::Branch {
                condition,
                dst,
                src,
                offset,
            });
        }
    }
    for size in SIZES {
        for offset in [-8, -512] {
            insns.push(Insn::Load {
                size,
                dst,
                base,
                offset,
            });
            for src in operands {
                insns.push(Insn::Store {
                    size,
                    base,
                    offset,
                    src,
                });
            }
        }
    }
    insns.push(Insn::AtomicAdd {
        base,
        offset: -8,
        src: dst,
    });
    for value in [0, 1, u64::from(u32::MAX), 1 << 32, 0x8000_0000, u64::MAX] {
        insns.push(Insn::LoadWide {
            dst,
            value: Wide::Constant(value),
        });
    }
    insns.extend(Map::ALL.map(|map| Insn::LoadWide {
        dst,
        value: Wide::Map(map),
    }));
    for offset in [0, 6144] {
        insns.push(Insn::LoadWide {
            dst,
            value: Wide::Value(Map::Slots, offset),
        });
    }
    insns.extend(Helper::ALL.iter().map(|&helper| Insn::Call(helper)));
    insns
}

/// A variation of a configuration, with its name.
pub(crate) type Variation = (&'static str, fn(&mut Config));

/// What can be different about a configuration of one level, beside numbers; the first changes nothing.
pub(crate) const VARIATIONS: [Variation; 8] = [
    ("", |_| {}),
    ("enter", |config| config.hooks = Hooks::Enter),
    ("both", |config| config.hooks = Hooks::Both),
    ("unchecked", |config| config.scope = Scope::Unchecked),
    ("running", |config| config.attachment = Attachment::Running),
    ("sparse", |config| config.sparse = true),
    ("copied-status", |config| config.typed_task = false),
    ("no-btf", |config| config.status_offset = None),
];

/// A PID namespace of its own.
pub(crate) const NAMESPACE: PidNamespace = PidNamespace {
    device: 4,
    inode: 4_026_532_000,
};

/// The configuration of a level on a machine whose kernel has BTF, and lets programs load fields.
pub(crate) fn config(level: Level) -> Config {
    Config {
        status_offset: Some(16),
        typed_task: true,
        slots: 8,
        ..Config::new(level)
    }
}
