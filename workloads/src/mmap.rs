//! mmap(2) of one page, a write to it (a page fault), and munmap(2).

use harness_sys::calls::Mapping;

use crate::During;
use crate::micro::{Micro, timed};

pub(crate) static MMAP: Micro = Micro {
    trace: "mmap,munmap",
    operations: 30_000,
    each: &[("mmap", 1), ("munmap", 1)],
    ..Micro::new("mmap", "mmap, touch and munmap of a page", |operations| {
        timed(operations, || {
            let mut page = Mapping::mmap(1).during("map a page")?;
            page.touch(1);
            page.munmap().during("unmap a page")
        })
    })
};
