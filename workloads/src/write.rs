//! write(2) of one byte to /dev/null.

use harness_sys::calls::{self, Open};

use crate::During;
use crate::micro::{Micro, one_byte, timed};

pub(crate) static WRITE: Micro = Micro {
    operations: 100_000,
    each: &[("write", 1)],
    around: &[("openat", 1)],
    ..Micro::new("write", "write of 1 byte to /dev/null", |operations| {
        let null = calls::openat(c"/dev/null", Open::Write).during("open /dev/null")?;
        timed(operations, || one_byte(null.write(&[0]), "write /dev/null"))
    })
};
