//! Tells the program its version: that of the package, and the revision it is
//! built from where git can say, marked where the sources differ from it.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    println!("cargo::rerun-if-changed=harness");
    println!("cargo::rerun-if-changed=workloads");
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        println!("cargo::rustc-env=HARNESS_VERSION={package}");
        return;
    };
    let sources = [
        "status",
        "--porcelain",
        "--",
        "harness",
        "workloads",
        "Cargo.lock",
    ];
    let changed = git(&sources).is_some_and(|changes| !changes.is_empty());
    let revision = revision + if changed { "-dirty" } else { "" };
    println!("cargo::rustc-env=HARNESS_REVISION={revision}");
    println!("cargo::rustc-env=HARNESS_VERSION={package} ({revision})");
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
