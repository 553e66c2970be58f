//! At `sched_process_fork`: children of the tree belong to it.

use super::parts::{argument, check_process, enrol, lookup, lose_task, stack};
use crate::asm::Assembler;
use crate::layout::Control;
use crate::{Attachment, Condition, Config, Map, Program, Reg, Size, Tracepoint};
use std::mem::offset_of;

pub(super) fn program(config: &Config) -> Program {
    let mut asm = Assembler::new();
    let (out, ours, lost) = (asm.label(), asm.label(), asm.label());
    asm.mov(Reg::R6, Reg::R1);
    argument(&mut asm, Reg::R7, 0);
    asm.store(Size::Dw, Reg::R10, stack::KEY, Reg::R7);
    lookup(&mut asm, Map::Tasks);
    asm.branch(Condition::Ne, Reg::R0, 0, ours);
    if config.attachment == Attachment::Running {
        // The parent, which is the current task, was in the call already when the programs came.
        check_process(&mut asm, config, out);
    } else {
        // The first process of the tree, which user space enrols when it lets it go on.
        let of = |field| (Reg::R1, Map::Control, field);
        let (reg, map, parent) = of(offset_of!(Control, parent));
        asm.value(reg, map, parent)
            .load(Size::Dw, Reg::R2, Reg::R1, 0)
            .branch(Condition::Ne, Reg::R2, Reg::R7, out);
        argument(&mut asm, Reg::R2, 1);
        let (reg, map, child) = of(offset_of!(Control, child));
        asm.value(reg, map, child)
            .store(Size::Dw, Reg::R1, 0, Reg::R2)
            .jump(out);
    }
    asm.place(ours);
    argument(&mut asm, Reg::R1, 1);
    asm.store(Size::Dw, Reg::R10, stack::KEY, Reg::R1);
    enrol(&mut asm, config, lost);
    asm.place(out);
    asm.ret(0);
    asm.place(lost);
    lose_task(&mut asm);
    Program {
        name: "process_fork",
        tracepoint: Some(Tracepoint::ProcessFork),
        insns: asm.finish(),
    }
}
