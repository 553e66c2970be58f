//! getppid(2): the cheapest call there is, so that what is added stands out most.

use harness_sys::calls;

use crate::micro::{Micro, timed};

pub(crate) static GETPPID: Micro = Micro {
    operations: 100_000,
    each: &[("getppid", 1)],
    ..Micro::new("getppid", "getppid, the cheapest call", |operations| {
        timed(operations, || {
            std::hint::black_box(calls::getppid());
            Ok(())
        })
    })
};
