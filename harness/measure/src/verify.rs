//! Whether a sample did what it must, before it counts.

use crate::isolated::Done;
use crate::subject::Subject;
use harness_record::counted;
use std::collections::BTreeMap;

/// How the program must end: as in the first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) mode: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// Checks one sample against the workload's statement and the first run's end;
/// its traced events only where they are those of the trace set.
///
/// # Errors
/// What it did instead, in a line.
pub(crate) fn check(
    done: &Done,
    executions: u32,
    subject: &Subject,
    traces_set: bool,
    ignore_failure: bool,
    reference: Option<&Reference>,
) -> Result<(), String> {
    let end = end(done.exit_code, done.signal);
    if let Some(reference) = reference
        && (done.exit_code, done.signal) != (reference.exit_code, reference.signal)
    {
        let expected = self::end(reference.exit_code, reference.signal);
        return Err(format!(
            "it {end}, but under mode {} it {expected}; a command must end alike in every mode{}",
            reference.mode,
            quoted(&done.stderr)
        ));
    }
    if done.exit_code != Some(0) && !ignore_failure {
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
        (
            "traced event",
            done.traced_events.filter(|_| traces_set),
            plan.stated_traced_events,
        ),
        ("system call", done.syscalls, all_calls),
        ("task", done.tracees_seen, plan.stated_tasks),
    ];
    for (what, seen, stated) in checks {
        let stated = stated.map(|stated: u64| stated * u64::from(executions));
        if let (Some(seen), Some(stated)) = (seen, stated)
            && seen != stated
        {
            return Err(format!(
                "saw {}; the workload states {stated}",
                counted(seen, what)
            ));
        }
    }
    let stated = plan.stated_calls.as_ref().filter(|_| traces_set);
    match stated.and_then(|calls| unlike(done, calls, executions)) {
        Some((name, seen, stated)) => Err(format!(
            "saw {} of {name}; the workload states {stated}",
            counted(seen, "call")
        )),
        None => Ok(()),
    }
}

/// The first traced call whose count is not the stated one.
fn unlike<'a>(
    done: &'a Done,
    stated: &BTreeMap<String, u64>,
    executions: u32,
) -> Option<(&'a str, u64, u64)> {
    done.calls.iter().find_map(|(name, &seen)| {
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
    use harness_record::{Pin, WorkloadPlan};

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
            program: "w".into(),
            arguments: vec![],
            own: true,
        }
    }

    fn good() -> Done {
        Done {
            executions: 2,
            exit_code: Some(0),
            loop_ns: Some(5),
            traced_events: Some(20),
            calls: [("getppid".to_owned(), 20)].into(),
            syscalls: Some(22),
            tracees_seen: Some(2),
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
        let check = |done: &Done| check(done, 2, &subject(), true, false, Some(&zero));
        assert_eq!(check(&good()), Ok(()));
        let cases = [
            (
                Done {
                    traced_events: Some(19),
                    ..good()
                },
                "19 traced events",
            ),
            (
                Done {
                    calls: [("getppid".to_owned(), 19), ("getpid".to_owned(), 1)].into(),
                    ..good()
                },
                "saw 1 call of getpid; the workload states 0",
            ),
            (
                Done {
                    syscalls: Some(23),
                    ..good()
                },
                "23 system calls",
            ),
            (
                Done {
                    tracees_seen: Some(3),
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
            traced_events: Some(19),
            ..good()
        };
        assert_eq!(check(&own, 2, &subject(), false, false, None), Ok(()));
        let others = Done {
            tracees_seen: Some(3),
            ..own
        };
        assert!(check(&others, 2, &subject(), false, false, None).is_err());
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
        assert!(check(&failed, 2, &subject(), true, false, None).is_err());
        assert!(check(&failed, 2, &subject(), true, true, None).is_ok());
        assert!(check(&failed, 2, &subject(), true, true, Some(&three)).is_ok());
        assert!(check(&good(), 2, &subject(), true, true, Some(&three)).is_err());
    }
}
