//! What a call costs on this kernel under a filter.

use harness_cbpf::Program;
use harness_stats::median;
use harness_sys::probe_calls::{Idle, in_child};
use harness_sys::seccomp;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// ENOSYS of errno(3): what a call to be traced fails with where there is no tracer.
pub(crate) const NO_TRACER: i32 = 38;

const CHUNKS: usize = 9;
const CALLS: u64 = 2_000;

/// Times a call under a filter, or without one: nanoseconds a call, the median of some chunks; and the
/// error it failed with, 0 for none.
pub(crate) fn time(program: Option<&Program>, call: Idle) -> (f64, i32) {
    let (chunks, error) = chunks(program, call, CHUNKS, CALLS);
    let chunks: Vec<f64> = chunks
        .into_iter()
        .map(|nanoseconds| nanoseconds as f64 / CALLS as f64)
        .collect();
    let estimate = median(&chunks, 0.95).expect("finite numbers").estimate;
    (estimate, error)
}

/// Times so many calls under a filter together.
pub(crate) fn total(program: &Program, call: Idle, calls: u64) -> (Duration, i32) {
    let (chunks, error) = chunks(Some(program), call, 1, calls);
    (Duration::from_nanos(chunks[0]), error)
}

/// Nanoseconds of each of some chunks of calls, made in a child of its own, and the error.
fn chunks(program: Option<&Program>, call: Idle, chunks: usize, calls: u64) -> (Vec<u64>, i32) {
    let filter = program.map(Program::instructions);
    // The clock is read without a call (vdso(7)); where it is not, the child says so by its end.
    let words = in_child(chunks + 1, |words| {
        if let Some(filter) = filter {
            seccomp::set_no_new_privs()?;
            seccomp::install(filter)?;
        }
        let error = Idle::error(call.call());
        words[0].store(u64::from(error.unsigned_abs()), Ordering::Relaxed);
        for word in &words[1..] {
            let start = Instant::now();
            for _ in 0..calls {
                let _ = call.call();
            }
            let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            word.store(nanoseconds, Ordering::Relaxed);
        }
        Ok(())
    });
    let mut words = words.unwrap_or_else(|error| panic!("{}: {error}", call.name()));
    let error = i32::try_from(words.remove(0)).expect("an error");
    (words, error)
}
