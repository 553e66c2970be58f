//! The end of the process, or of the harness, before the plan's.

use crate::common::{FAIL, Harness, text};
use crate::{TRACED_FIRST, Tracee, attach, report, wait_for_window, wait_until_attached};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

/// The end of the process is no error where something was seen of it.
#[test]
fn a_process_may_end() {
    for (length, code, said) in [
        ("0.1", 0, "ended before all windows were taken"),
        ("60", FAIL, "ended before the first window did"),
    ] {
        let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
            return;
        };
        let harness = Harness::new();
        let words = [&["--for", length, "--runs", "1000"][..], &TRACED_FIRST].concat();
        let child = attach(&harness, tracee.id(), &words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness");
        if code == FAIL {
            wait_until_attached(&harness, &tracee);
        } else {
            wait_for_window(&harness);
        }
        assert_eq!(tracee.end(), "fine\n");
        let output = child.wait_with_output().expect("its end");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        let report = report(&harness);
        assert_eq!(report["state"]["status"], "process-ended");
        assert_eq!(
            report["windows"].as_array().expect("windows").is_empty(),
            code == FAIL
        );
        assert_eq!(output.stdout.is_empty(), code == FAIL);
    }
}

/// A harness that is killed in its first window leaves a record that can be read.
#[test]
fn there_is_a_record_before_the_first_window() {
    let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
        return;
    };
    let harness = Harness::new();
    let words = [&["--for", "60", "--modes", "ptrace"][..], &TRACED_FIRST].concat();
    let mut child = attach(&harness, tracee.id(), &words)
        .stderr(Stdio::null())
        .spawn()
        .expect("the harness");
    wait_until_attached(&harness, &tracee);
    child.kill().expect("SIGKILL");
    assert_eq!(child.wait().expect("its end").signal(), Some(9));
    assert_eq!(tracee.end(), "fine\n");
    for format in ["table", "json", "csv", "markdown"] {
        let printed = text(&harness.stdout(&["report", "r", "--format", format]));
        if format == "table" {
            for part in ["0 untraced, 0 under ptrace", "did not come to its end"] {
                assert!(printed.contains(part), "{part}: {printed}");
            }
        }
    }
}
