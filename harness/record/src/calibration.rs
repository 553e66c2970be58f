//! How far apart a harness is from itself: the noise floor of a host.

use crate::{Environment, Error, Provenance, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What `harness calibrate` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The program that measured.
    pub harness: Provenance,
    /// When it was made, RFC 3339, UTC.
    pub made_at: String,
    /// The host it holds for.
    pub fingerprint: Fingerprint,
    /// Comparisons of the harness with itself, for each workload and mode.
    pub repeats: u32,
    /// Blocks of each comparison.
    pub blocks: u32,
    /// The one-sided error probability that the false positives were counted at.
    pub alpha: f64,
    /// The noise floors.
    pub floors: Vec<Floor>,
}

/// The noise of one workload under one mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// 95th percentile of the size of the change that a comparison of the
    /// harness with itself shows, a fraction; of fewer than 20 comparisons the
    /// largest.
    pub floor: f64,
    /// Comparisons in which the signed-rank test called the two different.
    pub false_positives: u32,
    /// Comparisons made.
    pub comparisons: u32,
}

/// What makes two hosts one for times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel_release: String,
    /// Processor model, where known.
    pub cpu_model: Option<String>,
    /// Processors online.
    pub online: u32,
}

impl Fingerprint {
    /// Of the machine described.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        Self {
            host: environment.host.clone(),
            kernel_release: environment.kernel_release.clone(),
            cpu_model: environment.cpu.model.clone(),
            online: environment.cpu.online,
        }
    }

    /// In what another differs, as a phrase; `None` if in nothing.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let unknown = || "not known".to_owned();
        let cpu = |model: &Option<String>| model.clone().unwrap_or_else(unknown);
        let fields = [
            ("host", self.host.clone(), other.host.clone()),
            (
                "kernel",
                self.kernel_release.clone(),
                other.kernel_release.clone(),
            ),
            ("processor", cpu(&self.cpu_model), cpu(&other.cpu_model)),
            (
                "processors online",
                self.online.to_string(),
                other.online.to_string(),
            ),
        ];
        let different: Vec<String> = fields
            .into_iter()
            .filter(|(_, own, others)| own != others)
            .map(|(name, own, others)| format!("{name} {own} against {others}"))
            .collect();
        (!different.is_empty()).then(|| different.join(", "))
    }
}

impl Calibration {
    /// The size of the floor of a workload under a mode.
    #[must_use]
    pub fn floor(&self, workload: &str, mode: &str) -> Option<f64> {
        Some(self.floor_of(workload, mode)?.floor)
    }

    /// The floor of a workload under a mode.
    #[must_use]
    pub fn floor_of(&self, workload: &str, mode: &str) -> Option<&Floor> {
        let mut floors = self.floors.iter();
        floors.find(|floor| floor.workload == workload && floor.mode == mode)
    }

    /// Reads a file that [`Calibration::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Json`], [`Error::SchemaVersion`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::json::read(path, "a calibration of `harness calibrate`")
    }

    /// Fails where [`Calibration::write`] would, and leaves no file behind: to
    /// be known before the hours that a calibration takes.
    ///
    /// # Errors
    ///
    /// [`Error::NotAFile`], [`Error::NotReplaceable`], [`Error::Io`].
    pub fn probe(path: &Path) -> Result<(), Error> {
        crate::json::probe(path)
    }

    /// Writes it, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; a former file is then still whole.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        debug_assert_eq!(self.schema_version, SCHEMA_VERSION);
        crate::json::write(path, self)
    }
}
