//! A counter of what a running process does, that a command of the user's prints.

use super::interrupted;
use crate::Error;
use harness_record::CommandCount;
use harness_sys::files;
use harness_sys::signals::Termination;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than a number needs.
const MOST_BYTES: u64 = 4096;

/// A number, and when it was true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    at: Instant,
    value: f64,
}

impl Reading {
    /// Executes `command` with sh(1), and takes the middle of that time for the time of its number.
    pub(super) fn take(command: &str, termination: &Termination) -> Result<Self, Error> {
        let failed = |why: String| Error::RateCommand {
            command: command.to_owned(),
            why,
        };
        let started = Instant::now();
        let mut child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("cannot execute /bin/sh: {error}")))?;
        let output = read_all(&mut child, started + PATIENCE, termination);
        if !matches!(output, Ok(Some(_))) {
            let _ = child.kill();
        }
        let status = child.wait();
        let took = started.elapsed();
        let Some(output) = output? else {
            return Err(failed(format!(
                "it did not end within {} s",
                PATIENCE.as_secs()
            )));
        };
        let status = status.map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(format!("it ended with {status}")));
        }
        let value = number(&output).map_err(failed)?;
        Ok(Self {
            at: started + took / 2,
            value,
        })
    }

    /// How far the counter went since.
    pub(super) fn since(self, earlier: Self, command: &str) -> Result<CommandCount, Error> {
        if self.value < earlier.value {
            return Err(Error::RateCommand {
                command: command.to_owned(),
                why: format!(
                    "it printed {} and, a window later, {}: a counter never falls",
                    earlier.value, self.value
                ),
            });
        }
        Ok(CommandCount {
            count: self.value - earlier.value,
            between_ns: super::nanoseconds(self.at.duration_since(earlier.at)),
        })
    }
}

/// What it writes until its output ends; `None` where that takes too long. A signal is an error.
fn read_all(
    child: &mut Child,
    deadline: Instant,
    termination: &Termination,
) -> Result<Option<Vec<u8>>, Error> {
    let io = |source| Error::Io {
        operation: "cannot read what the rate command prints".to_owned(),
        source,
    };
    let mut output = Vec::new();
    let Some(mut stdout) = child.stdout.take() else {
        return Ok(Some(output));
    };
    let mut buffer = [0; 512];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let descriptors = [termination.as_fd(), stdout.as_fd()];
        let ready = files::wait_readable_within(descriptors, Some(left));
        let [signalled, readable] = ready.map_err(|errno| io(errno.into()))?;
        if signalled {
            interrupted(termination)?;
        } else if readable {
            let read = stdout.read(&mut buffer).map_err(io)?;
            if read == 0 || output.len() as u64 > MOST_BYTES {
                return Ok(Some(output));
            }
            output.extend_from_slice(&buffer[..read]);
        } else {
            return Ok(None);
        }
    }
}

/// The number that was printed, and nothing else.
fn number(output: &[u8]) -> Result<f64, String> {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(output);
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ if text.is_empty() => Err("it printed nothing".to_owned()),
        _ => {
            let shown: String = text.chars().take(SHOWN).collect();
            Err(format!("it printed {shown:?}, which is no number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_is_a_number() {
        for (output, expected) in [("12\n", 12.0_f64), (" 1.5e3 ", 1500.0), ("-3", -3.0)] {
            assert_eq!(
                number(output.as_bytes()).map(f64::to_bits),
                Ok(expected.to_bits())
            );
        }
        for (output, part) in [
            ("", "nothing"),
            ("\n", "nothing"),
            ("12 requests", "\"12 requests\""),
            ("nan", "no number"),
            ("inf", "no number"),
        ] {
            let error = number(output.as_bytes()).expect_err(output);
            assert!(error.contains(part), "{output}: {error}");
        }
    }
}
