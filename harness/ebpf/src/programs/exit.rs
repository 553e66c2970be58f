//! At `sys_exit`: how did the call end that was seen when it was entered?

use super::parts::{argument, field, lookup, lookup_current, stack};
use super::record;
use crate::asm::{Assembler, Label};
use crate::layout::{BUCKETS, Task, Totals};
use crate::{Alu, Condition, Config, Helper, Level, Map, Program, Reg, Size, Tracepoint};
use std::mem::offset_of;

/// The least of the results that are errors: `-MAX_ERRNO`, include/linux/err.h.
const LEAST_ERROR: i32 = -4095;

pub(super) fn program(config: &Config) -> Program {
    let mut asm = Assembler::new();
    if config.level > Level::Empty {
        body(&mut asm, config);
    }
    asm.ret(0);
    Program {
        name: "sys_exit",
        tracepoint: Some(Tracepoint::SysExit),
        insns: asm.finish(),
    }
}

fn body(asm: &mut Assembler, config: &Config) {
    let out = asm.label();
    asm.mov(Reg::R6, Reg::R1);
    lookup_current(asm, config);
    asm.branch(Condition::Eq, Reg::R0, 0, out);
    if config.remembers() {
        asm.mov(Reg::R8, Reg::R0);
        if config.level == Level::Stream {
            record::emit(asm, config, record::Ended::Returned, out);
        } else {
            totals(asm, config, out);
        }
    }
    asm.place(out);
}

fn totals(asm: &mut Assembler, config: &Config, out: Label) {
    let slot = field(offset_of!(Task, slot));
    if config.level >= Level::Time {
        // First, as what follows is not the call's time.
        asm.load(Size::W, Reg::R7, Reg::R8, slot)
            .branch(Condition::Eq, Reg::R7, 0, out)
            .call(Helper::KtimeGetNs)
            .mov(Reg::R9, Reg::R0)
            .load(
                Size::Dw,
                Reg::R1,
                Reg::R8,
                field(offset_of!(Task, entered_ns)),
            )
            .alu(Alu::Sub, Reg::R9, Reg::R1);
    } else {
        asm.load(Size::W, Reg::R7, Reg::R8, slot)
            .branch(Condition::Eq, Reg::R7, 0, out);
    }
    asm.store(Size::W, Reg::R8, slot, 0)
        .store(Size::W, Reg::R10, stack::KEY, Reg::R7);
    lookup(asm, Map::Calls);
    asm.branch(Condition::Eq, Reg::R0, 0, out);
    let succeeded = asm.label();
    argument(asm, Reg::R1, 1);
    asm.branch(Condition::Lt, Reg::R1, LEAST_ERROR, succeeded)
        .add_to(
            Reg::R0,
            field(offset_of!(Totals, errors)),
            1.into(),
            Reg::R1,
        );
    asm.place(succeeded);
    if config.level >= Level::Time {
        let total = field(offset_of!(Totals, total_ns));
        asm.add_to(Reg::R0, total, Reg::R9.into(), Reg::R1);
    }
    if config.level >= Level::Histogram {
        bucket(asm);
    }
}

/// Adds 1 to the bucket of the time in R9, which is lost: R2 becomes its floor(log2), by halving what is
/// looked at.
fn bucket(asm: &mut Assembler) {
    let last = i32::try_from(BUCKETS - 1).expect("a small number");
    asm.mov(Reg::R2, 0);
    for bits in [32, 16, 8, 4, 2, 1] {
        let below = asm.label();
        asm.mov(Reg::R3, Reg::R9)
            .alu(Alu::Rsh, Reg::R3, bits)
            .branch(Condition::Eq, Reg::R3, 0, below)
            .add(Reg::R2, bits)
            .mov(Reg::R9, Reg::R3);
        asm.place(below);
    }
    let fits = asm.label();
    asm.branch(Condition::Le, Reg::R2, last, fits)
        .mov(Reg::R2, last);
    asm.place(fits);
    asm.alu(Alu::Lsh, Reg::R2, 3).add(Reg::R0, Reg::R2).add_to(
        Reg::R0,
        field(offset_of!(Totals, latency)),
        1.into(),
        Reg::R1,
    );
}
