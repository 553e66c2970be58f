//! Processes that are killed, stopped and refused what they need, at random
//! moments: no process is left, files are whole, and what is said is right.
//!
//! `HARNESS_FAULTS_SEED` and `HARNESS_FAULTS_TRIALS` repeat a trial that failed,
//! whose message has both, or make more of them. What happens between two
//! processes is the scheduler's, so a trial repeated may need some repetitions.

#[path = "../common/mod.rs"]
mod common;
mod kills;
mod objects;
mod processes;
mod record;
mod resources;
mod storms;
