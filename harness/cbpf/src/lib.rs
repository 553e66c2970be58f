//! Classic BPF as seccomp(2) runs it.
//!
//! - [`Program`]: instructions that passed the kernel's own checks; there is no other kind. [`Op`] says what each does.
//! - [`Builder`]: instructions with labels instead of offsets, jumps of any length.
//! - [`run`]: the interpreter, which also counts.
//! - [`assemble`] and [`disassemble`]: text; [`Program::from_bytes`]: arrays of `struct sock_filter`.
//! - [`constant_allow`]: which calls the kernel will never run the program for.

mod action;
pub mod assembler;
mod builder;
mod cache;
mod data;
mod disassembler;
mod foreign;
mod interpreter;
mod program;
mod raw;

pub use action::Action;
pub use assembler::{AssembleError, AssembleReason, assemble};
pub use builder::{BuildError, Builder, Label, Target};
pub use cache::{Cacheable, Obstacle, Verdict, cacheable, constant_allow};
pub use data::{SeccompData, offset};
pub use disassembler::{disassemble, disassemble_with};
pub use foreign::Foreign;
pub use harness_insn::{Arithmetic, Condition, Insn, Op, Operand, Register, code};
pub use interpreter::{Outcome, run};
pub use program::{CheckError, MAX_INSTRUCTIONS, MEMORY_WORDS, Program, Violation};
pub use raw::{INSTRUCTION_SIZE, RawError, ReadError};
