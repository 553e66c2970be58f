//! Instructions with labels instead of offsets.

use crate::action::Action;
use crate::data::offset;
use crate::program::{CheckError, Program};
use harness_insn::{Insn, code};

/// A place in a program under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(usize);

/// Where one way of a conditional jump leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The instruction behind the jump.
    Next,
    /// A labelled one.
    Label(Label),
}

impl From<Label> for Target {
    fn from(label: Label) -> Self {
        Self::Label(label)
    }
}

/// Why no program can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A jump leads to a label that stands nowhere behind it: cBPF has only forward jumps.
    #[error("statement {statement} jumps to label {label}, which stands nowhere behind it")]
    NotAhead {
        /// Which statement, counted from 0.
        statement: usize,
        /// The label, counted in the order of creation.
        label: usize,
    },
    /// The kernel would refuse the program.
    #[error(transparent)]
    Check(#[from] CheckError),
}

#[derive(Clone, Copy, Debug)]
enum Statement {
    Plain(Insn),
    Always(Label),
    Branch {
        code: u16,
        k: u32,
        jt: Target,
        jf: Target,
    },
    Bind(Label),
}

/// Builds a program statement by statement.
///
/// A conditional jump reaches 255 instructions. Where a label is farther away, the jump leads to a stepping stone: an
/// unconditional jump, or a copy of the return that the label marks. Stones are shared by all jumps that reach them.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    statements: Vec<Statement>,
    labels: usize,
}

impl Builder {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A label that stands nowhere yet.
    pub fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Puts a label before the next instruction. Of a label that stands in several places, jumps lead to the nearest.
    pub fn bind(&mut self, label: Label) -> &mut Self {
        self.push(Statement::Bind(label))
    }

    /// Adds an instruction that is no jump.
    pub fn statement(&mut self, code: u16, k: u32) -> &mut Self {
        self.push(Statement::Plain(Insn::statement(code, k)))
    }

    /// Adds an unconditional jump.
    pub fn ja(&mut self, to: Label) -> &mut Self {
        self.push(Statement::Always(to))
    }

    /// Adds a conditional jump: `code` is one of the conditional opcodes.
    pub fn branch(
        &mut self,
        code: u16,
        k: u32,
        jt: impl Into<Target>,
        jf: impl Into<Target>,
    ) -> &mut Self {
        let (jt, jf) = (jt.into(), jf.into());
        self.push(Statement::Branch { code, k, jt, jf })
    }

    /// Adds `jeq`.
    pub fn jeq(&mut self, k: u32, jt: impl Into<Target>, jf: impl Into<Target>) -> &mut Self {
        self.branch(code::JEQ_K, k, jt, jf)
    }

    /// Adds `jge`.
    pub fn jge(&mut self, k: u32, jt: impl Into<Target>, jf: impl Into<Target>) -> &mut Self {
        self.branch(code::JGE_K, k, jt, jf)
    }

    /// Adds a load of the number.
    pub fn ld_nr(&mut self) -> &mut Self {
        self.statement(code::LD_ABS, offset::NR)
    }

    /// Adds a load of the architecture.
    pub fn ld_arch(&mut self) -> &mut Self {
        self.statement(code::LD_ABS, offset::ARCH)
    }

    /// Adds a return.
    pub fn ret(&mut self, action: Action) -> &mut Self {
        self.statement(code::RET_K, action.to_u32())
    }

    fn push(&mut self, statement: Statement) -> &mut Self {
        self.statements.push(statement);
        self
    }

    /// Lays the statements out and checks the result.
    ///
    /// # Errors
    ///
    /// A jump that is not forward, or a program that the kernel would refuse.
    pub fn build(&self) -> Result<Program, BuildError> {
        // All jumps are forward, so from the end to the start every target is known when its jump comes up.
        let mut layout = Layout {
            reversed: Vec::new(),
            places: vec![None; self.labels],
            stones: vec![None; self.labels],
        };
        for (at, &statement) in self.statements.iter().enumerate().rev() {
            layout
                .add(statement)
                .map_err(|label| BuildError::NotAhead {
                    statement: at,
                    label: label.0,
                })?;
        }
        layout.reversed.reverse();
        Ok(Program::new(layout.reversed)?)
    }
}

/// The part of the program behind the statement in hand. A place is the number of instructions from there to the end.
struct Layout {
    reversed: Vec<Insn>,
    /// Where each label stands.
    places: Vec<Option<usize>>,
    /// The latest stepping stone to each label.
    stones: Vec<Option<usize>>,
}

impl Layout {
    fn add(&mut self, statement: Statement) -> Result<(), Label> {
        match statement {
            Statement::Plain(insn) => self.reversed.push(insn),
            Statement::Always(label) => {
                let insn = self.always(self.place(label)?);
                self.reversed.push(insn);
                self.stones[label.0] = Some(self.reversed.len());
            }
            Statement::Branch { code, k, jt, jf } => self.add_branch(code, k, jt, jf)?,
            Statement::Bind(label) => {
                self.places[label.0] = Some(self.reversed.len());
                self.stones[label.0] = None;
            }
        }
        Ok(())
    }

    fn add_branch(&mut self, code: u16, k: u32, jt: Target, jf: Target) -> Result<(), Label> {
        let next = self.reversed.len();
        // A stone moves everything behind it one farther away, so both ways are asked again after each.
        loop {
            let (skip_true, skip_false) = (self.skip(jt, next)?, self.skip(jf, next)?);
            let far = match (skip_true, skip_false) {
                (Some(jt), Some(jf)) => {
                    self.reversed.push(Insn::jump(code, k, jt, jf));
                    return Ok(());
                }
                (None, _) => jt,
                (_, None) => jf,
            };
            if let Target::Label(label) = far {
                let insn = self.stone(self.place(label)?);
                self.reversed.push(insn);
                self.stones[label.0] = Some(self.reversed.len());
            }
        }
    }

    fn place(&self, label: Label) -> Result<usize, Label> {
        self.places[label.0].ok_or(label)
    }

    /// How many instructions a conditional jump skips to get to `target` or a stone to it; `None` if both are too far.
    fn skip(&self, target: Target, next: usize) -> Result<Option<u8>, Label> {
        let skip = |place| u8::try_from(self.reversed.len() - place).ok();
        match target {
            Target::Next => Ok(skip(next)),
            Target::Label(label) => {
                let direct = skip(self.place(label)?);
                Ok(direct.or_else(|| self.stones[label.0].and_then(skip)))
            }
        }
    }

    /// An unconditional jump to `place`.
    fn always(&self, place: usize) -> Insn {
        // No program of 4096 instructions has a distance that does not fit, and a longer one is refused.
        let distance = u32::try_from(self.reversed.len() - place).unwrap_or(u32::MAX);
        Insn::statement(code::JA, distance)
    }

    /// What stands for the instruction at `place` where that is out of reach: itself if it ends the program, which
    /// executes one instruction less than a jump to it.
    fn stone(&self, place: usize) -> Insn {
        match place.checked_sub(1).map(|index| self.reversed[index]) {
            Some(insn) if insn.is_return() => insn,
            _ => self.always(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildError, Builder, Target};
    use crate::action::Action;
    use crate::data::SeccompData;
    use crate::interpreter::run;
    use crate::program::Program;
    use harness_insn::{Insn, code};

    const YES: Action = Action::Trace(1);
    const NO: Action = Action::Allow;

    fn action(program: &Program, nr: u32) -> Action {
        let outcome = run(program, &SeccompData::new(0, nr));
        outcome.action().expect("known")
    }

    #[test]
    fn near_jumps_are_offsets_and_nothing_else() {
        let mut builder = Builder::new();
        let (yes, no) = (builder.label(), builder.label());
        builder.ld_nr().jge(5, Target::Next, no).jeq(7, no, yes);
        builder.bind(no).ret(NO).bind(yes).ret(YES);
        let expected = [
            Insn::statement(code::LD_ABS, 0),
            Insn::jump(code::JGE_K, 5, 0, 1),
            Insn::jump(code::JEQ_K, 7, 0, 1),
            Insn::statement(code::RET_K, NO.to_u32()),
            Insn::statement(code::RET_K, YES.to_u32()),
        ];
        assert_eq!(builder.build().expect("valid").instructions(), expected);
    }

    /// `count` numbers, each tested by its own jump to one far return, the others to another.
    fn chain(count: u32) -> Program {
        let mut builder = Builder::new();
        let (yes, no) = (builder.label(), builder.label());
        builder.ld_nr();
        for nr in 0..count {
            builder.jeq(2 * nr, yes, Target::Next);
        }
        builder.ja(no).bind(yes).ret(YES).bind(no).ret(NO);
        builder.build().expect("valid")
    }

    #[test]
    fn jumps_reach_any_distance_through_shared_stones() {
        for count in [1, 254, 255, 256, 257, 511, 512, 1000, 3000] {
            let program = chain(count);
            for nr in 0..2 * count {
                let expected = if nr % 2 == 0 { YES } else { NO };
                assert_eq!(action(&program, nr), expected, "{count} {nr}");
            }
            let plain = count as usize + 4;
            let stones = program.len() - plain;
            assert!(stones <= count as usize / 250, "{count}: {stones} stones");
        }
    }

    /// At the limit of reach a stone for one way pushes the other way out of reach.
    #[test]
    fn both_ways_may_be_far() {
        for gap in 250..260 {
            let mut builder = Builder::new();
            let (a, b) = (builder.label(), builder.label());
            builder.ld_nr().jeq(7, a, b);
            for _ in 0..gap {
                builder.statement(code::ADD_K, 1);
            }
            builder.bind(a).statement(code::LD_IMM, YES.to_u32());
            builder.bind(b).statement(code::OR_K, NO.to_u32());
            builder.statement(code::RET_A, 0);
            let program = builder.build().expect("valid");
            let value = |nr| run(&program, &SeccompData::new(0, nr)).action_value;
            assert_eq!(value(7), YES.to_u32() | NO.to_u32(), "{gap}");
            assert_eq!(value(8), 8 | NO.to_u32(), "{gap}");
        }
    }

    #[test]
    fn a_label_that_is_not_ahead_is_an_error() {
        let mut builder = Builder::new();
        let back = builder.label();
        builder
            .bind(back)
            .ld_nr()
            .jeq(1, back, Target::Next)
            .ret(NO);
        let expected = BuildError::NotAhead {
            statement: 2,
            label: 0,
        };
        assert_eq!(builder.build(), Err(expected));
        let mut builder = Builder::new();
        let end = builder.label();
        builder.ja(end).ret(NO).bind(end);
        assert!(matches!(builder.build(), Err(BuildError::Check(_))));
    }
}
