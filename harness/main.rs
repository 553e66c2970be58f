//! `harness` measures what each way of tracing Linux system calls costs.

mod cmd;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A workload or a run is this binary too; nothing may come before it.
    if let Some(code) = harness_workloads::dispatch() {
        return code;
    }
    match std::env::args_os().nth(1) {
        Some(word) if word == harness_measure::WORD => {
            return harness_measure::isolated::main();
        }
        Some(word) if word == harness_measure::attach::WORD => {
            return harness_measure::attach::main();
        }
        _ => {}
    }
    cmd::main()
}
