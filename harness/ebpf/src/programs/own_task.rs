//! Run by hand (`BPF_PROG_TEST_RUN`, Linux 5.10 for raw tracepoints): tells the harness which task it is.

use crate::asm::Assembler;
use crate::layout::Control;
use crate::{Helper, Map, Program, Reg, Size};
use std::mem::offset_of;

pub(super) fn program() -> Program {
    let mut asm = Assembler::new();
    asm.call(Helper::GetCurrentTask)
        .value(Reg::R1, Map::Control, offset_of!(Control, own_task))
        .store(Size::Dw, Reg::R1, 0, Reg::R0)
        .ret(0);
    Program {
        name: "own_task",
        tracepoint: None,
        insns: asm.finish(),
    }
}
