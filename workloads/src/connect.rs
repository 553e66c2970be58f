//! connect(2) to a Unix socket that is not there, with one socket for the whole loop.

use std::io::ErrorKind;

use harness_sys::calls::{UnixAddress, UnixSocket};

use crate::micro::{Micro, timed};
use crate::{During, Failure};

/// No system has `/nonexistent`: Debian policy reserves it for homes that are not there.
const ABSENT: &str = "/nonexistent/harness.sock";

pub(crate) static CONNECT: Micro = Micro {
    operations: 60_000,
    each: &[("connect", 1)],
    fails: true,
    around: &[("socket", 1)],
    ..Micro::new(
        "connect",
        "connect to a Unix socket that is not there",
        |operations| {
            let address = UnixAddress::new(ABSENT).expect("the path is short");
            let socket = UnixSocket::socket().during("make a Unix socket")?;
            timed(operations, || absent(socket.connect(&address)))
        },
    )
};

/// That connecting failed because nothing is there.
pub(crate) fn absent(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new("connect to an absent Unix socket", error)),
        Ok(()) => Err(Failure::new(
            "connect to an absent Unix socket",
            "something answered",
        )),
    }
}
