//! read(2) of one byte of /dev/zero.

use harness_sys::calls::{self, Open};

use crate::During;
use crate::micro::{Micro, one_byte, timed};

pub(crate) static READ: Micro = Micro {
    operations: 100_000,
    each: &[("read", 1)],
    around: &[("openat", 1)],
    ..Micro::new("read", "read of 1 byte of /dev/zero", |operations| {
        let zero = calls::openat(c"/dev/zero", Open::Read).during("open /dev/zero")?;
        let mut byte = [0];
        timed(operations, || {
            one_byte(zero.read(&mut byte), "read /dev/zero")
        })
    })
};
