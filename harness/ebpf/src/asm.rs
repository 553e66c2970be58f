//! An assembler: instructions one after the other, with labels for what comes later.

use crate::{Alu, Condition, Helper, Insn, Map, Operand, Reg, Size, Wide, Width};

/// A place in a program that jumps go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// A program that is being written.
#[derive(Debug, Default)]
pub struct Assembler {
    insns: Vec<Insn>,
    /// Words before the next instruction.
    words: usize,
    /// Where each label stands, in words.
    labels: Vec<Option<usize>>,
    /// The instructions that go to a label, and the word after each.
    jumps: Vec<(usize, usize, Label)>,
}

impl Assembler {
    /// A program without an instruction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A label that has no place yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    ///
    /// # Panics
    /// It has a place.
    pub fn place(&mut self, label: Label) {
        let place = self.labels[label.0].replace(self.words);
        assert_eq!(place, None, "a label stands in one place");
    }

    /// The next instruction.
    pub fn push(&mut self, insn: Insn) -> &mut Self {
        self.words += insn.words();
        self.insns.push(insn);
        self
    }

    fn jumping(&mut self, insn: Insn, to: Label) -> &mut Self {
        self.push(insn);
        self.jumps.push((self.insns.len() - 1, self.words, to));
        self
    }

    /// Arithmetic on 64 bits.
    pub fn alu(&mut self, op: Alu, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        let (src, width) = (src.into(), Width::W64);
        self.push(Insn::Alu {
            op,
            width,
            dst,
            src,
        })
    }

    /// `dst = src`.
    pub fn mov(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Mov, dst, src)
    }

    /// `dst += src`.
    pub fn add(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Add, dst, src)
    }

    /// Sets the upper half of a register to 0.
    pub fn lower_half(&mut self, reg: Reg) -> &mut Self {
        self.push(Insn::Alu {
            op: Alu::Mov,
            width: Width::W32,
            dst: reg,
            src: reg.into(),
        })
    }

    /// `dst = *(base + offset)`.
    pub fn load(&mut self, size: Size, dst: Reg, base: Reg, offset: i16) -> &mut Self {
        self.push(Insn::Load {
            size,
            dst,
            base,
            offset,
        })
    }

    /// `*(base + offset) = src`.
    pub fn store(
        &mut self,
        size: Size,
        base: Reg,
        offset: i16,
        src: impl Into<Operand>,
    ) -> &mut Self {
        let src = src.into();
        self.push(Insn::Store {
            size,
            base,
            offset,
            src,
        })
    }

    /// `*(u64 *)(base + offset) += src`, where nobody else writes; `scratch` is lost.
    pub fn add_to(&mut self, base: Reg, offset: i16, src: Operand, scratch: Reg) -> &mut Self {
        self.load(Size::Dw, scratch, base, offset)
            .add(scratch, src)
            .store(Size::Dw, base, offset, scratch)
    }

    /// `*(u64 *)(base + offset) += src`, where others write, too.
    pub fn atomic_add(&mut self, base: Reg, offset: i16, src: Reg) -> &mut Self {
        self.push(Insn::AtomicAdd { base, offset, src })
    }

    /// Loads 64 bits.
    pub fn wide(&mut self, dst: Reg, value: Wide) -> &mut Self {
        self.push(Insn::LoadWide { dst, value })
    }

    /// A map as an argument.
    pub fn map(&mut self, dst: Reg, map: Map) -> &mut Self {
        self.wide(dst, Wide::Map(map))
    }

    /// The address of a byte of the only value of a map.
    ///
    /// # Panics
    /// The byte is beyond 4 GiB.
    pub fn value(&mut self, dst: Reg, map: Map, offset: usize) -> &mut Self {
        let offset = u32::try_from(offset).expect("a value is shorter than 4 GiB");
        self.wide(dst, Wide::Value(map, offset))
    }

    /// Calls a helper; R1 to R5 are lost.
    pub fn call(&mut self, helper: Helper) -> &mut Self {
        self.push(Insn::Call(helper))
    }

    /// Goes on at a label.
    pub fn jump(&mut self, to: Label) -> &mut Self {
        self.jumping(Insn::Jump { offset: 0 }, to)
    }

    /// Goes on at a label where a condition holds.
    pub fn branch(
        &mut self,
        condition: Condition,
        dst: Reg,
        src: impl Into<Operand>,
        to: Label,
    ) -> &mut Self {
        let src = src.into();
        self.jumping(
            Insn::Branch {
                condition,
                dst,
                src,
                offset: 0,
            },
            to,
        )
    }

    /// Ends the program with a result.
    pub fn ret(&mut self, result: i32) -> &mut Self {
        self.mov(Reg::R0, result).push(Insn::Exit)
    }

    /// The instructions, with every jump's distance.
    ///
    /// # Panics
    /// A label that is gone to has no place, or is too far away for an instruction: a mistake in a
    /// program of ours.
    #[must_use]
    pub fn finish(mut self) -> Vec<Insn> {
        for (at, after, to) in self.jumps {
            let place = self.labels[to.0].expect("every label has a place");
            let distance = i64::try_from(place).ok().zip(i64::try_from(after).ok());
            let distance = distance.and_then(|(place, after)| i16::try_from(place - after).ok());
            let distance = distance.expect("a program is shorter than 32768 instructions");
            match &mut self.insns[at] {
                Insn::Jump { offset } | Insn::Branch { offset, .. } => *offset = distance,
                _ => unreachable!("only jumps are in the list"),
            }
        }
        self.insns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load of 64 bits takes the space of two.
    #[test]
    fn jumps_are_counted_in_words() {
        let mut asm = Assembler::new();
        let (start, out) = (asm.label(), asm.label());
        asm.place(start);
        asm.branch(Condition::Eq, Reg::R1, 0, out)
            .map(Reg::R1, Map::Tasks)
            .jump(start);
        asm.place(out);
        asm.ret(0);
        let offsets: Vec<i16> = asm
            .finish()
            .iter()
            .filter_map(|insn| match insn {
                Insn::Jump { offset } | Insn::Branch { offset, .. } => Some(*offset),
                _ => None,
            })
            .collect();
        assert_eq!(offsets, [3, -4]);
    }

    #[test]
    #[should_panic(expected = "every label has a place")]
    fn a_label_without_a_place_is_a_mistake() {
        let mut asm = Assembler::new();
        let nowhere = asm.label();
        asm.jump(nowhere);
        let _ = asm.finish();
    }
}
