//! Estimates, confidence intervals, tests and seeded randomness: pure functions
//! of their arguments, which never panic on data and never touch the machine.
//!
//! Every estimator takes the sample as a slice in any order, refuses an empty
//! one and values that are not finite ([`Error`]), and answers with an
//! [`Interval`] that carries its confidence level. Where a sample is too small
//! for the level, the estimate comes without limits rather than with wrong ones.
//!
//! What a gate needs beside: the p-values of a shift, [`holm_adjusted`] over many
//! comparisons, [`look_levels`] over several looks, [`detectable_shift`] for what
//! all of it would have found, [`noise_floor`] from comparisons of a thing with itself. For a history: [`change_points`].

mod change_points;
mod detectable;
mod disjoint;
mod error;
mod holm;
mod interval;
mod median;
mod noise;
mod normal;
mod null_distribution;
mod one_sided;
mod quantile;
pub mod random;
mod rank_sum;
mod sequential;
mod signed_rank;
mod spread;

pub use change_points::{ChangePoint, change_points};
pub use detectable::{Look, detectable_shift};
pub use disjoint::{DISJOINT_CHANCE, disjoint_p, disjoint_size};
pub use error::Error;
pub use holm::holm_adjusted;
pub use interval::Interval;
pub use median::median;
pub use noise::noise_floor;
pub use normal::widening;
pub use one_sided::{signed_rank_p_greater, signed_rank_p_less};
pub use rank_sum::{Side, detectable_difference, rank_sum_p, shift};
pub use sequential::look_levels;
pub use signed_rank::hodges_lehmann;
pub use spread::{rank_sum_spread, signed_rank_spread};
