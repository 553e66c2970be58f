//! What several programs are made of.

use crate::asm::{Assembler, Label};
use crate::layout::{Control, task_size};
use crate::{Alu, Condition, Config, Helper, Map, Reg, Scope, Size};
use std::mem::offset_of;

/// Places on the stack, bytes from its end.
pub(super) mod stack {
    /// A key: an address of 8 bytes, or a number of 4.
    pub(crate) const KEY: i16 = -8;
    /// A word that the kernel is asked for.
    pub(crate) const SCRATCH: i16 = -16;
    /// `struct bpf_pidns_info`: a thread's id, its process's id.
    pub(crate) const IDS: i16 = -24;
    /// The value of a task that is enrolled, at most 64 bytes.
    pub(crate) const TASK: i16 = -88;
    /// Registers of the caller, 88 bytes.
    pub(crate) const REGISTERS: i16 = -176;
}

/// An argument of the tracepoint, from the context in R6.
pub(super) fn argument(asm: &mut Assembler, dst: Reg, index: i16) {
    asm.load(Size::Dw, dst, Reg::R6, index * 8);
}

/// The offset of a field, as an instruction has it.
pub(super) fn field(offset: usize) -> i16 {
    i16::try_from(offset).expect("structures are small")
}

/// R2 = the address of a place on the stack.
pub(super) fn stack_address(asm: &mut Assembler, dst: Reg, place: i16) {
    asm.mov(dst, Reg::R10).add(dst, i32::from(place));
}

/// R0 = the value of the key on the stack, or 0.
pub(super) fn lookup(asm: &mut Assembler, map: Map) {
    asm.map(Reg::R1, map);
    stack_address(asm, Reg::R2, stack::KEY);
    asm.call(Helper::MapLookup);
}

/// R0 = the value of the current task, or 0 where it does not belong to the tree; its key is on the
/// stack.
pub(super) fn lookup_current(asm: &mut Assembler, config: &Config) {
    match config.scope {
        Scope::Tree => {
            asm.call(Helper::GetCurrentTask)
                .store(Size::Dw, Reg::R10, stack::KEY, Reg::R0);
        }
        Scope::Unchecked => {
            asm.store(Size::Dw, Reg::R10, stack::KEY, 0);
        }
    }
    lookup(asm, Map::Tasks);
}

/// Adds 1 to a field of [`Control`]. R1 and R2 are lost.
pub(super) fn count(asm: &mut Assembler, offset: usize) {
    asm.value(Reg::R1, Map::Control, offset)
        .mov(Reg::R2, 1)
        .atomic_add(Reg::R1, 0, Reg::R2);
}

/// Enrols the task whose address is on the stack, and goes on at `lost` where there is no room.
pub(super) fn enrol(asm: &mut Assembler, config: &Config, lost: Label) {
    for at in (0..field(task_size(config.level))).step_by(8) {
        asm.store(Size::Dw, Reg::R10, stack::TASK + at, 0);
    }
    asm.map(Reg::R1, Map::Tasks);
    stack_address(asm, Reg::R2, stack::KEY);
    stack_address(asm, Reg::R3, stack::TASK);
    // BPF_ANY.
    asm.mov(Reg::R4, 0).call(Helper::MapUpdate);
    asm.branch(Condition::Ne, Reg::R0, 0, lost);
    count(asm, offset_of!(Control, tasks));
}

/// Counts a task that found no room, and ends.
pub(super) fn lose_task(asm: &mut Assembler) {
    count(asm, offset_of!(Control, lost_tasks));
    asm.ret(0);
}

/// Writes the ids of the current thread to the stack, in the PID namespace of the harness; goes on at
/// `foreign` where its own is another one.
pub(super) fn ids(asm: &mut Assembler, config: &Config, foreign: Label) {
    if let Some(namespace) = config.pid_namespace {
        asm.wide(Reg::R1, crate::Wide::Constant(namespace.device))
            .wide(Reg::R2, crate::Wide::Constant(namespace.inode));
        stack_address(asm, Reg::R3, stack::IDS);
        asm.mov(Reg::R4, 8)
            .call(Helper::GetNsCurrentPidTgid)
            .branch(Condition::Ne, Reg::R0, 0, foreign);
    } else {
        // The same layout: the thread in the lower half.
        asm.call(Helper::GetCurrentPidTgid)
            .store(Size::Dw, Reg::R10, stack::IDS, Reg::R0);
    }
}

/// Goes on at `foreign` unless the current process is among those to be watched; the key on the stack
/// becomes its id.
pub(super) fn check_process(asm: &mut Assembler, config: &Config, foreign: Label) {
    ids(asm, config, foreign);
    asm.load(Size::W, Reg::R1, Reg::R10, stack::IDS + 4).store(
        Size::W,
        Reg::R10,
        stack::KEY,
        Reg::R1,
    );
    lookup(asm, Map::Processes);
    asm.branch(Condition::Eq, Reg::R0, 0, foreign);
}

/// Goes on at `out` where the number in R7 is traced in no ABI. Numbers beyond the table are looked at
/// later. R1 and R2 are lost.
pub(super) fn check_number(asm: &mut Assembler, out: Label) {
    let beyond = asm.label();
    asm.branch(Condition::Ge, Reg::R7, LAST_NUMBER, beyond)
        .value(Reg::R1, Map::Slots, offset_of!(crate::layout::Slots, any))
        .add(Reg::R1, Reg::R7)
        .load(Size::B, Reg::R2, Reg::R1, 0)
        .branch(Condition::Eq, Reg::R2, 0, out);
    asm.place(beyond);
}

/// The number that all beyond the table share.
pub(super) const LAST_NUMBER: i32 = 1023;

/// Doubles a register `by` times.
pub(super) fn shift(asm: &mut Assembler, reg: Reg, by: i32) {
    asm.alu(Alu::Lsh, reg, by);
}
