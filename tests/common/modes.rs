//! The modes of the registry by what they declare, and which of them can run here.

use super::PATH;
use harness_mode::{About, Mechanism, Role};
use harness_sys::process;
use harness_testing::{Missing, skip};
use serde_json::Value;
use std::process::Command;
use std::sync::LazyLock;

/// Why a mode cannot run here, if it cannot.
pub(crate) fn missing(mode: &str) -> Option<(Missing, String)> {
    // Trying a mode may fork, which a test with threads must not.
    static LIST: LazyLock<Value> = LazyLock::new(|| {
        let list = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["list", "modes", "--format", "json"])
            .env_clear()
            .env("PATH", PATH)
            .output()
            .expect("the harness can be executed");
        serde_json::from_slice(&list.stdout).expect("JSON on standard output")
    });
    let mut modes = LIST.as_array().expect("a list").iter();
    let found = modes
        .find(|known| known["name"] == mode)
        .expect("a mode of the registry");
    let why = found["unavailable_reason"].as_str()?.to_owned();
    let privileged = about(mode).capabilities.needs_privileges && process::effective_user() != 0;
    let missing = if privileged || why.contains("root") {
        Missing::Root
    } else if mechanism(mode) == Mechanism::Peer {
        Missing::Tool
    } else {
        Missing::Host
    };
    Some((missing, why))
}

fn about(mode: &str) -> &'static About {
    harness_mode::find(mode)
        .expect("a mode of the registry")
        .about()
}

/// How a mode of the registry takes a tracee over.
pub(crate) fn mechanism(mode: &str) -> Mechanism {
    about(mode).mechanism
}

/// The part that a mode of the registry has in the comparison.
pub(crate) fn role(mode: &str) -> Role {
    about(mode).role
}

/// Whether a mechanism stops tracees by ptrace(2).
pub(crate) fn has_stops(mechanism: Mechanism) -> bool {
    matches!(
        mechanism,
        Mechanism::PtraceEveryCall | Mechanism::PtraceFiltered
    )
}

/// Whether programs at the kernel's tracepoints are the mechanism.
pub(crate) fn at_tracepoints(mechanism: Mechanism) -> bool {
    matches!(
        mechanism,
        Mechanism::Tracepoint | Mechanism::TracepointStream
    )
}

/// The modes of the registry that `is` says of and that can run here, by name. Says of the others that
/// `what` is skipped.
pub(crate) fn available(is: impl Fn(Mechanism) -> bool, what: &str) -> Vec<&'static str> {
    let modes = harness_mode::registry().iter().map(|mode| mode.about());
    modes
        .filter(|about| is(about.mechanism))
        .map(|about| &*about.name)
        .filter(|mode| match missing(mode) {
            None => true,
            Some((missing, why)) => {
                skip(missing, &format!("{what} under {mode}: {why}"));
                false
            }
        })
        .collect()
}

/// The same, and of each way to take a tracee over the first alone: where what differs between its
/// modes, as their filter, has no part in it.
pub(crate) fn one_of_each(is: impl Fn(Mechanism) -> bool, what: &str) -> Vec<&'static str> {
    let mut seen = Vec::new();
    let mut modes = available(is, what);
    modes.retain(|mode| {
        let new = !seen.contains(&mechanism(mode));
        seen.push(mechanism(mode));
        new
    });
    modes
}
