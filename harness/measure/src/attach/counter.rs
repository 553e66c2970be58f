//! A counter of what a running process does, that a command of the user's prints.

use super::interrupted;
use crate::Error;
use harness_record::CommandCount;
use harness_sys::signals::Termination;
use harness_sys::{Tid, files, process};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often its end is looked for where the kernel has no pidfd_open(2).
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// More than a number needs.
const MOST_BYTES: usize = 4096;

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
        let mut child =
            start(command).map_err(|error| failed(format!("cannot execute /bin/sh: {error}")))?;
        let completed = complete_or_kill(&mut child, started + PATIENCE, termination);
        let took = started.elapsed();
        let (output, status) = match completed? {
            Completion::Ended(output, status) => (output, status),
            Completion::TooLate => {
                return Err(failed(format!(
                    "it did not end within {} s",
                    PATIENCE.as_secs()
                )));
            }
            Completion::TooMuch => {
                return Err(failed(format!(
                    "it printed more than {MOST_BYTES} bytes, which is no number"
                )));
            }
        };
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

/// Executes a command with sh(1) in a process group of its own, so that a whole pipeline can be killed.
fn start(command: &str) -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// How a command went.
enum Completion {
    Ended(Vec<u8>, ExitStatus),
    TooLate,
    TooMuch,
}

/// [`complete`], after which nothing goes on of a command that did not end by itself.
fn complete_or_kill(
    child: &mut Child,
    deadline: Instant,
    termination: &Termination,
) -> Result<Completion, Error> {
    let completed = complete(child, deadline, termination);
    if !matches!(completed, Ok(Completion::Ended(..))) {
        if let Ok(group) = i32::try_from(child.id()) {
            let _ = process::kill_group(Tid(group));
        }
        let _ = child.wait();
    }
    completed
}

/// Reads what a command writes until its output ends, and waits for its end. A signal is an error.
fn complete(
    child: &mut Child,
    deadline: Instant,
    termination: &Termination,
) -> Result<Completion, Error> {
    let io = |source| Error::Io {
        operation: "cannot read what the rate command prints".to_owned(),
        source,
    };
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut output = Vec::new();
    let mut buffer = [0; 512];
    if let Some(mut stdout) = child.stdout.take() {
        loop {
            if !wait_for(&stdout, left(), termination)? {
                if left().is_zero() {
                    return Ok(Completion::TooLate);
                }
                continue;
            }
            let read = stdout.read(&mut buffer).map_err(io)?;
            if read == 0 {
                break;
            }
            output.extend_from_slice(&buffer[..read]);
            if output.len() > MOST_BYTES {
                return Ok(Completion::TooMuch);
            }
        }
    }
    // Without it the end is looked for again and again.
    let end = i32::try_from(child.id()).ok();
    let end = end.and_then(|id| process::descriptor(Tid(id)).ok());
    loop {
        if let Some(status) = child.try_wait().map_err(io)? {
            return Ok(Completion::Ended(output, status));
        }
        if left().is_zero() {
            return Ok(Completion::TooLate);
        }
        match &end {
            Some(end) => wait_for(end, left(), termination)?,
            None => wait_for(termination, left().min(BETWEEN_LOOKS), termination)?,
        };
    }
}

/// Whether a descriptor became readable in time. A signal is an error.
fn wait_for(
    descriptor: &impl AsFd,
    limit: Duration,
    termination: &Termination,
) -> Result<bool, Error> {
    let descriptors = [termination.as_fd(), descriptor.as_fd()];
    let ready = files::wait_readable_within(descriptors, Some(limit));
    let [signalled, readable] = ready.map_err(|errno| Error::Io {
        operation: "poll(2)".to_owned(),
        source: errno.into(),
    })?;
    if signalled {
        interrupted(termination)?;
    }
    Ok(readable)
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
    use harness_sys::procfs;

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

    /// Whether a process group has a process other than zombies, whom nobody may wait for here.
    fn lives(group: Tid) -> bool {
        let stats = procfs::processes().filter_map(|process| procfs::stat(process).ok());
        let mut of_group = stats.filter(|stat| stat.group() == Some(group));
        of_group.any(|stat| !stat.has_ended())
    }

    #[test]
    fn what_ends_late_or_prints_too_much_is_killed_with_its_group() {
        let termination = Termination::block().expect("signalfd");
        for (command, limit) in [
            ("sleep 1000 | cat", 100),
            ("echo 5; exec >&-; sleep 1000", 100),
            ("yes | cat", 10_000),
        ] {
            let mut child = start(command).expect("sh");
            let id = Tid(i32::try_from(child.id()).expect("an id"));
            let deadline = Instant::now() + Duration::from_millis(limit);
            let completed = complete_or_kill(&mut child, deadline, &termination);
            assert!(!matches!(completed, Ok(Completion::Ended(..))), "{command}");
            let gone = (0..500).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                !lives(id)
            });
            assert!(gone, "{command}");
        }
        let mut child = start("echo 5").expect("sh");
        let deadline = Instant::now() + PATIENCE;
        let completed = complete_or_kill(&mut child, deadline, &termination);
        assert!(matches!(completed, Ok(Completion::Ended(output, _)) if output == b"5\n"));
    }
}
