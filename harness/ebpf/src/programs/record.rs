//! A call that has ended, as a record in the ring buffer.

use super::parts::{argument, count, field, ids, stack};
use crate::asm::{Assembler, Label};
use crate::layout::{Control, Record, Task};
use crate::{Alu, Condition, Config, Helper, Map, Reg, Size};
use std::mem::offset_of;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It returned, and the context has the result.
    Returned,
    /// Its task ended in it.
    WithItsTask,
}

// include/uapi/linux/bpf.h.
const RB_NO_WAKEUP: i32 = 1;
const RB_FORCE_WAKEUP: i32 = 2;
const RB_AVAIL_DATA: i32 = 0;

/// Bytes that a record takes in the ring buffer: 8 of `struct bpf_ringbuf_hdr` beside its own.
const TAKEN: usize = 8 + size_of::<Record>();

/// Hands the call over that the task in R8 is in; goes on at `out` where it is in none, or where there
/// is no room. R7 and R9 are lost.
pub(super) fn emit(asm: &mut Assembler, config: &Config, ended: Ended, out: Label) {
    let (named, foreign, lost, room) = (asm.label(), asm.label(), asm.label(), asm.label());
    let slot = field(offset_of!(Task, slot));
    asm.load(Size::W, Reg::R7, Reg::R8, slot)
        .branch(Condition::Eq, Reg::R7, 0, out)
        .store(Size::W, Reg::R8, slot, 0);
    match ended {
        Ended::Returned => asm.call(Helper::KtimeGetNs).mov(Reg::R9, Reg::R0),
        Ended::WithItsTask => asm.mov(Reg::R9, 0),
    };
    ids(asm, config, foreign);
    if config.pid_namespace.is_some() {
        asm.jump(named);
        asm.place(foreign);
        asm.store(Size::Dw, Reg::R10, stack::IDS, 0);
        asm.place(named);
    }
    let size = i32::try_from(size_of::<Record>()).expect("a record is small");
    asm.map(Reg::R1, Map::Ring)
        .mov(Reg::R2, size)
        .mov(Reg::R3, 0)
        .call(Helper::RingbufReserve)
        .branch(Condition::Eq, Reg::R0, 0, lost)
        .jump(room);
    asm.place(lost);
    count(asm, offset_of!(Control, lost_records));
    asm.jump(out);
    asm.place(room);
    fill(asm, ended);
    submit(asm, config);
}

/// Fills the record in R0.
fn fill(asm: &mut Assembler, ended: Ended) {
    let mut word = |from: usize, to: usize, size| {
        asm.load(size, Reg::R1, Reg::R8, field(from))
            .store(size, Reg::R0, field(to), Reg::R1);
    };
    word(
        offset_of!(Task, entered_ns),
        offset_of!(Record, entered_ns),
        Size::Dw,
    );
    word(
        offset_of!(Task, number),
        offset_of!(Record, number),
        Size::W,
    );
    for i in (0..48).step_by(8) {
        word(
            offset_of!(Task, arguments) + i,
            offset_of!(Record, arguments) + i,
            Size::Dw,
        );
    }
    match ended {
        Ended::Returned => argument(asm, Reg::R1, 1),
        Ended::WithItsTask => {
            asm.mov(Reg::R1, 0);
        }
    }
    asm.store(
        Size::Dw,
        Reg::R0,
        field(offset_of!(Record, result)),
        Reg::R1,
    )
    .store(
        Size::Dw,
        Reg::R0,
        field(offset_of!(Record, returned_ns)),
        Reg::R9,
    )
    .store(Size::W, Reg::R0, field(offset_of!(Record, slot)), Reg::R7)
    .load(Size::W, Reg::R1, Reg::R10, stack::IDS)
    .store(Size::W, Reg::R0, field(offset_of!(Record, tid)), Reg::R1)
    .store(Size::W, Reg::R0, field(offset_of!(Record, padding)), 0)
    .mov(Reg::R8, Reg::R0);
}

/// Hands over the record in R8. The reader is woken once the buffer is an eighth full, by the record that
/// makes it so; it also looks by itself from time to time. A wake-up at each record would make each call
/// as dear as a stop.
fn submit(asm: &mut Assembler, config: &Config) {
    let quiet = asm.label();
    let taken = i32::try_from(TAKEN).expect("a record is small");
    let watermark = i32::try_from(config.ring_bytes / 8).expect("a ring buffer below 2 GiB");
    asm.map(Reg::R1, Map::Ring)
        .mov(Reg::R2, RB_AVAIL_DATA)
        .call(Helper::RingbufQuery)
        .alu(Alu::Sub, Reg::R0, watermark)
        .mov(Reg::R2, RB_NO_WAKEUP)
        .branch(Condition::Ge, Reg::R0, taken, quiet)
        .mov(Reg::R2, RB_FORCE_WAKEUP);
    asm.place(quiet);
    asm.mov(Reg::R1, Reg::R8).call(Helper::RingbufSubmit);
}
