//! At `sched_process_exit`: a task that has ended belongs to the tree no longer, and its address may come
//! again.

use super::parts::{argument, lookup, stack, stack_address};
use super::record::{self, Ended};
use crate::asm::Assembler;
use crate::{Condition, Config, Helper, Level, Map, Program, Reg, Size, Tracepoint};

pub(super) fn program(config: &Config) -> Program {
    let mut asm = Assembler::new();
    asm.mov(Reg::R6, Reg::R1);
    argument(&mut asm, Reg::R7, 0);
    asm.store(Size::Dw, Reg::R10, stack::KEY, Reg::R7);
    if config.level == Level::Stream {
        let out = asm.label();
        lookup(&mut asm, Map::Tasks);
        asm.branch(Condition::Eq, Reg::R0, 0, out)
            .mov(Reg::R8, Reg::R0);
        record::emit(&mut asm, config, Ended::WithItsTask, out);
        asm.place(out);
    }
    asm.map(Reg::R1, Map::Tasks);
    stack_address(&mut asm, Reg::R2, stack::KEY);
    asm.call(Helper::MapDelete).ret(0);
    Program {
        name: "process_exit",
        tracepoint: Some(Tracepoint::ProcessExit),
        insns: asm.finish(),
    }
}
