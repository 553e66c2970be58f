//! A thread that ends at once, and the wait for its end.

use harness_sys::spawn;

use crate::During;
use crate::micro::{Micro, timed};

pub(crate) static THREADS: Micro = Micro {
    trace: "clone",
    operations: 2_000,
    each: &[("clone", 1), ("exit", 1), ("futex", 1)],
    tasks_each: 1,
    ..Micro::new("threads", "a thread created and joined", |operations| {
        timed(operations, || {
            spawn::thread_round_trip().during("create a thread")
        })
    })
};
