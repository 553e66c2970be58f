//! At `sys_enter`: is the call one to be counted, and of the tree?

use super::parts::{
    LAST_NUMBER, argument, check_number, check_process, enrol, field, lookup, lookup_current,
    lose_task, shift, stack, stack_address,
};
use crate::asm::{Assembler, Label};
use crate::layout::{Row, Slots, Task, Totals};
use crate::{
    Alu, Attachment, Condition, Config, Helper, Level, Map, Program, Reg, Scope, Size, Tracepoint,
};
use std::mem::offset_of;

/// `TS_COMPAT` of `thread_info.status`, arch/x86/include/asm/thread_info.h: the call came in by
/// `int 0x80` or as a 32-bit one.
const TS_COMPAT: i32 = 2;

/// `__X32_SYSCALL_BIT`, arch/x86/include/uapi/asm/unistd.h.
const X32_BIT: i32 = 0x4000_0000;

pub(super) fn program(config: &Config) -> Program {
    let mut asm = Assembler::new();
    if config.level > Level::Empty {
        body(&mut asm, config);
    }
    asm.ret(0);
    Program {
        name: "sys_enter",
        tracepoint: Some(Tracepoint::SysEnter),
        insns: asm.finish(),
    }
}

fn body(asm: &mut Assembler, config: &Config) {
    let out = asm.label();
    asm.mov(Reg::R6, Reg::R1);
    if config.level > Level::Tree {
        argument(asm, Reg::R7, 1);
        asm.lower_half(Reg::R7);
        if config.sparse {
            check_number(asm, out);
        }
    }
    find_task(asm, config, out);
    if config.level > Level::Tree {
        asm.mov(Reg::R8, Reg::R0);
        find_slot(asm, config, out);
        if config.level != Level::Stream {
            count(asm, out);
        }
        if config.remembers() {
            remember(asm, config);
        }
    }
    asm.place(out);
}

/// R0 = the value of the current task; ends at `out` where it does not belong to the tree.
fn find_task(asm: &mut Assembler, config: &Config, out: Label) {
    if config.scope == Scope::Tree && loads_status(config) {
        // Kept, so that find_slot need not ask again.
        asm.call(Helper::GetCurrentTaskBtf)
            .mov(Reg::R9, Reg::R0)
            .store(Size::Dw, Reg::R10, stack::KEY, Reg::R0);
        lookup(asm, Map::Tasks);
    } else {
        lookup_current(asm, config);
    }
    if config.attachment == Attachment::Launched {
        asm.branch(Condition::Eq, Reg::R0, 0, out);
        return;
    }
    let (found, lost, enrolled) = (asm.label(), asm.label(), asm.label());
    asm.branch(Condition::Ne, Reg::R0, 0, found);
    check_process(asm, config, out);
    asm.call(Helper::GetCurrentTask)
        .store(Size::Dw, Reg::R10, stack::KEY, Reg::R0);
    enrol(asm, config, lost);
    asm.jump(enrolled);
    asm.place(lost);
    lose_task(asm);
    asm.place(enrolled);
    lookup(asm, Map::Tasks);
    asm.branch(Condition::Eq, Reg::R0, 0, out);
    asm.place(found);
}

/// R9 = the slot of the number in R7; ends at `out` where it has none.
fn find_slot(asm: &mut Assembler, config: &Config, out: Label) {
    let clamp = asm.label();
    let row = |row: Row| i32::try_from(row.start()).expect("a small number");
    // R2 = the number within its row, R9 = the row.
    if let Some(offset) = config.status_offset {
        if loads_status(config) {
            load_status(asm, config, field(offset as usize));
        } else {
            copy_status(asm, config, offset);
        }
        asm.mov(Reg::R2, Reg::R7)
            .mov(Reg::R9, row(Row::I386))
            .branch(Condition::Set, Reg::R1, TS_COMPAT, clamp);
    }
    asm.mov(Reg::R2, Reg::R7)
        .mov(Reg::R9, row(Row::X86_64))
        .branch(Condition::Lt, Reg::R2, X32_BIT, clamp)
        .mov(Reg::R9, row(Row::X32))
        .alu(Alu::And, Reg::R2, !X32_BIT)
        .lower_half(Reg::R2);
    asm.place(clamp);
    let small = asm.label();
    asm.branch(Condition::Le, Reg::R2, LAST_NUMBER, small)
        .mov(Reg::R2, LAST_NUMBER);
    asm.place(small);
    asm.add(Reg::R9, Reg::R2);
    shift(asm, Reg::R9, 1);
    asm.value(Reg::R1, Map::Slots, offset_of!(Slots, slot))
        .add(Reg::R1, Reg::R9)
        .load(Size::H, Reg::R9, Reg::R1, 0)
        .branch(Condition::Eq, Reg::R9, 0, out);
}

/// Whether the program loads `thread_info.status` itself.
fn loads_status(config: &Config) -> bool {
    let reached = config.status_offset.map(i16::try_from);
    config.level > Level::Tree && config.typed_task && matches!(reached, Some(Ok(_)))
}

/// R1 = `thread_info.status`, from the task in R9.
fn load_status(asm: &mut Assembler, config: &Config, offset: i16) {
    if config.scope == Scope::Unchecked {
        asm.call(Helper::GetCurrentTaskBtf).mov(Reg::R9, Reg::R0);
    }
    asm.load(Size::W, Reg::R1, Reg::R9, offset);
    if config.level == Level::Stream {
        // For the arguments.
        asm.store(Size::W, Reg::R10, stack::SCRATCH, Reg::R1);
    }
}

/// R1 = `thread_info.status`, which the kernel copies to the stack.
fn copy_status(asm: &mut Assembler, config: &Config, offset: u32) {
    match config.scope {
        // The key of the lookup.
        Scope::Tree => asm.load(Size::Dw, Reg::R3, Reg::R10, stack::KEY),
        Scope::Unchecked => asm.call(Helper::GetCurrentTask).mov(Reg::R3, Reg::R0),
    };
    let offset = i32::try_from(offset).expect("struct task_struct is small");
    asm.add(Reg::R3, offset).mov(Reg::R2, 4);
    stack_address(asm, Reg::R1, stack::SCRATCH);
    asm.call(Helper::ProbeReadKernel)
        .load(Size::W, Reg::R1, Reg::R10, stack::SCRATCH);
}

/// Counts the call of the slot in R9.
fn count(asm: &mut Assembler, out: Label) {
    asm.store(Size::W, Reg::R10, stack::KEY, Reg::R9);
    lookup(asm, Map::Calls);
    asm.branch(Condition::Eq, Reg::R0, 0, out).add_to(
        Reg::R0,
        field(offset_of!(Totals, calls)),
        1.into(),
        Reg::R1,
    );
}

/// Keeps what is known of the call until it returns.
fn remember(asm: &mut Assembler, config: &Config) {
    asm.store(Size::W, Reg::R8, field(offset_of!(Task, slot)), Reg::R9);
    if config.level == Level::Stream {
        asm.store(Size::W, Reg::R8, field(offset_of!(Task, number)), Reg::R7);
        arguments(asm, config);
    }
    if config.level >= Level::Time {
        // Last, so that as little as possible of the program is within the time of the call.
        let entered = field(offset_of!(Task, entered_ns));
        asm.call(Helper::KtimeGetNs)
            .store(Size::Dw, Reg::R8, entered, Reg::R0);
    }
}

/// The first and the last word of `struct pt_regs` that hold an argument in some ABI: bp and di,
/// arch/x86/include/asm/ptrace.h.
const FIRST_REGISTER: i16 = 4;
const LAST_REGISTER: i16 = 14;

/// The words of `struct pt_regs` with the arguments: di, si, dx, r10, r8, r9.
const NATIVE: [i16; 6] = [14, 13, 12, 7, 9, 8];
/// bx, cx, dx, si, di, bp.
const I386: [i16; 6] = [5, 11, 12, 13, 14, 4];

fn arguments(asm: &mut Assembler, config: &Config) {
    argument(asm, Reg::R3, 0);
    asm.add(Reg::R3, i32::from(FIRST_REGISTER * 8))
        .mov(Reg::R2, i32::from((LAST_REGISTER - FIRST_REGISTER + 1) * 8));
    stack_address(asm, Reg::R1, stack::REGISTERS);
    asm.call(Helper::ProbeReadKernel);
    let (compat, done) = (asm.label(), asm.label());
    if config.status_offset.is_some() {
        asm.load(Size::W, Reg::R1, Reg::R10, stack::SCRATCH).branch(
            Condition::Set,
            Reg::R1,
            TS_COMPAT,
            compat,
        );
    }
    copy(asm, NATIVE, Size::Dw);
    if config.status_offset.is_some() {
        asm.jump(done);
        asm.place(compat);
        // What is above 32 bits is not the call's.
        copy(asm, I386, Size::W);
        asm.place(done);
    }
}

fn copy(asm: &mut Assembler, registers: [i16; 6], size: Size) {
    let mut to = field(offset_of!(Task, arguments));
    for register in registers {
        let from = stack::REGISTERS + (register - FIRST_REGISTER) * 8;
        asm.load(size, Reg::R1, Reg::R10, from)
            .store(Size::Dw, Reg::R8, to, Reg::R1);
        to += 8;
    }
}
