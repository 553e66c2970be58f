//! What is published of a record is what `harness report` makes of it now.

use harness_record::RecordDirectory;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files below a directory, by their paths in it.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.insert(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    files
}

#[test]
fn a_published_record_has_the_report_that_is_made_of_it() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut records = 0;
    for entry in fs::read_dir(results).unwrap() {
        let published = entry.unwrap().path();
        if !published.join("run.json").exists() {
            continue;
        }
        records += 1;
        let copy = tempfile::tempdir().unwrap();
        for file in ["run.json", "samples.csv"] {
            fs::copy(published.join(file), copy.path().join(file)).unwrap();
        }
        // Records from before have none; it is made where the samples are taken.
        let calls = published.join("calls.csv");
        if calls.exists() {
            fs::copy(calls, copy.path().join("calls.csv")).unwrap();
        }
        let directory = RecordDirectory::open(copy.path()).unwrap();
        let record = harness_report::load(&directory).unwrap();
        harness_report::write_report(&directory, &record).unwrap();
        assert_eq!(
            files(copy.path()),
            files(&published),
            "{}",
            published.display()
        );
        for file in files(copy.path()) {
            let [made, kept] =
                [copy.path(), &published].map(|root| fs::read(root.join(&file)).unwrap());
            // Not both in full, which nobody reads.
            assert!(
                made == kept,
                "{} is not what `harness report` makes of its record; run it on a copy and compare",
                published.join(&file).display()
            );
        }
    }
    assert!(records >= 2, "make-sim and kernel-build");
}
