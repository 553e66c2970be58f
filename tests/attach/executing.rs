//! A process whose threads execute while it is attached to, traced and let go.

use crate::common::{Harness, text};
use crate::{Tracee, attach, report, windows};
use serde_json::Value;

/// A thread that executes ends all others, takes the id of the first one, and
/// waits for those of them that are traced while whoever attaches waits for it.
/// Whatever is met, all windows are taken, and the process never notices.
#[test]
fn a_process_may_execute_while_it_is_attached_to() {
    let Some(tracee) = Tracee::start("attach_exec", &["exec"]) else {
        return;
    };
    for seed in ["1", "2", "3"] {
        let harness = Harness::new();
        let words = ["--for", "0.01", "--runs", "30", "--seed", seed];
        let output = attach(&harness, tracee.id(), &words)
            .output()
            .expect("the harness");
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        tracee.is_untraced_and("RSDZX");
        let report = report(&harness);
        assert_eq!(report["state"]["status"], "complete", "{stderr}");
        // While the first thread is dead an ordinary user may not read its calls.
        let warnings = report["warnings"].as_array().expect("warnings");
        let allowed = |warning: &Value| warning.to_string().contains("/proc/PID/io");
        assert!(warnings.iter().all(allowed), "{warnings:?}");
        for mode in ["none", "ptrace"] {
            assert_eq!(windows(&report, mode).len(), 30, "{mode}");
        }
    }
    assert_eq!(tracee.end(), "fine\n");
}
