//! What the modes of eBPF say where they cannot run, and what they count of a set whose calls another
//! ABI makes.

mod common;

use common::{FAIL, Harness, modes, one_clear_line, row};
use harness_mode::Role;
use harness_sys::process;
use harness_testing::{Missing, compiled, installed, skip};
use std::ffi::OsStr;
use std::process::Command;

/// An ordinary user, or root without the capabilities, is told the reason and the line that helps.
#[test]
fn without_privileges_the_reason_and_the_remedy_are_said() {
    let what = "eBPF without privileges";
    let modes = harness_mode::registry().iter().map(|mode| mode.about());
    let modes: Vec<_> = modes
        .filter(|about| modes::at_tracepoints(about.mechanism))
        .collect();
    assert!(!modes.is_empty());
    for about in modes {
        let words = [
            "run",
            "--modes",
            &about.name,
            "--runs",
            "1",
            "--output",
            "r",
            "--",
            "true",
        ];
        let harness = Harness::new();
        let mut command = harness.command(&words);
        if process::effective_user() == 0 {
            if !installed("setpriv", what) {
                return;
            }
            let mut without = Command::new("setpriv");
            without.arg("--bounding-set=-bpf,-perfmon,-sys_admin");
            without.args(["--inh-caps=-all", env!("CARGO_BIN_EXE_harness")]);
            without.args(words).current_dir(harness.directory());
            command = without;
        }
        let output = command.output().expect("the harness can be executed");
        if output.status.success() && process::effective_user() != 0 {
            let why = "this user has the capabilities";
            skip(Missing::Host, &format!("{what}: {why}"));
            return;
        }
        let parts = ["cannot run here", "EPERM", "setcap cap_bpf,cap_perfmon+ep"];
        one_clear_line(&output, FAIL, &words, &parts);
        assert!(!harness.directory().join("r").exists());
    }
}

/// waitpid(2) is a call of i386 alone.
#[test]
fn a_set_of_another_abis_calls_holds_no_native_one() {
    let what = "a set of i386 calls under eBPF";
    let mut modes = modes::available(modes::at_tracepoints, what);
    modes.retain(|mode| modes::role(mode) == Role::Tracer);
    let harness = Harness::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tracees/i386_program.c");
    let program = harness.directory().join("program");
    let flags = [
        "-m32",
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
    ];
    let words = flags
        .iter()
        .chain(&["-fno-pic", "-no-pie", "-o"])
        .map(OsStr::new);
    let files = [program.as_os_str(), OsStr::new(source)];
    if modes.is_empty() || !compiled(words.chain(files), what) {
        return;
    }
    modes.push("ptrace");
    let run = |program: &str, calls: u64| {
        let words = [
            "--trace", "waitpid", "--runs", "1", "--warmup", "0", "--modes",
        ];
        let record = harness.record(&[&words[..], &[&modes.join(","), "--", program]].concat());
        for mode in &modes {
            let row = row(&record, "command", mode);
            assert_eq!(row["traced_events"], calls, "{program} under {mode}");
        }
    };
    run("true", 0);
    if Command::new(&program).status().is_err() {
        let why = "the kernel executes no i386 program (CONFIG_IA32_EMULATION)";
        skip(Missing::Host, &format!("{what}: {why}"));
        return;
    }
    run("./program", 3);
}
