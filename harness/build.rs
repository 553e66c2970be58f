//! Tells the program which revision it is built from, where git can say.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let revision = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    if let Ok(output) = revision
        && output.status.success()
    {
        println!(
            "cargo::rustc-env=HARNESS_REVISION={}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
}
