//! System call numbers, names and classes of five ABIs, and the grammar of trace sets.
//!
//! - [`Abi`] names an ABI and tells it from the architecture and number that a stop or a filter sees.
//! - [`Table`] holds the calls of every ABI: number to name in O(1), and back.
//! - [`TraceSet`] is the set of calls that `--trace` selects, in strace's grammar.

mod abi;
mod class;
mod nearest;
mod table;
mod tables;
mod trace_set;

pub use abi::{Abi, Arch, Multiplexer, X32_SYSCALL_BIT, architecture_name};
pub use class::{Class, Classes};
pub use nearest::nearest;
pub use table::{Syscall, Table};
pub use trace_set::{ParseError, Reason, TraceSet};
