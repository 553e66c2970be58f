//! Two processes that pass one byte to and fro through two pipes: every call may switch context.

use harness_sys::calls::{self, Descriptor};
use harness_sys::spawn;

use crate::micro::{Micro, one_byte, timed};
use crate::{During, Failure, Processes};

pub(crate) static PIPE: Micro = Micro {
    trace: "read,write",
    processes: Processes::Several,
    operations: 10_000,
    each: &[("read", 2), ("write", 2)],
    // Each side closes the other's two ends, so that it sees an end of file if the other dies.
    around: &[
        ("pipe2", 2),
        ("clone", 1),
        ("close", 4),
        ("exit_group", 1),
        ("wait4", 1),
    ],
    tasks_around: 1,
    ..Micro::new(
        "pipe",
        "two processes pass 1 byte to and fro",
        |operations| {
            let (ping_out, ping_in) = calls::pipe2().during("make a pipe")?;
            let (pong_out, pong_in) = calls::pipe2().during("make a pipe")?;
            let Some(child) = spawn::fork().during("create a process")? else {
                let echoed = echo(operations, &ping_out, &pong_in, [ping_in, pong_out]);
                calls::exit_group(u8::from(echoed.is_err()));
            };
            for end in [ping_out, pong_in] {
                end.close().during("close a pipe")?;
            }
            let mut byte = [0];
            let time = timed(operations, || {
                one_byte(ping_in.write(&byte), "write to the other process")?;
                one_byte(pong_out.read(&mut byte), "read from the other process")
            })?;
            match calls::wait4(child).during("wait for the other process")? {
                (_, status) if status.success() => Ok(time),
                (_, status) => Err(Failure::new("echo in the other process", status)),
            }
        },
    )
};

/// The other process.
fn echo(
    operations: u64,
    from: &Descriptor,
    to: &Descriptor,
    unused: [Descriptor; 2],
) -> Result<(), Failure> {
    for end in unused {
        end.close().during("close a pipe")?;
    }
    let mut byte = [0];
    for _ in 0..operations {
        one_byte(from.read(&mut byte), "read")?;
        one_byte(to.write(&byte), "write")?;
    }
    Ok(())
}
