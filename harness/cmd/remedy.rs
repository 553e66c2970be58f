//! Which options put an error right: what the crates below tell in words of their own ends with these.

use harness_measure::Error;
use harness_record::RecordDirectory;
use std::path::PathBuf;

/// An error of a measurement in one line, with what to do about it.
pub(super) fn told(error: &Error) -> String {
    format!("{error}{}", remedy(error))
}

/// What follows the error's own text.
pub(super) fn remedy(error: &Error) -> String {
    match error {
        Error::NothingAttached => "; use --modes ptrace, or leave --modes out".to_owned(),
        Error::FilterUnused => "; add it to --modes, or leave --filter out".to_owned(),
        Error::ModeUnused(_) => "; add it to --modes, or leave --peer out".to_owned(),
        Error::NoFilter => "; name its file with --filter FILE".to_owned(),
        Error::SizeUnused { .. } => "; leave it out, or name one with --workload".to_owned(),
        Error::CannotSplit(_) | Error::TooFewProcessors(_) => {
            "; use --pin same-cpu or --pin none".to_owned()
        }
        Error::TraceSet { .. } => " (--trace)".to_owned(),
        Error::RateCommand { .. } => " (--rate-command)".to_owned(),
        Error::Hook { hook, .. } => format!(" (--{hook})"),
        Error::Record(error) => of_record(error),
        _ => String::new(),
    }
}

/// What follows the text of an error of a record.
pub(super) fn of_record(error: &harness_record::Error) -> String {
    if error.is_out_of_space() {
        " with --output".to_owned()
    } else {
        String::new()
    }
}

/// The directory of a new record, which `option` names.
///
/// # Errors
/// Those of [`RecordDirectory::create`].
pub(super) fn new_record(path: PathBuf, option: &str) -> anyhow::Result<RecordDirectory> {
    RecordDirectory::create(path).map_err(|error| match error {
        harness_record::Error::NotEmpty { .. } => anyhow::anyhow!("{error} with {option}"),
        error => error.into(),
    })
}
