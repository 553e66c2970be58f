//! Whether a sample did what it must, before it counts.

use crate::subject::Subject;
use crate::wire::Done;
use harness_mode::Traced;
use harness_record::{Counter, counted};
use std::collections::BTreeMap;

/// How the program must end: as in the first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) mode: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// Checks one sample against the workload's statement and the first run's end; its traced events
/// against those of the set that the mode traces, and not where it has a rule of its own. Lost
/// events are none that could be counted.
///
/// # Errors
/// What it did instead, in a line.
pub(crate) fn check(
    done: &Done,
    executions: u32,
    subject: &Subject,
    traced: &Traced,
    accepted: Accepted,
    reference: Option<&Reference>,
) -> Result<(), String> {
    let end = end(done.exit_code, done.signal);
    if let Some(reference) = reference
        && !done.end_unknown
        && (done.exit_code, done.signal) != (reference.exit_code, reference.signal)
    {
        let expected = self::end(reference.exit_code, reference.signal);
        return Err(format!(
            "it {end}, but under mode {} it {expected}; a command must end alike in every mode{}",
            reference.mode,
            quoted(&done.stderr)
        ));
    }
    if !done.succeeded() && !accepted.failure {
        return Err(format!(
            "it {end}; use --ignore-failure if that is as it should be{}",
            quoted(&done.stderr)
        ));
    }
    let plan = &subject.plan;
    if plan.times_itself && done.loop_ns.is_none() {
        return Err("it reported no loop time".to_owned());
    }
    let all_calls = plan.stated_calls.as_ref().map(|calls| calls.values().sum());
    let checks = [
        (Counter::TracedEvents, stated_events(subject, traced)),
        (Counter::Syscalls, all_calls),
        (Counter::Tracees, plan.stated_tasks),
    ];
    let lost = done.counts.get(Counter::LostEvents).unwrap_or(0);
    if lost > 0 && !accepted.loss {
        return Err(format!(
            "its mode lost {}, so what it counted is not all there was; keep other processes off its CPUs, make its buffers larger if it has any, or use --allow-loss",
            counted(lost, "event")
        ));
    }
    for (counter, stated) in checks {
        let seen = done.counts.get(counter);
        let stated = stated.map(|stated: u64| stated * u64::from(executions));
        if let (Some(seen), Some(stated)) = (seen, stated)
            && !(seen..=seen.saturating_add(lost)).contains(&stated)
        {
            return Err(format!(
                "saw {}; the workload states {stated}",
                counted(seen, counter.info().noun)
            ));
        }
    }
    // Which calls were lost nobody knows.
    let compared = *traced != Traced::OwnRule && lost == 0;
    let stated = plan.stated_calls.as_ref().filter(|_| compared);
    match stated.and_then(|calls| unlike(done, calls, executions)) {
        Some((name, seen, stated)) => Err(format!(
            "saw {} of {name}; the workload states {stated}",
            counted(seen, "call")
        )),
        None => Ok(()),
    }
}

/// What is accepted that would fail a sample otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepted {
    /// A program that ends otherwise than with 0.
    pub(crate) failure: bool,
    /// A mode that lost events.
    pub(crate) loss: bool,
}

/// The traced events of one execution, where statement and mode determine them.
fn stated_events(subject: &Subject, traced: &Traced) -> Option<u64> {
    match traced {
        Traced::Nothing | Traced::OwnRule => None,
        Traced::Set(set) if *set == subject.set => subject.plan.stated_traced_events,
        Traced::Set(set) => {
            let calls = subject.plan.stated_calls.as_ref()?;
            Some(crate::subject::traced(calls, set))
        }
    }
}

/// The first traced call whose count is not the stated one.
fn unlike<'a>(
    done: &'a Done,
    stated: &BTreeMap<String, u64>,
    executions: u32,
) -> Option<(&'a str, u64, u64)> {
    done.calls.iter().find_map(|(name, of)| {
        let seen = of.calls;
        let stated = stated.get(name).copied().unwrap_or(0) * u64::from(executions);
        (seen != stated).then_some((name.as_str(), seen, stated))
    })
}

fn end(exit_code: Option<i32>, signal: Option<i32>) -> String {
    match (exit_code, signal) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "did not run".to_owned(),
    }
}

/// The last line a program wrote to standard error.
fn quoted(stderr: &str) -> String {
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |line| format!(" (it wrote: {})", line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_mode::Calls;
    use harness_record::{CallStatistics, Counts, Pin, WorkloadPlan};
    use harness_syscalls::{Table, TraceSet};

    fn set(text: &str) -> TraceSet {
        TraceSet::parse(text, Table::current()).expect("a trace set")
    }

    fn asked() -> Traced {
        Traced::Set(set("getppid"))
    }

    fn subject() -> Subject {
        let plan = WorkloadPlan {
            name: "w".to_owned(),
            command: vec![],
            trace: "getppid".to_owned(),
            pin: Pin::None,
            placement: None,
            cpus: Vec::new(),
            warmup: None,
            times_itself: true,
            operations: Some(10),
            loop_syscalls: Some(10),
            stated_calls: Some([("getppid".to_owned(), 10), ("execve".to_owned(), 1)].into()),
            stated_traced_events: Some(10),
            stated_execs: Some(1),
            stated_tasks: Some(1),
        };
        Subject {
            plan,
            set: set("getppid"),
            program: "w".into(),
            arguments: vec![],
            own: true,
        }
    }

    fn counts(traced_events: u64, syscalls: u64, tasks: u64) -> Counts {
        Counts::default()
            .with(Counter::TracedEvents, traced_events)
            .with(Counter::Syscalls, syscalls)
            .with(Counter::Tracees, tasks)
    }

    fn calls(calls: &[(&str, u64)]) -> Calls {
        let counted = calls
            .iter()
            .map(|&(name, count)| (name.to_owned(), CallStatistics::counted(count)));
        counted.collect()
    }

    fn good() -> Done {
        Done {
            executions: 2,
            exit_code: Some(0),
            loop_ns: Some(5),
            counts: counts(20, 22, 2),
            calls: calls(&[("getppid", 20)]),
            ..Done::default()
        }
    }

    #[test]
    fn a_sample_that_did_something_else_does_not_count() {
        let zero = Reference {
            mode: "none".to_owned(),
            exit_code: Some(0),
            signal: None,
        };
        let check = |done: &Done| {
            let accepted = Accepted::default();
            check(done, 2, &subject(), &asked(), accepted, Some(&zero))
        };
        assert_eq!(check(&good()), Ok(()));
        let cases = [
            (
                Done {
                    counts: counts(19, 22, 2),
                    ..good()
                },
                "19 traced events",
            ),
            (
                Done {
                    calls: calls(&[("getppid", 19), ("getpid", 1)]),
                    ..good()
                },
                "saw 1 call of getpid; the workload states 0",
            ),
            (
                Done {
                    counts: counts(20, 23, 2),
                    ..good()
                },
                "23 system calls",
            ),
            (
                Done {
                    counts: counts(20, 22, 3),
                    ..good()
                },
                "3 tasks",
            ),
            (
                Done {
                    loop_ns: None,
                    ..good()
                },
                "no loop time",
            ),
            (
                Done {
                    exit_code: None,
                    signal: Some(31),
                    ..good()
                },
                "killed by signal 31, but under mode none",
            ),
            (
                Done {
                    exit_code: Some(1),
                    stderr: "bad\n\n".to_owned(),
                    ..good()
                },
                "(it wrote: bad)",
            ),
        ];
        for (done, message) in cases {
            let error = check(&done).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn traced_events_of_another_rule_are_not_compared() {
        let own = Done {
            counts: counts(19, 22, 2),
            ..good()
        };
        let check = |done: &Done| {
            let rule = &Traced::OwnRule;
            check(done, 2, &subject(), rule, Accepted::default(), None)
        };
        assert_eq!(check(&own), Ok(()));
        let others = Done {
            counts: counts(19, 22, 3),
            ..own
        };
        assert!(check(&others).is_err());
    }

    #[test]
    fn a_failure_counts_only_where_asked_for_and_alike() {
        let failed = Done {
            exit_code: Some(3),
            ..good()
        };
        let three = Reference {
            mode: "none".to_owned(),
            exit_code: Some(3),
            signal: None,
        };
        let check = |done: &Done, failure, reference: Option<&Reference>| {
            let accepted = Accepted {
                failure,
                ..Accepted::default()
            };
            check(done, 2, &subject(), &asked(), accepted, reference)
        };
        assert!(check(&failed, false, None).is_err());
        assert!(check(&failed, true, None).is_ok());
        assert!(check(&failed, true, Some(&three)).is_ok());
        assert!(check(&good(), true, Some(&three)).is_err());
    }

    /// strace traces execve whatever it is asked for, for one.
    #[test]
    fn a_mode_is_held_to_the_set_that_it_traces() {
        let larger = Traced::Set(set("getppid,execve"));
        let done = Done {
            counts: counts(22, 22, 2),
            calls: calls(&[("getppid", 20), ("execve", 2)]),
            ..good()
        };
        let check = |done: &Done, traced: &Traced| {
            check(done, 2, &subject(), traced, Accepted::default(), None)
        };
        assert_eq!(check(&done, &larger), Ok(()));
        assert!(check(&done, &asked()).is_err());
        assert!(check(&good(), &larger).is_err());
    }

    #[test]
    fn lost_events_fail_a_sample_unless_they_are_allowed() {
        let check = |lost, loss| {
            let done = Done {
                counts: counts(19, 21, 2).with(Counter::LostEvents, lost),
                calls: calls(&[("getppid", 19)]),
                ..good()
            };
            let accepted = Accepted {
                loss,
                ..Accepted::default()
            };
            check(&done, 2, &subject(), &asked(), accepted, None)
        };
        assert!(check(1, false).unwrap_err().contains("lost 1 event"));
        assert_eq!(check(1, true), Ok(()));
        // A loss explains no more than was lost.
        assert!(check(0, true).unwrap_err().contains("19 traced events"));
    }

    /// perf trace ends with 0 whatever the program did.
    #[test]
    fn an_end_that_is_not_told_is_not_compared() {
        let reference = Reference {
            mode: "none".to_owned(),
            exit_code: Some(3),
            signal: None,
        };
        let untold = |end_unknown| Done {
            exit_code: None,
            end_unknown,
            ..good()
        };
        let check = |done: &Done| {
            let accepted = Accepted::default();
            check(done, 2, &subject(), &asked(), accepted, Some(&reference))
        };
        assert_eq!(check(&untold(true)), Ok(()));
        assert!(check(&untold(false)).is_err());
    }
}
