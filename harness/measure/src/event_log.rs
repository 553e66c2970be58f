//! From what a mode tells of a run to the lines of a log.

use harness_mode::{End, Event, Log, What};
use harness_record::{LoggedRun, LoggedStop, Restart, StopKind, StopLog, StopWriter};
use harness_sys::ptrace::SyscallInfo;
use harness_syscalls::{Abi, Table};
use harness_tracer::machine;
use harness_tracer::observer::Seen;
use harness_tracer::stop::{self, Stop};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{Duration, Instant};

/// The log that one sample appends to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SampleLog {
    pub(crate) file: StopLog,
    pub(crate) run: LoggedRun,
}

impl SampleLog {
    /// For one execution of the sample.
    ///
    /// # Errors
    /// Why the file cannot be opened.
    pub(crate) fn open(&self, execution: u32) -> Result<Writer, String> {
        let run = LoggedRun {
            execution,
            ..self.run.clone()
        };
        let file = self.file.append(run).map_err(|error| error.to_string())?;
        Ok(Writer {
            file,
            started: Instant::now(),
        })
    }
}

/// Writes everything down.
pub(crate) struct Writer {
    file: StopWriter,
    started: Instant,
}

impl Writer {
    fn write(&mut self, stop: LoggedStop, at: Duration) -> io::Result<()> {
        let at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.file
            .write(&LoggedStop { at_ns, ..stop })
            .map_err(io::Error::other)
    }
}

impl Log for Writer {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.started = now;
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        // What a program in the kernel saw is told of later.
        let at = match event.what {
            What::Returned(returned) => returned.at,
            _ => self.started.elapsed(),
        };
        self.write(line(event), at)
    }
}

fn line(event: &Event<'_>) -> LoggedStop {
    let name = |(abi, number): (Abi, u32)| Table::current().name_of(abi, number).map(str::to_owned);
    let line = LoggedStop {
        tid: event.tid.0,
        abi: event.call.map(|(abi, _)| abi.to_string()),
        number: event.call.map(|(_, number)| number),
        call: event.call.and_then(name),
        ..LoggedStop::default()
    };
    match event.what {
        What::Stop(seen) => of_stop(line, seen),
        What::Notification => LoggedStop {
            stop: StopKind::Notification,
            ..line
        },
        What::Returned(returned) => LoggedStop {
            stop: StopKind::Returned,
            result: returned.result,
            arguments: Some(returned.arguments),
            took_ns: returned.took_ns,
            ..line
        },
        What::Ended(End::Exited(code)) => LoggedStop {
            stop: StopKind::Exited,
            exit_code: Some(code),
            ..line
        },
        What::Ended(End::Killed(signal)) => LoggedStop {
            stop: StopKind::Killed,
            signal: Some(signal),
            ..line
        },
    }
}

/// What a stop of ptrace(2) adds to a line.
fn of_stop(line: LoggedStop, seen: &Seen) -> LoggedStop {
    let (restart, inject) = match seen.restart {
        None => (None, 0),
        Some(machine::Restart::Cont(signal)) => (Some(Restart::Cont), signal),
        Some(machine::Restart::Syscall(signal)) => (Some(Restart::Syscall), signal),
        Some(machine::Restart::Listen) => (Some(Restart::Listen), 0),
    };
    let signal = match seen.stop {
        Stop::Signal(signal) | Stop::Group(signal) => Some(signal),
        _ => None,
    };
    let (result, data) = match seen.info {
        Some(SyscallInfo::Exit { result, .. }) => (Some(result), None),
        Some(SyscallInfo::Seccomp { data, .. }) => (None, Some(data)),
        _ => (None, None),
    };
    LoggedStop {
        stop: kind(seen),
        result,
        data,
        signal,
        task: seen.task.map(|task| task.0),
        restart,
        inject: (inject != 0).then_some(inject),
        ..line
    }
}

fn kind(seen: &Seen) -> StopKind {
    match (seen.stop, seen.info) {
        (Stop::Syscall, Some(SyscallInfo::Entry(_))) => StopKind::SyscallEnter,
        (Stop::Syscall, Some(SyscallInfo::Exit { .. })) => StopKind::SyscallExit,
        (Stop::Syscall, _) | (Stop::Seccomp, None) => StopKind::Dying,
        (Stop::Seccomp, Some(_)) => StopKind::Seccomp,
        (Stop::Event(stop::Event::Fork), _) => StopKind::Fork,
        (Stop::Event(stop::Event::Vfork), _) => StopKind::Vfork,
        (Stop::Event(stop::Event::Clone), _) => StopKind::Clone,
        (Stop::Event(stop::Event::Exec), _) => StopKind::Exec,
        (Stop::Event(stop::Event::Other), _) => StopKind::OtherEvent,
        (Stop::Trap, _) => StopKind::EventStop,
        (Stop::Group(_), _) => StopKind::Group,
        (Stop::Signal(_), _) => StopKind::Signal,
    }
}
