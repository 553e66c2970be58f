//! The row of a sample: what its process said, and what that does not say.

use crate::wire::Done;
use harness_record::{Sample, SampleStatus, Slot};

/// What a run was made with that its outcome does not say.
pub(crate) struct Context {
    pub(crate) padding: u32,
    pub(crate) started_ns: u64,
    pub(crate) steal_ns: Option<u64>,
    pub(crate) cpu_pressure_ns: Option<u64>,
    pub(crate) others_cpu_ns: Option<u64>,
    pub(crate) lifetime_ns: u64,
}

/// The kernel's counters of a resident set are this wrong at times, KiB: each CPU keeps up to
/// some pages for itself (`percpu_counter_batch`, lib/percpu_counter.c).
const RSS_SLACK_KIB: u64 = 512;

/// The row; `error` says why it does not count.
pub(crate) fn row(
    index: u64,
    slot: &Slot,
    done: &Done,
    context: &Context,
    has_tracer: bool,
    error: Option<String>,
) -> Sample {
    // The process of a sample has an account of its own also where it traces nobody.
    let tracer = (has_tracer && !done.tracer_unknown).then_some(done.tracer);
    Sample {
        index,
        workload: slot.workload.clone(),
        mode: slot.mode.clone(),
        block: slot.block,
        pass: slot.pass,
        status: if error.is_none() {
            SampleStatus::Ok
        } else {
            SampleStatus::Failed
        },
        error,
        executions: done.executions,
        exit_code: done.exit_code,
        signal: done.signal,
        wall_ns: done.wall_ns,
        loop_ns: done.loop_ns,
        user_ns: done.tracees.user_ns,
        sys_ns: done.tracees.sys_ns,
        tracer_user_ns: tracer.map(|account| account.user_ns),
        tracer_sys_ns: tracer.map(|account| account.sys_ns),
        tracee_voluntary: done.tracees.voluntary,
        tracee_involuntary: done.tracees.involuntary,
        tracer_voluntary: tracer.map(|account| account.voluntary),
        tracer_involuntary: tracer.map(|account| account.involuntary),
        counts: done.counts.clone(),
        max_rss_kib: max_rss_kib(done),
        env_padding_bytes: context.padding,
        steal_ns: context.steal_ns,
        cpu_pressure_ns: context.cpu_pressure_ns,
        started_ns: context.started_ns,
        side: slot.side,
        others_cpu_ns: context.others_cpu_ns,
        lifetime_ns: Some(context.lifetime_ns),
    }
}

/// The largest resident set where it is a program's and not what every tracee has of the harness.
fn max_rss_kib(done: &Done) -> Option<u64> {
    let told_apart = done.inherited_rss_kib.saturating_add(RSS_SLACK_KIB);
    Some(done.max_rss_kib).filter(|kib| *kib > told_apart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Account;

    fn slot() -> Slot {
        Slot {
            workload: "command".to_owned(),
            mode: "none".to_owned(),
            block: 0,
            pass: 0,
            side: None,
        }
    }

    fn of(done: &Done, has_tracer: bool) -> Sample {
        let context = Context {
            padding: 0,
            started_ns: 0,
            steal_ns: None,
            cpu_pressure_ns: None,
            others_cpu_ns: None,
            lifetime_ns: 1,
        };
        row(0, &slot(), done, &context, has_tracer, None)
    }

    #[test]
    fn where_nobody_traces_there_is_no_account_of_a_tracer() {
        let done = Done {
            tracer: Account {
                user_ns: 1,
                sys_ns: 2,
                voluntary: 3,
                involuntary: 4,
            },
            ..Done::default()
        };
        let tracer = |sample: &Sample| {
            [
                sample.tracer_user_ns,
                sample.tracer_sys_ns,
                sample.tracer_voluntary,
                sample.tracer_involuntary,
            ]
        };
        assert_eq!(tracer(&of(&done, false)), [None; 4]);
        assert_eq!(
            tracer(&of(&done, true)),
            [Some(1), Some(2), Some(3), Some(4)]
        );
    }

    #[test]
    fn memory_that_may_be_the_harnesss_is_not_said_to_be_the_programs() {
        for (max, inherited, expected) in [
            (1660, 1600, None),
            (1600, 1660, None),
            (2112, 1600, None),
            (2113, 1600, Some(2113)),
            (90_000, 1600, Some(90_000)),
        ] {
            let done = Done {
                max_rss_kib: max,
                inherited_rss_kib: inherited,
                ..Done::default()
            };
            assert_eq!(of(&done, true).max_rss_kib, expected, "{max}, {inherited}");
        }
    }
}
