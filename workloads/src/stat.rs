//! newfstatat(2) of /dev/null: what stat(3) is since glibc 2.33.

use harness_sys::calls;

use crate::During;
use crate::micro::{Micro, timed};

pub(crate) static STAT: Micro = Micro {
    trace: "newfstatat",
    operations: 80_000,
    each: &[("newfstatat", 1)],
    ..Micro::new("stat", "newfstatat of /dev/null", |operations| {
        timed(operations, || {
            calls::newfstatat(c"/dev/null").during("stat /dev/null")?;
            Ok(())
        })
    })
};
