//! What must be true of a record, whatever ended its measurement.

use crate::common::{Harness, text};
use harness_record::{Record, RecordDirectory};

/// Whole rows in `samples.csv`, and a directory that `harness report` works on;
/// `None` where the harness was killed before it wrote `run.json`.
pub(crate) fn intact(harness: &Harness, name: &str) -> Option<Record> {
    let path = harness.directory().join(name);
    if !path.join("run.json").exists() {
        assert!(
            !path.join("samples.csv").exists(),
            "samples without their run.json"
        );
        return None;
    }
    let directory = RecordDirectory::open(&path).expect("a record");
    let record = directory.read_record().expect("run.json");
    let samples = std::fs::read_to_string(path.join("samples.csv")).unwrap_or_default();
    assert!(
        samples.is_empty() || samples.ends_with('\n'),
        "an unfinished row: {samples}"
    );
    let report = harness.output(&["report", name]);
    let stderr = text(&report.stderr);
    assert!(report.status.success(), "harness report: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    Some(record)
}

/// Whole rows of `samples.csv`.
pub(crate) fn rows(harness: &Harness, name: &str) -> usize {
    let path = harness.directory().join(name).join("samples.csv");
    let samples = std::fs::read_to_string(path).unwrap_or_default();
    samples.lines().count().saturating_sub(1)
}
