//! The kernel's interfaces that the harness uses, and the only `unsafe` code.
//!
//! Each function is one kernel interface with its arguments made safe; what
//! they mean together is decided elsewhere.

pub mod calls;
