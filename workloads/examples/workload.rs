//! The workloads alone: `workload __workload getppid`, as the `harness` binary would run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness_workloads::dispatch().unwrap_or_else(|| {
        eprintln!("usage: workload __workload NAME [OPTION]…");
        ExitCode::from(2)
    })
}
