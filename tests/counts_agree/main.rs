//! Mechanisms that have nothing in common count the same calls, each call by itself, and as many
//! errors of each: ptrace(2), user notification, programs at the kernel's tracepoints, and strace,
//! which nobody here wrote.
//!
//! `programs` has programs that people run, `scripts` random ones. How often some calls of the former
//! are made depends on which process is the faster one, or on chance: they are listed with the reason.
//! What a mechanism counts differently by design is listed, too, with the exact number and the reason,
//! in `counting` and `scripts`. Every other count must be alike.

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod programs;
mod scripts;
