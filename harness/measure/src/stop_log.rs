//! From the tracer's stops to the lines of a log.

use harness_mode::End;
use harness_record::{LoggedRun, LoggedStop, Restart, StopKind, StopLog, StopWriter};
use harness_sys::Tid;
use harness_sys::ptrace::SyscallInfo;
use harness_syscalls::{Abi, Table};
use harness_tracer::machine;
use harness_tracer::observer::{Observer, Seen};
use harness_tracer::stop::{Event, Stop};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Instant;

/// The log that one sample appends to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SampleLog {
    pub(crate) file: StopLog,
    pub(crate) run: LoggedRun,
}

impl SampleLog {
    /// For the stops of one execution of the sample.
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

/// Writes each stop down.
pub(crate) struct Writer {
    file: StopWriter,
    started: Instant,
}

impl Writer {
    fn write(&mut self, stop: LoggedStop) -> io::Result<()> {
        let at_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.file
            .write(&LoggedStop { at_ns, ..stop })
            .map_err(io::Error::other)
    }
}

impl Observer for Writer {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.started = now;
        Ok(())
    }

    fn stopped(&mut self, seen: &Seen) -> io::Result<()> {
        self.write(line(seen))
    }

    fn ended(&mut self, tid: Tid, end: End) -> io::Result<()> {
        let (stop, exit_code, signal) = match end {
            End::Exited(code) => (StopKind::Exited, Some(code), None),
            End::Killed(signal) => (StopKind::Killed, None, Some(signal)),
        };
        self.write(LoggedStop {
            tid: tid.0,
            stop,
            exit_code,
            signal,
            ..LoggedStop::default()
        })
    }
}

fn line(seen: &Seen) -> LoggedStop {
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
    let call = seen.call();
    let name = |(abi, number): (Abi, u32)| Table::current().name_of(abi, number).map(str::to_owned);
    LoggedStop {
        at_ns: 0,
        tid: seen.tid.0,
        stop: kind(seen),
        abi: call.map(|(abi, _)| abi.to_string()),
        number: call.map(|(_, number)| number),
        call: call.and_then(name),
        result,
        data,
        signal,
        task: seen.task.map(|task| task.0),
        exit_code: None,
        restart,
        inject: (inject != 0).then_some(inject),
    }
}

fn kind(seen: &Seen) -> StopKind {
    match (seen.stop, seen.info) {
        (Stop::Syscall, Some(SyscallInfo::Entry(_))) => StopKind::SyscallEnter,
        (Stop::Syscall, Some(SyscallInfo::Exit { .. })) => StopKind::SyscallExit,
        (Stop::Syscall, _) | (Stop::Seccomp, None) => StopKind::Dying,
        (Stop::Seccomp, Some(_)) => StopKind::Seccomp,
        (Stop::Event(Event::Fork), _) => StopKind::Fork,
        (Stop::Event(Event::Vfork), _) => StopKind::Vfork,
        (Stop::Event(Event::Clone), _) => StopKind::Clone,
        (Stop::Event(Event::Exec), _) => StopKind::Exec,
        (Stop::Event(Event::Other), _) => StopKind::OtherEvent,
        (Stop::Trap, _) => StopKind::EventStop,
        (Stop::Group(_), _) => StopKind::Group,
        (Stop::Signal(_), _) => StopKind::Signal,
    }
}
