//! Classic BPF as seccomp(2) runs it.
//!
//! - [`Program`]: instructions that passed the kernel's own checks; there is no other kind.
//! - [`Builder`]: instructions with labels instead of offsets, jumps of any length.
//! - [`run`]: the interpreter, which also counts.
//! - [`constant_allow`]: which calls the kernel will never run the program for.

mod action;
mod builder;
mod cache;
mod data;
mod insn;
mod interpreter;
mod program;

pub use action::Action;
pub use builder::{BuildError, Builder, Label, Target};
pub use cache::{Cacheable, Obstacle, Verdict, cacheable, constant_allow};
pub use data::{SeccompData, offset};
pub use insn::{Condition, Insn, code};
pub use interpreter::{Outcome, run};
pub use program::{CheckError, MAX_INSTRUCTIONS, MEMORY_WORDS, Program, Violation};
