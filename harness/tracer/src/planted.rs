//! A slowdown put in on purpose, so that what finds slowdowns can be tried:
//! feature `planted-slowdown`, off by default.

use crate::Error;
use std::time::{Duration, Instant};

/// The variable that says how long to spin at each stop, nanoseconds.
const VARIABLE: &str = "PLANTED_NS_PER_STOP";

/// How long the tracer spins at each stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted(Duration);

impl Planted {
    /// As the environment says; not at all where it says nothing.
    ///
    /// # Errors
    /// [`Error::Planted`] where it says no number.
    pub(crate) fn from_environment() -> Result<Self, Error> {
        let Some(value) = std::env::var_os(VARIABLE) else {
            return Ok(Self(Duration::ZERO));
        };
        let number = value.to_str().and_then(|text| text.parse().ok());
        let nanoseconds = number.ok_or_else(|| Error::Planted(value.display().to_string()))?;
        Ok(Self(Duration::from_nanos(nanoseconds)))
    }

    /// Spins; a stop costs at least one reading of the clock more.
    pub(crate) fn spin(self) {
        let started = Instant::now();
        while started.elapsed() < self.0 {
            std::hint::spin_loop();
        }
    }
}
