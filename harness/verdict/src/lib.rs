//! Whether tracing is more expensive with one harness than with another: verdicts from samples only.
//!
//! The way: [`observe`] turns the samples of two sides into one number a block,
//! [`evidence`] says what those numbers speak for, [`looks`] decides when and
//! what, [`procedure`] goes from look to look and confirms, [`exact`] compares what is the same in every run, [`records`] compares
//! two records of different times, [`floor`] says how far a harness is from
//! itself. Pure: nothing here runs or reads anything.
//!
//! What is compared of time is a difference of logarithms: with d = ln(time
//! under the mode / time untraced), both of one side and pass, it is d of head
//! less d of base. So a change of the machine's speed cancels, and with it
//! whatever changes untraced and traced runs alike.

pub mod evidence;
pub mod exact;
pub mod floor;
pub mod looks;
pub mod observe;
pub mod procedure;
pub mod records;

/// Confidence level of the intervals that are shown; a verdict rests on the
/// one-sided tests.
pub const LEVEL: f64 = 0.95;

/// Probability with which a regression of the minimal detectable size is called one.
pub const POWER: f64 = 0.8;
