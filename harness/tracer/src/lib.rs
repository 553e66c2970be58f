//! A tracer of a whole tree of processes and threads.
//!
//! The way of a stop: [`stop`] says what a wait status means, [`machine`] says
//! how the tracee is to be restarted, `calls` counts the call, `event_loop` does
//! it. The first three are pure, so the orders of stops that kernels produce are tested
//! on recorded sequences.

pub mod attach;
pub mod call_info;
mod calls;
pub mod counts;
pub mod dump;
mod ends;
mod escapes;
mod event_loop;
pub mod machine;
pub mod observer;
pub mod obstacle;
pub mod order;
#[cfg(feature = "planted-slowdown")]
mod planted;
pub mod running;
pub mod stop;
mod stopped;
mod tracees;
pub mod tree;
pub mod trial;
mod waiting;

pub use calls::{Events, TRACE_DATA};
pub use event_loop::{ALLOW_SECCOMP, End, Error, Outcome, trace};
