//! What a call costs on this kernel under a filter.

use harness_cbpf::Program;
use harness_stats::median;
use harness_sys::probe_calls::{Idle, in_child};
use harness_sys::seccomp::{self, SockFilter};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// ENOSYS of errno(3): what a call to be traced fails with where there is no tracer.
pub(crate) const NO_TRACER: i32 = 38;

const CHUNKS: usize = 9;
const CALLS: u32 = 2_000;

/// Times a call in a child of its own under a filter, or without one: nanoseconds a call, the median of
/// some chunks; and the error it failed with, 0 for none.
pub(crate) fn time(program: Option<&Program>, call: Idle) -> (f64, i32) {
    let filter: Option<Vec<SockFilter>> = program.map(|program| {
        let insns = program.instructions().iter();
        insns
            .map(|insn| SockFilter {
                code: insn.code,
                jt: insn.jt,
                jf: insn.jf,
                k: insn.k,
            })
            .collect()
    });
    // The clock is read without a call (vdso(7)); where it is not, the child says so by its end.
    let words = in_child(CHUNKS + 1, |words| {
        if let Some(filter) = &filter {
            seccomp::set_no_new_privs()?;
            seccomp::install(filter)?;
        }
        let error = Idle::error(call.call());
        words[0].store(u64::from(error.unsigned_abs()), Ordering::Relaxed);
        for word in &words[1..] {
            let start = Instant::now();
            for _ in 0..CALLS {
                let _ = call.call();
            }
            let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            word.store(nanoseconds, Ordering::Relaxed);
        }
        Ok(())
    });
    let words = words.unwrap_or_else(|error| panic!("{}: {error}", call.name()));
    let chunks: Vec<f64> = words[1..]
        .iter()
        .map(|&nanoseconds| nanoseconds as f64 / f64::from(CALLS))
        .collect();
    let estimate = median(&chunks, 0.95).expect("finite numbers").estimate;
    (estimate, i32::try_from(words[0]).expect("an error"))
}
