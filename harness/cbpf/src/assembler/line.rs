//! One line of text: labels, and an instruction whose jumps still name labels.

use super::{AssembleError, AssembleReason, Position};
use harness_insn::{Insn, code};

/// What a line holds.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) labels: Vec<(&'a str, Position)>,
    pub(super) item: Option<(Position, Item<'a>)>,
}

/// An instruction before its labels are resolved.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Plain(Insn),
    Always {
        code: u16,
        to: Jump<'a>,
    },
    Branch {
        code: u16,
        k: u32,
        jt: Option<Jump<'a>>,
        jf: Option<Jump<'a>>,
    },
}

/// A jump to a label.
#[derive(Debug)]
pub(super) struct Jump<'a> {
    pub(super) label: &'a str,
    pub(super) position: Position,
}

/// What an instruction works on.
enum Operand {
    Constant(u32),
    X,
    A,
    /// A word of `struct seccomp_data`.
    Data(u32),
    Memory(u32),
    /// The size of `struct seccomp_data`.
    Length,
}

pub(super) fn parse(line: &str, number: usize, pc: usize) -> Result<Line<'_>, AssembleError> {
    let mut parser = Parser {
        line: number,
        text: line,
        at: 0,
        mnemonic: "",
    };
    let mut parsed = Line::default();
    let heading = line.trim();
    // A preprocessor's line, or a comment as in a shell.
    if line.starts_with('#')
        || is_listing_heading(heading)
        || !heading.is_empty() && heading.bytes().all(|byte| byte == b'=')
    {
        return Ok(parsed);
    }
    loop {
        let position = parser.position();
        if parser.peek() == "{" || parser.is_number() {
            parsed.item = Some((position, Item::Plain(parser.listed(pc)?)));
            return Ok(parsed);
        }
        let word = parser.peek();
        if word.is_empty() {
            return Ok(parsed);
        }
        parser.next();
        if is_label(word) && parser.accept(":") {
            parsed.labels.push((word, position));
            continue;
        }
        parser.mnemonic = word;
        parsed.item = Some((position, parser.instruction(position)?));
        parser.end()?;
        return Ok(parsed);
    }
}

/// The names of a listing's columns: `line  OP   JT   JF   K` by scmp_bpf_disasm, `line  CODE  JT   JF      K` by
/// seccomp-tools.
fn is_listing_heading(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("line")
        && matches!(words.next(), Some("OP" | "CODE"))
        && words.eq(["JT", "JF", "K"])
}

fn is_label(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Reads a line token by token: a word of letters, digits and `_`, or one other character.
struct Parser<'a> {
    line: usize,
    text: &'a str,
    /// The offset of what has not been read.
    at: usize,
    mnemonic: &'a str,
}

impl<'a> Parser<'a> {
    /// The next token; empty at the end of the line.
    fn peek(&self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        let word = rest
            .find(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            .unwrap_or(rest.len());
        match rest.chars().next() {
            Some(first) if word == 0 => &rest[..first.len_utf8()],
            _ => &rest[..word],
        }
    }

    fn next(&mut self) -> &'a str {
        let token = self.peek();
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len() + token.len();
        token
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.peek() == token;
        if found {
            self.next();
        }
        found
    }

    /// Where the next token starts.
    fn position(&self) -> Position {
        let rest = &self.text[self.at..];
        let start = self.at + rest.len() - rest.trim_start().len();
        Position {
            line: self.line,
            column: self.text[..start].chars().count() + 1,
        }
    }

    fn error(&self, reason: AssembleReason) -> AssembleError {
        self.position().error(reason)
    }

    /// The operand at hand is not what the instruction takes.
    fn wrong(&self, expected: &'static str) -> AssembleError {
        self.error(AssembleReason::Operand {
            mnemonic: self.mnemonic.to_owned(),
            expected,
            found: self.peek().to_owned(),
        })
    }

    fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), AssembleError> {
        if self.accept(token) {
            Ok(())
        } else {
            Err(self.wrong(expected))
        }
    }

    fn end(&self) -> Result<(), AssembleError> {
        match self.peek() {
            "" => Ok(()),
            _ => Err(self.error(AssembleReason::Trailing(
                self.text[self.at..].trim().to_owned(),
            ))),
        }
    }

    fn number(&mut self) -> Result<u32, AssembleError> {
        let start = self.position();
        let negative = self.accept("-");
        if !negative {
            self.accept("+");
        }
        let word = self.next();
        let digits = |radix, digits: &str| u32::from_str_radix(digits, radix).ok();
        let value = match word.as_bytes() {
            [b'0', b'x' | b'X', ..] => digits(16, &word[2..]),
            [b'0', b'b' | b'B', ..] => digits(2, &word[2..]),
            [b'0', _, ..] => digits(8, &word[1..]),
            _ => digits(10, word),
        };
        match value {
            // As bpf_asm: a negative constant is its two's complement.
            Some(value) if negative && value <= 1 << 31 => Ok(value.wrapping_neg()),
            Some(value) if !negative => Ok(value),
            _ => {
                let sign = if negative { "-" } else { "" };
                Err(start.error(AssembleReason::Number(format!("{sign}{word}"))))
            }
        }
    }

    fn is_number(&self) -> bool {
        let token = self.peek();
        matches!(token, "-" | "+") || token.starts_with(|first: char| first.is_ascii_digit())
    }

    /// The four numbers of an instruction.
    fn listed(&mut self, pc: usize) -> Result<Insn, AssembleError> {
        let start = self.position();
        self.mnemonic = "an instruction in numbers";
        let braces = self.accept("{");
        // Listings number their lines in decimal, with leading zeros that make no octal number of it.
        let before = self.at;
        let first = self.next();
        if !braces
            && self.accept(":")
            && let Ok(found) = first.parse::<usize>()
        {
            if found != pc {
                let expected = pc;
                return Err(start.error(AssembleReason::Numbering { expected, found }));
            }
        } else {
            self.at = before;
        }
        let code = self.number()?;
        let field = |parser: &mut Self| -> Result<(Position, u32), AssembleError> {
            if braces {
                parser.expect(",", "a ','")?;
            }
            Ok((parser.position(), parser.number()?))
        };
        let (jt, jf, (_, k)) = (field(self)?, field(self)?, field(self)?);
        if braces {
            self.expect("}", "a '}'")?;
            self.accept(",");
            self.end()?;
        }
        let byte = |(position, value): (Position, u32)| {
            u8::try_from(value)
                .map_err(|_| position.error(AssembleReason::Number(value.to_string())))
        };
        let code = u16::try_from(code)
            .map_err(|_| start.error(AssembleReason::Number(code.to_string())))?;
        Ok(Insn::jump(code, k, byte(jt)?, byte(jf)?))
    }

    fn operand(&mut self, expected: &'static str) -> Result<Operand, AssembleError> {
        let register = self.accept("%");
        match self.peek() {
            "x" | "X" => {
                self.next();
                Ok(Operand::X)
            }
            "a" | "A" => {
                self.next();
                Ok(Operand::A)
            }
            _ if register => Err(self.wrong(expected)),
            "#" => {
                self.next();
                if self.accept("len") {
                    return Ok(Operand::Length);
                }
                Ok(Operand::Constant(self.number()?))
            }
            "len" => {
                self.next();
                Ok(Operand::Length)
            }
            "M" => {
                self.next();
                self.expect("[", "a word of memory like M[3]")?;
                let word = self.number()?;
                self.expect("]", "a word of memory like M[3]")?;
                Ok(Operand::Memory(word))
            }
            "[" | "$" => {
                if self.accept("$") {
                    self.expect("data", "$data[k]")?;
                }
                self.expect("[", "an offset like [4]")?;
                if matches!(self.peek(), "x" | "%") {
                    return Err(self.not_seccomp("[x + k]"));
                }
                let offset = self.number()?;
                self.expect("]", "an offset like [4]")?;
                Ok(Operand::Data(offset))
            }
            _ if self.is_number() => Ok(Operand::Constant(self.number()?)),
            _ => Err(self.wrong(expected)),
        }
    }

    fn not_seccomp(&self, what: &str) -> AssembleError {
        let mnemonic = self.mnemonic;
        self.error(AssembleReason::NotSeccomp(format!("{mnemonic} {what}")))
    }

    fn jump(&mut self) -> Result<Jump<'a>, AssembleError> {
        let position = self.position();
        if !is_label(self.peek()) {
            return Err(self.wrong("a label"));
        }
        let label = self.next();
        Ok(Jump { label, position })
    }

    fn instruction(&mut self, start: Position) -> Result<Item<'a>, AssembleError> {
        let plain = |code, k| Ok(Item::Plain(Insn::statement(code, k)));
        let mnemonic = self.mnemonic.to_ascii_lowercase();
        match mnemonic.as_str() {
            "ld" => {
                const TAKES: &str = "[k], #k, M[k] or #len";
                let before = self.at;
                match self.operand(TAKES)? {
                    Operand::Data(k) => plain(code::LD_ABS, k),
                    Operand::Constant(k) => plain(code::LD_IMM, k),
                    Operand::Memory(k) => plain(code::LD_MEM, k),
                    Operand::Length => plain(code::LD_LEN, 0),
                    Operand::X | Operand::A => Err(self.back(before).wrong(TAKES)),
                }
            }
            "ldx" => {
                const TAKES: &str = "#k, M[k] or #len";
                let before = self.at;
                match self.operand(TAKES)? {
                    Operand::Constant(k) => plain(code::LDX_IMM, k),
                    Operand::Memory(k) => plain(code::LDX_MEM, k),
                    Operand::Length => plain(code::LDX_LEN, 0),
                    _ => Err(self.back(before).wrong(TAKES)),
                }
            }
            "ldi" | "ldxi" => {
                let load = if mnemonic == "ldi" {
                    code::LD_IMM
                } else {
                    code::LDX_IMM
                };
                let before = self.at;
                match self.operand("#k")? {
                    Operand::Constant(k) => plain(load, k),
                    _ => Err(self.back(before).wrong("#k")),
                }
            }
            "st" | "stx" => {
                let store = if mnemonic == "st" {
                    code::ST_MEM
                } else {
                    code::STX_MEM
                };
                let before = self.at;
                match self.operand("M[k]")? {
                    Operand::Memory(k) => plain(store, k),
                    _ => Err(self.back(before).wrong("M[k]")),
                }
            }
            "ret" => {
                const TAKES: &str = "#k or a";
                let before = self.at;
                match self.operand(TAKES)? {
                    Operand::Constant(k) => plain(code::RET_K, k),
                    Operand::A => plain(code::RET_A, 0),
                    _ => Err(self.back(before).wrong(TAKES)),
                }
            }
            "tax" => plain(code::TAX, 0),
            "txa" => plain(code::TXA, 0),
            "neg" => plain(code::NEG, 0),
            "ja" | "jmp" => Ok(Item::Always {
                code: code::JA,
                to: self.jump()?,
            }),
            "jeq" => self.branch(code::JEQ_K, false),
            "jgt" => self.branch(code::JGT_K, false),
            "jge" => self.branch(code::JGE_K, false),
            "jset" => self.branch(code::JSET_K, false),
            "jne" | "jneq" => self.branch(code::JEQ_K, true),
            "jlt" => self.branch(code::JGE_K, true),
            "jle" => self.branch(code::JGT_K, true),
            "add" => self.arithmetic(code::ADD_K),
            "sub" => self.arithmetic(code::SUB_K),
            "mul" => self.arithmetic(code::MUL_K),
            "div" => self.arithmetic(code::DIV_K),
            "or" => self.arithmetic(code::OR_K),
            "and" => self.arithmetic(code::AND_K),
            "lsh" => self.arithmetic(code::LSH_K),
            "rsh" => self.arithmetic(code::RSH_K),
            "xor" => self.arithmetic(code::XOR_K),
            "ldh" | "ldb" | "ldxb" | "mod" => {
                Err(start.error(AssembleReason::NotSeccomp(self.mnemonic.to_owned())))
            }
            _ => Err(start.error(AssembleReason::Mnemonic(self.mnemonic.to_owned()))),
        }
    }

    /// Goes back to an operand, for an error that names it.
    fn back(&mut self, at: usize) -> &Self {
        self.at = at;
        self
    }

    /// A constant, or X: the opcode's bit `BPF_X`.
    fn constant_or_x(&mut self, code: u16) -> Result<(u16, u32), AssembleError> {
        const BPF_X: u16 = 0x08;
        let before = self.at;
        match self.operand("#k or x")? {
            Operand::Constant(k) => Ok((code, k)),
            Operand::X => Ok((code | BPF_X, 0)),
            _ => Err(self.back(before).wrong("#k or x")),
        }
    }

    fn arithmetic(&mut self, code: u16) -> Result<Item<'a>, AssembleError> {
        let (code, k) = self.constant_or_x(code)?;
        Ok(Item::Plain(Insn::statement(code, k)))
    }

    /// A conditional jump, or one that is written as its opposite and goes the other way.
    fn branch(&mut self, code: u16, negated: bool) -> Result<Item<'a>, AssembleError> {
        let (code, k) = self.constant_or_x(code)?;
        self.expect(",", "a ',' and a label")?;
        let first = Some(self.jump()?);
        let second = if self.accept(",") {
            Some(self.jump()?)
        } else {
            None
        };
        let (jt, jf) = if negated {
            (second, first)
        } else {
            (first, second)
        };
        Ok(Item::Branch { code, k, jt, jf })
    }
}
