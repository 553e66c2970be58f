//! What a record says of the program and the command that made it, and where it goes.

use anyhow::Context;
use harness_record::Provenance;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::macros::format_description;

/// This program.
pub(super) fn own() -> Provenance {
    Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: option_env!("HARNESS_REVISION").map(str::to_owned),
    }
}

/// The exact command line, a word an element.
pub(super) fn command_line() -> Vec<String> {
    std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// A directory for a record that is taken now: `results/TIME-HOST` and a suffix,
/// numbered where two start within a second.
pub(super) fn default_output(
    started: OffsetDateTime,
    host: &str,
    suffix: &str,
) -> anyhow::Result<PathBuf> {
    let stamp = started.format(format_description!(
        "[year][month][day]T[hour][minute][second]Z"
    ))?;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let host: String = host.chars().map(plain).collect();
    let first = PathBuf::from("results").join(format!("{stamp}-{host}{suffix}"));
    let numbered =
        (2..).map(|n| PathBuf::from("results").join(format!("{stamp}-{host}{suffix}-{n}")));
    let free = std::iter::once(first)
        .chain(numbered)
        .find(|path| !path.exists());
    free.context("no free name for the record; name a directory with --output")
}
