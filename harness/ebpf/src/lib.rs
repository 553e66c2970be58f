//! The programs that run at the kernel's raw tracepoints, made from data; nothing here touches the
//! kernel.
//!
//! - [`Insn`]: one instruction of eBPF, encoded and decoded.
//! - [`asm`]: an assembler with labels.
//! - [`disassemble`]: their text.
//! - [`btf`]: where the kernel's structures have their members.
//! - [`layout`]: the maps, and the structures that programs and user space share.
//! - [`Config`] and [`programs`]: what a program is to do, and the program.
//!
//! The kernel's reference is `Documentation/bpf/standardization/instruction-set.rst`.

pub mod asm;
pub mod btf;
mod config;
mod disasm;
mod helper;
mod insn;
pub mod layout;
mod map;
mod program;
pub mod programs;

pub use config::{Attachment, Config, Hooks, Level, PidNamespace, Scope};
pub use disasm::disassemble;
pub use helper::Helper;
pub use insn::{Alu, Condition, Insn, Operand, Reg, Size, Wide, Width};
pub use map::{Kind, Map, MapSpec};
pub use program::{Program, Tracepoint};
