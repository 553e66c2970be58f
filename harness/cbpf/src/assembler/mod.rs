//! Text to program.
//!
//! An instruction a line, in the syntax of the kernel's `bpf_asm` (`Documentation/networking/filter.rst`):
//!
//! ```text
//!         ld [4]                 /* seccomp_data->arch */
//!         jne #0xc000003e, bad   ; comments are C's, or start with a semicolon
//!         ld [0]
//!         jeq #257, good, bad    ; both ways, or only the one taken if it holds
//!         jlt #2, bad
//! bad:    ret #0
//! good:   ret #0x7fff0000
//! ```
//!
//! `#` before a constant may be missing; constants are decimal, hexadecimal (`0x`), octal (`0`) or binary (`0b`).
//! A line may also be an instruction's four numbers, `code jt jf k`, as libseccomp's `scmp_bpf_disasm` and `seccomp-tools
//! disasm` list them (`0000: 0x20 0x00 0x00 0x00000004 ld $data[4]`; what follows them is a comment, and so is the
//! heading) or as `bpf_asm -c` does (`{ 0x20, 0, 0, 0x00000004 },`).
//!
//! A text of one line may be what `bpf_asm` prints by itself: `2,32 0 0 4,6 0 0 0,`.
//!
//! Of what `strace -d --seccomp-bpf` writes, the lines that print its filter are read (`strace: STMT(BPF_TAX)`).
//!
//! Mnemonics and registers may be in capitals, and a line whose first character is `#` is a comment.
//!
//! The assembler adds nothing: a line is an instruction, and a jump that does not reach is an error.

mod line;
mod strace;

use std::collections::HashMap;

use crate::program::{CheckError, Program, Violation};
use harness_insn::Insn;
use line::{Item, Jump};

/// Why a text is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct AssembleError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: AssembleReason,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleReason {
    /// There is no instruction at all.
    #[error("there is no instruction")]
    Empty,
    /// A comment has no end.
    #[error("this comment does not end: '*/' is missing")]
    UnterminatedComment,
    /// No instruction has this name.
    #[error("unknown instruction '{0}'")]
    Mnemonic(String),
    /// cBPF has this instruction, seccomp does not.
    #[error("seccomp does not accept '{0}': it loads packets, or is no operation of its filters")]
    NotSeccomp(String),
    /// An operand is missing or is none this instruction takes.
    #[error("'{mnemonic}' takes {expected} here, not '{found}'")]
    Operand {
        /// The instruction.
        mnemonic: String,
        /// What it takes.
        expected: &'static str,
        /// What stands there; empty at the end of the line.
        found: String,
    },
    /// A number that cannot be read.
    #[error("'{0}' is no number of up to 32 bits (decimal, 0x, 0b, or octal with a leading 0)")]
    Number(String),
    /// Something follows a complete instruction.
    #[error("'{0}' follows a complete instruction: write one instruction a line")]
    Trailing(String),
    /// A label that stands twice.
    #[error("label '{label}' stands in line {first} already")]
    DuplicateLabel {
        /// The label.
        label: String,
        /// The line of the first.
        first: usize,
    },
    /// A jump to a label that does not exist.
    #[error("there is no label '{0}'")]
    UnknownLabel(String),
    /// A jump back.
    #[error("label '{label}' stands in line {line}, before this jump: cBPF jumps only forward")]
    Backward {
        /// The label.
        label: String,
        /// Its line.
        line: usize,
    },
    /// A conditional jump over more than 255 instructions.
    #[error(
        "'{label}' is {distance} instructions away, a conditional jump reaches 255: go there by 'ja'"
    )]
    TooFar {
        /// The label.
        label: String,
        /// How many instructions it would skip.
        distance: usize,
    },
    /// A listing's line number is not that of the instruction.
    #[error("this line is numbered {found}, but instruction {expected} is due: is a line missing?")]
    Numbering {
        /// The instruction that is due, counted from 0.
        expected: usize,
        /// What stands there.
        found: usize,
    },
    /// A line of numbers has not as many instructions as its first number says.
    #[error("instructions: this says that there are {promised}, and has {found}")]
    Count {
        /// How many it says.
        promised: usize,
        /// How many there are.
        found: usize,
    },
    /// A line of strace's dump that is none of the instructions it prints.
    #[error("'{0}' is no instruction as strace -d --seccomp-bpf prints them")]
    Dump(String),
    /// The kernel would refuse the instruction.
    #[error("{0}")]
    Refused(Violation),
    /// The kernel would refuse the program for its length.
    #[error(transparent)]
    Length(CheckError),
}

/// Where something stands in the text.
#[derive(Clone, Copy, Debug)]
struct Position {
    line: usize,
    column: usize,
}

impl Position {
    fn error(self, reason: AssembleReason) -> AssembleError {
        AssembleError {
            line: self.line,
            column: self.column,
            reason,
        }
    }
}

/// Assembles a text; see the module's documentation for the syntax.
///
/// # Errors
///
/// The first thing wrong, with its place: what cannot be read, labels that do not fit, and everything that the kernel
/// would refuse.
pub fn assemble(text: &str) -> Result<Program, AssembleError> {
    let mut text = without_comments(text)?;
    if let Some(lines) = one_line_of_numbers(&text)? {
        text = lines;
    } else if let Some(lines) = strace::numbers(&text)? {
        text = lines;
    }
    let mut items: Vec<(Position, Item)> = Vec::new();
    let mut labels: HashMap<&str, (usize, Position)> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let parsed = line::parse(line, at + 1, items.len())?;
        for (label, position) in parsed.labels {
            if let Some((_, first)) = labels.insert(label, (items.len(), position)) {
                return Err(position.error(AssembleReason::DuplicateLabel {
                    label: label.to_owned(),
                    first: first.line,
                }));
            }
        }
        items.extend(parsed.item);
    }
    let Some(&(end, _)) = items.last() else {
        let start = Position { line: 1, column: 1 };
        return Err(start.error(AssembleReason::Empty));
    };
    let mut instructions = Vec::with_capacity(items.len());
    for (pc, (_, item)) in items.iter().enumerate() {
        instructions.push(resolve(item, pc, &labels)?);
    }
    Program::new(instructions).map_err(|error| match error {
        CheckError::Instruction { pc, violation, .. } => {
            items[pc].0.error(AssembleReason::Refused(violation))
        }
        CheckError::Length { .. } => end.error(AssembleReason::Length(error)),
    })
}

/// What `bpf_asm` prints by itself, `2,32 0 0 4,6 0 0 0,`, as an instruction a line; `None` for any other text.
fn one_line_of_numbers(text: &str) -> Result<Option<String>, AssembleError> {
    let Some((count, instructions)) = text.trim().split_once(',') else {
        return Ok(None);
    };
    let numbers = |byte: u8| byte.is_ascii_digit() || byte == b' ' || byte == b',';
    let Ok(promised) = count.parse::<usize>() else {
        return Ok(None);
    };
    if !instructions.bytes().all(numbers) {
        return Ok(None);
    }
    let found = instructions
        .split(',')
        .filter(|part| !part.trim().is_empty());
    let found = found.count();
    if found != promised {
        let start = Position { line: 1, column: 1 };
        return Err(start.error(AssembleReason::Count { promised, found }));
    }
    Ok(Some(instructions.replace(',', "\n")))
}

/// Puts offsets in the place of labels.
fn resolve(
    item: &Item<'_>,
    pc: usize,
    labels: &HashMap<&str, (usize, Position)>,
) -> Result<Insn, AssembleError> {
    let distance = |jump: &Jump<'_>| {
        let label = jump.label.to_owned();
        let Some(&(target, position)) = labels.get(jump.label) else {
            return Err(jump.position.error(AssembleReason::UnknownLabel(label)));
        };
        target.checked_sub(pc + 1).ok_or_else(|| {
            let line = position.line;
            jump.position
                .error(AssembleReason::Backward { label, line })
        })
    };
    let skip = |jump: &Option<Jump<'_>>| match jump {
        None => Ok(0),
        Some(jump) => {
            let distance = distance(jump)?;
            u8::try_from(distance).map_err(|_| {
                let label = jump.label.to_owned();
                jump.position
                    .error(AssembleReason::TooFar { label, distance })
            })
        }
    };
    Ok(match item {
        Item::Plain(insn) => *insn,
        // A distance beyond 32 bits takes a text of more lines than that.
        Item::Always { code, to } => {
            Insn::statement(*code, u32::try_from(distance(to)?).unwrap_or(u32::MAX))
        }
        Item::Branch { code, k, jt, jf } => Insn::jump(*code, *k, skip(jt)?, skip(jf)?),
    })
}

/// The text with spaces for its comments, so that positions stay.
fn without_comments(text: &str) -> Result<String, AssembleError> {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut here = Position { line: 1, column: 1 };
    while let Some(char) = chars.next() {
        let start = here;
        let mut blank = |clean: &mut String, char: char| {
            clean.push(if char == '\n' { '\n' } else { ' ' });
            if char == '\n' {
                here.line += 1;
                here.column = 1;
            } else {
                here.column += 1;
            }
        };
        match char {
            ';' => {
                blank(&mut clean, char);
                while let Some(char) = chars.next_if(|&char| char != '\n') {
                    blank(&mut clean, char);
                }
            }
            '/' if chars.peek() == Some(&'*') => {
                blank(&mut clean, char);
                let mut last = ' ';
                let mut inner = 0;
                loop {
                    let Some(char) = chars.next() else {
                        return Err(start.error(AssembleReason::UnterminatedComment));
                    };
                    blank(&mut clean, char);
                    // `/*/` does not end itself.
                    if inner > 1 && last == '*' && char == '/' {
                        break;
                    }
                    (last, inner) = (char, inner + 1);
                }
            }
            '\n' => blank(&mut clean, char),
            _ => {
                blank(&mut clean, char);
                clean.pop();
                clean.push(char);
            }
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests;
