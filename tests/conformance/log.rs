//! What is true of the stops and notifications of any run.

use crate::common::modes;
use crate::scenario::Kind;
use crate::story::number;
use harness_mode::Mechanism;
use harness_record::{LoggedStop, Restart, StopKind, StopLine};
use harness_syscalls::{Table, TraceSet};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// `SECCOMP_RET_DATA` of the harness's filters.
const OWN_DATA: u32 = harness_tracer::TRACE_DATA as u32;

/// A trace set.
///
/// # Errors
/// Why it is none.
pub(crate) fn parse(set: &str) -> Result<TraceSet, String> {
    TraceSet::parse(set, Table::current()).map_err(|error| format!("{set}: {error}"))
}

/// The lines of a log.
///
/// # Errors
/// A line that is none.
pub(crate) fn read(path: &Path) -> Result<Vec<StopLine>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("the log: {error}"))?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}")))
        .collect()
}

/// A mode without stops has none in its record, a mode with a supervisor logs its notifications, one that
/// streams calls logs each when it has ended, and one that is not told of calls logs nothing. See
/// [`stops`], [`notifications`] and [`returned`].
///
/// # Errors
/// What is not so.
pub(crate) fn check(
    lines: &[StopLine],
    set: &TraceSet,
    mode: &str,
    row: &Value,
) -> Result<(), String> {
    const SHOWN: usize = 20;
    let kind = Kind::of(mode);
    let mut errors = if kind.has_stops() {
        stops(lines, set, kind, row)
    } else if kind == Kind::Notified {
        notifications(lines, set, row)
    } else if modes::mechanism(mode) == Mechanism::TracepointStream {
        returned(lines, set, row)
    } else if lines.is_empty() {
        Vec::new()
    } else {
        vec![format!(
            "{} lines, and nobody is told of calls",
            lines.len()
        )]
    };
    let counted = &row["stops"]["total"];
    if !kind.has_stops() && !counted.is_null() && *counted != 0 {
        errors.push(format!(
            "the record counts {counted} stops, and there is no tracer"
        ));
    }
    errors.truncate(SHOWN);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// Every stop is of a kind that the mode has, signals are injected where they are
/// delivered and nowhere else, calls begin and end in turn, only calls of the set
/// stop under a filter, every task that was seen ends, and the record counts what
/// the log tells.
fn stops(lines: &[StopLine], set: &TraceSet, kind: Kind, row: &Value) -> Vec<String> {
    let mut checker = Checker {
        set,
        kind,
        tasks: HashMap::new(),
        living: HashSet::new(),
        traced: 0,
    };
    let mut errors = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Err(what) = checker.step(&line.stop) {
            errors.push(format!("line {}: {what}: {:?}", at + 1, line.stop));
        }
    }
    if !checker.living.is_empty() {
        errors.push(format!("no end was seen of {:?}", checker.living));
    }
    errors.extend(unlike(lines, checker.traced, row));
    errors
}

/// Every line is a call of the set that was let go on, and says of nothing else; the record counts
/// each of them once, and as interceptions those, too, whose wait a signal ended.
fn notifications(lines: &[StopLine], set: &TraceSet, row: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let stop = &line.stop;
        let alone = LoggedStop {
            at_ns: stop.at_ns,
            tid: stop.tid,
            stop: StopKind::Notification,
            abi: stop.abi.clone(),
            number: stop.number,
            call: stop.call.clone(),
            ..LoggedStop::default()
        };
        let contained = number(stop).is_some_and(|(abi, number)| set.contains(abi, number));
        if *stop != alone || !contained {
            errors.push(format!(
                "line {}: no call of the set alone: {stop:?}",
                at + 1
            ));
        }
    }
    let told = lines.len() as u64;
    if row["traced_events"] != told {
        let counted = &row["traced_events"];
        errors.push(format!(
            "the record counts {counted} traced events, the log {told}"
        ));
    }
    if row["interceptions"]
        .as_u64()
        .is_none_or(|counted| counted < told)
    {
        let counted = &row["interceptions"];
        errors.push(format!(
            "the record counts {counted} interceptions, the log {told}"
        ));
    }
    errors
}

/// What the lines so far have told.
struct Checker<'a> {
    set: &'a TraceSet,
    kind: Kind,
    tasks: HashMap<i32, Task>,
    living: HashSet<i32>,
    traced: u64,
}

#[derive(Default)]
struct Task {
    in_call: bool,
    ended: bool,
}

impl Checker<'_> {
    fn step(&mut self, stop: &LoggedStop) -> Result<(), &'static str> {
        let contained = number(stop).is_some_and(|(abi, number)| self.set.contains(abi, number));
        let task = self.tasks.entry(stop.tid).or_default();
        match stop.stop {
            StopKind::SyscallEnter | StopKind::Seccomp => {
                if (stop.stop == StopKind::Seccomp) != (self.kind == Kind::Filtered) {
                    return Err("not a stop of this mode");
                }
                // Other data is that of a filter of the program's own: the call is
                // skipped, and has no exit.
                let own = stop.data.is_none_or(|data| data == OWN_DATA);
                if std::mem::replace(&mut task.in_call, own) {
                    return Err("a call in a call");
                }
                self.traced += u64::from(contained);
                if self.kind == Kind::Filtered && own && !contained {
                    return Err("not in the trace set");
                }
            }
            StopKind::SyscallExit if !std::mem::take(&mut task.in_call) => {
                return Err("the exit of a call that was not entered");
            }
            StopKind::Exited | StopKind::Killed => {
                self.living.remove(&stop.tid);
                task.in_call = false;
                return if std::mem::replace(&mut task.ended, true) {
                    Err("a second end")
                } else {
                    Ok(())
                };
            }
            StopKind::Exec => {
                if let Some(former) = stop.task.filter(|&former| former != stop.tid) {
                    // The thread goes on under the leader's id.
                    self.living.remove(&former);
                    let former = self.tasks.remove(&former).unwrap_or_default();
                    self.tasks.insert(stop.tid, former);
                }
            }
            StopKind::Fork | StopKind::Vfork | StopKind::Clone => {
                if let Some(new) = stop.task.and_then(|task| self.tasks.get_mut(&task)) {
                    // Its id may have come again.
                    new.ended = false;
                }
            }
            _ => {}
        }
        self.living.insert(stop.tid);
        self.tasks.entry(stop.tid).or_default().ended = false;
        self.restarted(stop)
    }

    fn restarted(&self, stop: &LoggedStop) -> Result<(), &'static str> {
        let delivered = stop.signal.filter(|_| stop.stop == StopKind::Signal);
        if stop.inject != delivered {
            return Err("a signal that is delivered is injected, nothing else");
        }
        let in_call = self.tasks.get(&stop.tid).is_some_and(|task| task.in_call);
        let restart = match (stop.stop, self.kind) {
            (StopKind::Dying, _) => return Ok(()),
            (StopKind::Group, _) => Restart::Listen,
            (_, Kind::Filtered) if !in_call => Restart::Cont,
            _ => Restart::Syscall,
        };
        if stop.restart == Some(restart) {
            Ok(())
        } else {
            Err("another restart")
        }
    }
}

/// Counts of the record that are not those of the log.
fn unlike(lines: &[StopLine], traced: u64, row: &Value) -> Vec<String> {
    let count = |name: &str| {
        let of_name = lines.iter().filter(|line| column(line.stop.stop) == name);
        of_name.count() as u64
    };
    let kinds = [
        "syscall_enter",
        "syscall_exit",
        "seccomp",
        "event",
        "signal",
        "group",
    ];
    kinds
        .iter()
        .map(|&kind| (kind, &row["stops"][kind], count(kind)))
        .chain([("traced", &row["traced_events"], traced)])
        .filter(|(_, counted, logged)| *counted != logged)
        .map(|(kind, counted, logged)| {
            format!("the record counts {counted} {kind} stops, the log {logged}")
        })
        .collect()
}

/// What is not as it must be with a mode that streams calls: each line is a call of the set, with a time
/// where it has a result, and as many as the record counts.
fn returned(lines: &[StopLine], set: &TraceSet, row: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let stop = &line.stop;
        let traced = number(stop).is_some_and(|(abi, number)| set.contains(abi, number));
        if stop.stop != StopKind::Returned || !traced || stop.arguments.is_none() {
            errors.push(format!("line {}: no call of the set", at + 1));
        }
        if stop.result.is_some() != stop.took_ns.is_some() {
            errors.push(format!(
                "line {}: a result without a time, or a time without a result",
                at + 1
            ));
        }
    }
    let told = lines.len() as u64;
    if row["traced_events"] != told {
        let counted = &row["traced_events"];
        errors.push(format!(
            "the record counts {counted} traced events, the log {told}"
        ));
    }
    errors
}

/// Where a stop is counted.
fn column(kind: StopKind) -> &'static str {
    match kind {
        StopKind::SyscallEnter => "syscall_enter",
        StopKind::SyscallExit => "syscall_exit",
        StopKind::Seccomp => "seccomp",
        StopKind::Signal => "signal",
        StopKind::Group => "group",
        StopKind::Fork
        | StopKind::Vfork
        | StopKind::Clone
        | StopKind::Exec
        | StopKind::EventStop
        | StopKind::OtherEvent => "event",
        StopKind::Notification => "notification",
        StopKind::Returned | StopKind::Exited | StopKind::Killed | StopKind::Dying => "",
    }
}
