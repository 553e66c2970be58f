//! JSON files that begin with the version of their format.

use crate::error::Error;
use crate::files::{self, replace};
use crate::steering::in_json;
use crate::{GateReport, Record, SCHEMA_VERSION};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Reads a file of this version. The parser refuses nesting deeper than 128
/// levels (`serde_json`, `disable_recursion_limit`).
/// What it is to be, `what` says.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, Error> {
    // Alone, so that another version is named before its fields are missed.
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }
    let json = files::read(path)?;
    let damaged = |cause| Error::Json {
        path: path.to_path_buf(),
        what,
        cause,
    };
    let Version { schema_version } = serde_json::from_slice(&json).map_err(damaged)?;
    if schema_version != SCHEMA_VERSION {
        return Err(Error::SchemaVersion {
            path: path.to_path_buf(),
            found: schema_version,
            supported: SCHEMA_VERSION,
        });
    }
    serde_json::from_slice(&json).map_err(damaged)
}

/// Replaces a file.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let (directory, name) = files::place(path)?;
    fs::create_dir_all(directory).map_err(Error::io("create directory", directory))?;
    replace(directory, name, text(value)?.as_bytes())
}

/// Fails where [`write`] would. Of directories that are still to be made, it is
/// the first one that is there in which they must be.
pub(crate) fn probe(path: &Path) -> Result<(), Error> {
    let (directory, _) = files::place(path)?;
    let there = directory.ancestors().find(|ancestor| ancestor.exists());
    let there = there.unwrap_or(Path::new("."));
    files::temporary(there, ".probe.".as_ref(), "")
        .map(drop)
        .map_err(Error::io("write", path))
}

/// The whole of a file.
pub(crate) fn text<T: Serialize>(value: &T) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(value).map_err(|cause| Error::Serialize { cause })?;
    Ok(in_json(&json) + "\n")
}

impl Record {
    /// What `run.json` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`].
    pub fn to_json(&self) -> Result<String, Error> {
        text(self)
    }
}

impl GateReport {
    /// What `gate.json` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`].
    pub fn to_json(&self) -> Result<String, Error> {
        text(self)
    }
}
