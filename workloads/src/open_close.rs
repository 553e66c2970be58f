//! openat(2) and close(2) of /dev/null.

use harness_sys::calls::{self, Open};

use crate::During;
use crate::micro::{Micro, timed};

pub(crate) static OPEN_CLOSE: Micro = Micro {
    trace: "openat,close",
    operations: 40_000,
    each: &[("openat", 1), ("close", 1)],
    ..Micro::new(
        "open-close",
        "openat and close of /dev/null",
        |operations| {
            timed(operations, || {
                let null = calls::openat(c"/dev/null", Open::Read).during("open /dev/null")?;
                null.close().during("close /dev/null")
            })
        },
    )
};
