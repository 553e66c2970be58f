//! The files that the rules are about.

use crate::manifest::Manifest;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file's path, relative to the repository, and what it holds; bytes that
/// are not UTF-8 are replaced.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All Rust sources.
pub(crate) fn rust_sources() -> Vec<File> {
    let files = read(under(&["harness", "workloads", "tests"]), |path| {
        path.extension() == Some(OsStr::new("rs"))
    });
    expect_among(&files, &["harness/main.rs", "harness/sys/src/lib.rs"]);
    files
}

/// The manifests of all packages, the root's among them.
pub(crate) fn manifests() -> Vec<Manifest> {
    let mut paths = under(&["harness", "workloads"]);
    paths.push(root().join("Cargo.toml"));
    let files = read(paths, |path| path.ends_with("Cargo.toml"));
    expect_among(&files, &["Cargo.toml", "harness/sys/Cargo.toml"]);
    (files.into_iter())
        .map(|file| Manifest::new(file.path, &file.text))
        .collect()
}

/// Everything under version control; where that cannot be asked (an unpacked
/// archive), everything there is.
pub(crate) fn repository_files() -> Vec<File> {
    let paths = tracked().unwrap_or_else(|| under(&["."]));
    let files = read(paths, |_| true);
    expect_among(&files, &["Cargo.toml", "tests/house/tree.rs"]);
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A rule that looked at nothing would pass.
fn expect_among(files: &[File], names: &[&str]) {
    for name in names {
        let found = files.iter().any(|file| file.path == *name);
        assert!(found, "{name} was not read");
    }
}

fn tracked() -> Option<Vec<PathBuf>> {
    // The checkout may belong to another user than the one who tests it.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()?;
    let names = output.stdout.split(|&byte| byte == 0);
    let names = names.filter(|name| !name.is_empty());
    let paths: Vec<_> = names
        .map(|name| root().join(OsStr::from_bytes(name)))
        .collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// All files below some directories of the repository, but for what tools put there.
fn under(directories: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending: Vec<_> = directories.iter().map(|name| root().join(name)).collect();
    while let Some(directory) = pending.pop() {
        let entries = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries {
            let entry = entry.expect("an entry of a directory that was opened");
            let kind = entry.file_type().expect("the kind of an entry");
            let name = entry.file_name();
            if kind.is_dir() && name != "target" && name != ".git" {
                pending.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

fn read(paths: Vec<PathBuf>, wanted: impl Fn(&Path) -> bool) -> Vec<File> {
    (paths.into_iter())
        .filter(|path| wanted(path))
        // What is tracked may be deleted, and a submodule is a directory.
        .filter_map(|path| {
            let bytes = fs::read(&path).ok()?;
            let path = path.strip_prefix(root()).unwrap_or(&path);
            Some(File {
                path: path.to_string_lossy().trim_start_matches("./").to_owned(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        })
        .collect()
}
